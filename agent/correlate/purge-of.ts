/** The queue that a request of the management API purged; undefined for every other request. */
export function purgedQueue(
  method: string | undefined,
  path: string | undefined,
  status: number | undefined,
): { vhost: string; queue: string } | undefined {
  if (method !== 'DELETE' || path === undefined || status === undefined || status < 200 || status > 299)
    return undefined
  // A path prefix may stand before /api (management.path_prefix).
  const found = /\/api\/queues\/([^/]+)\/([^/]+)\/contents\/?$/.exec(path)
  const [, vhost, queue] = found ?? []
  if (vhost === undefined || queue === undefined) return undefined
  try {
    return { vhost: decodeURIComponent(vhost), queue: decodeURIComponent(queue) }
  } catch {
    return undefined
  }
}
