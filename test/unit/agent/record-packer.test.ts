import { expect, test } from 'vitest'
import { RecordPacker } from '../../../agent/pack/record-packer.ts'
import { unpack } from '../../../transport/packed-records.ts'

function write(packer: RecordPacker, key: string, from: number, count: number): void {
  for (let index = from; index < from + count; index++) {
    packer.begin('APP', key, 40)
    packer.out.ascii(`value ${index}`)
    const valueEnd = packer.out.at
    packer.out.ascii(`id-${index}`)
    packer.add(valueEnd, index)
  }
}

const read = (packer: RecordPacker) => {
  const { packs, release } = packer.take()
  const records = () =>
    packs
      .flatMap(unpack)
      .map(
        ({ key, value, headers, timestampMs }) =>
          `${key} ${Buffer.from(value).toString()} ${headers['id']} ${timestampMs}`,
      )
  return { records, release }
}
const expected = (key: string, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${key} value ${from + index} id-${from + index} ${from + index}`)

test('more small records than a slab holds keep their order, ids and times, over a change of the key', () => {
  const packer = new RecordPacker()
  write(packer, 'a', 0, 3000)
  write(packer, 'b', 3000, 7000)
  expect(read(packer).records()).toEqual([...expected('a', 0, 3000), ...expected('b', 3000, 7000)])
})

test('packs stay as they are while others are written, until their memory is given back', () => {
  const packer = new RecordPacker()
  write(packer, 'a', 0, 5000)
  const first = read(packer)
  write(packer, 'a', 5000, 5000)
  const second = read(packer)
  expect(first.records()).toEqual(expected('a', 0, 5000))
  first.release()
  write(packer, 'a', 10_000, 9000)
  expect(read(packer).records()).toEqual(expected('a', 10_000, 9000))
  expect(second.records()).toEqual(expected('a', 5000, 5000))
})
