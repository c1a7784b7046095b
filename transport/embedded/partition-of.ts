import { crc32 } from 'node:zlib'

/** The partition of a key: the same key always lies in the same one. */
export function partitionOf(key: string, partitions: number): number {
  return crc32(key) % partitions
}
