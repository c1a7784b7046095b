/** The hash that Kafka's own producers place keys by, so that other clients' records of a key join ours. */
export function murmur2(key: Buffer): number {
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ key.length
  let at = 0
  for (; at + 4 <= key.length; at += 4) {
    let word = Math.imul(key.readInt32LE(at), m)
    word = Math.imul(word ^ (word >>> 24), m)
    hash = Math.imul(hash, m) ^ word
  }
  const left = key.length - at
  if (left >= 3) hash ^= (key[at + 2] ?? 0) << 16
  if (left >= 2) hash ^= (key[at + 1] ?? 0) << 8
  if (left >= 1) hash = Math.imul(hash ^ (key[at] ?? 0), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** The partition of a key among `count`: the same key, the same partition, while the count stays. */
export function partitionOf(key: Buffer, count: number): number {
  return (murmur2(key) & 0x7fffffff) % count
}
