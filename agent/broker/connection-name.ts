/** Every connection of an agent is named so; its own doings are recognised by this prefix. */
export const connectionNamePrefix = 'thump-agent@'

export function connectionName(hostName: string): string {
  return `${connectionNamePrefix}${hostName}`
}
