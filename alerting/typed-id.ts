/** An id as it is typed: no command takes it for an option. */
export function typedId(id: string): string {
  return id.replace(/^-+/u, '')
}
