import { askManagement, type ManagementAccount } from '../../broker/management.ts'

/** Switches tracing of a vhost on the node beside us. The account must be an administrator. */
export async function switchTracing(
  account: ManagementAccount,
  vhost: string,
  isOn: boolean,
  signal: AbortSignal,
): Promise<void> {
  const path = `/vhosts/${encodeURIComponent(vhost)}`
  // The request sets all of a vhost's settings: those not sent back would be lost.
  const { description, tags, default_queue_type: queueType } = await askManagement(account, path, signal)
  await askManagement(account, path, signal, {
    tracing: isOn,
    ...(typeof description === 'string' && { description }),
    ...(Array.isArray(tags) && { tags: tags.join(',') }),
    ...(typeof queueType === 'string' && queueType !== 'undefined' && { default_queue_type: queueType }),
  })
}
