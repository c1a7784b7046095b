/**
 * SQLite reads its write-ahead log up to the first frame whose checksum fails, and passes over the rest in silence: right
 * for a write that was torn, wrong for one that was acknowledged and damaged later. This tells them apart.
 *
 * The file: 32 bytes of header (magic, version, page size, sequence, two salts, two sums), then frames of 24 bytes (page,
 * size of the database where the frame ends a transaction, the same salts, two running sums) and a page.
 */
const headerBytes = 32
const frameBytes = 24
const pageBytes = 4096

/** How many transactions lie whole in the log, and will not be read, since a frame of theirs or before them is damaged. */
export function lostTransactions(log: Buffer): number {
  if (log.length < headerBytes + frameBytes + pageBytes) return 0
  const isBigEndian = (log.readUInt32BE(0) & 1) === 1
  const words = new DataView(log.buffer, log.byteOffset, log.byteLength)
  let sums = addUp(words, 0, 24, [0, 0], !isBigEndian)
  let isReadable = isSum(words, 24, sums)
  // A damaged header says nothing; frames of one round share their salts.
  const salts = isReadable ? log.subarray(16, 24) : log.subarray(headerBytes + 8, headerBytes + 16)
  let lost = 0
  for (let at = headerBytes; at + frameBytes + pageBytes <= log.length; at += frameBytes + pageBytes) {
    const isOfRound = log.subarray(at + 8, at + 16).equals(salts)
    if (isReadable) {
      sums = addUp(words, at, 8, sums, !isBigEndian)
      sums = addUp(words, at + frameBytes, pageBytes, sums, !isBigEndian)
      isReadable = isOfRound && isSum(words, at + 16, sums)
    }
    const endsTransaction = words.getUint32(at + 4) !== 0
    if (!isReadable && isOfRound && endsTransaction) lost++
  }
  return lost
}

type Sums = readonly [number, number]

function addUp(words: DataView, from: number, bytes: number, [first, second]: Sums, isLittleEndian: boolean): Sums {
  let [a, b] = [first, second]
  for (let at = from; at < from + bytes; at += 8) {
    a = (a + words.getUint32(at, isLittleEndian) + b) >>> 0
    b = (b + words.getUint32(at + 4, isLittleEndian) + a) >>> 0
  }
  return [a, b]
}

function isSum(words: DataView, at: number, [first, second]: Sums): boolean {
  return words.getUint32(at) === first && words.getUint32(at + 4) === second
}
