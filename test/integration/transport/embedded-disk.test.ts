import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../servers/eventually.ts'
import { startSmallDisk } from '../../servers/small-disk.ts'
import { recordOf } from './conformance.ts'
import { keepingLogger, never, openAt, readAll } from './embedded-setup.ts'

test('a full disk pauses writing, is told once, and all goes on when there is room, also after a restart on it', async () => {
  const disk = startSmallDisk(4 * 2 ** 20)
  onTestFinished(disk.stop)
  const { value: small } = disk
  const { log, told } = keepingLogger()
  const open = () => openAt(`${small.dir}/log`, { partitions: 1, segmentBytes: 100_000 }, log)
  const first = await open()
  const producer = await first.value.createProducer()
  const sent: string[] = []
  const send = async (to: typeof producer, text: string) => {
    sent.push(text)
    await to.value.send([{ ...recordOf('k', text), value: Buffer.from(text.padEnd(30_000)) }], never)
  }
  await send(producer, 'before')
  small.fill()
  const waiting = (async () => {
    for (let number = 0; number < 8; number++) await send(producer, `during ${number}`)
  })()
  await eventually(() => expect(producer.value.isConnected()).toBe(false))
  small.relieve()
  await waiting
  expect(producer.value.isConnected()).toBe(true)
  expect(told.map(({ msg }) => msg)).toEqual([
    'log cannot be written: sources pause, nothing is lost',
    'log is written again',
  ])
  expect(told[0]?.err?.message).toContain('ENOSPC')
  small.fill()
  await first.stop()
  const second = await open()
  const again = await second.value.createProducer()
  const later = (async () => {
    for (let number = 0; number < 8; number++) await send(again, `after ${number}`)
  })()
  await eventually(() => expect(again.value.isConnected()).toBe(false))
  small.relieve()
  await later
  await second.stop()
  const { texts } = await readAll(`${small.dir}/log`)
  expect(texts.map((text) => text.trim())).toEqual(sent)
})
