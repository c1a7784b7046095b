/** Kafka's variable-length integers: zigzag, seven bits a byte, the low ones first. Any safe integer. */
const limit = 2 ** 31

export function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = zigzag(value)
  // Above 31 bits the operators of 32 bits would lose the upper ones.
  while (rest >= limit) {
    buffer[at++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  while (rest > 127) {
    buffer[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

export function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = zigzag(value); rest > 127; bytes++) rest = rest < limit ? rest >>> 7 : Math.floor(rest / 128)
  return bytes
}

/** Reads at the cursor and moves it on. Throws RangeError where the bytes end first. */
export function readVarint(cursor: { readonly buffer: Buffer; at: number }): number {
  let value = 0
  let factor = 1
  for (;;) {
    const byte = cursor.buffer[cursor.at++]
    if (byte === undefined || factor > 2 ** 63) throw new RangeError('a number goes on beyond its batch')
    value += (byte & 127) * factor
    if (byte < 128) break
    factor *= 128
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
