import { afterEach, expect, test } from 'vitest'
import type { Started } from '../../../runtime/shutdown.ts'
import { startElasticsearch } from '../../servers/elasticsearch.ts'
import { expectNothingLeft } from './leaves-nothing.ts'

const stops: (() => Promise<void>)[] = []
const own = <T>({ value, stop }: Started<T>): T => {
  stops.push(stop)
  return value
}
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test('8.19 with security on takes the right password alone, keeps documents over a kill, and leaves nothing', async () => {
  const started = await startElasticsearch({ password: 'changeme' })
  const elasticsearch = own(started)
  const ask = (path: string, method = 'GET', password = 'changeme', body?: string) =>
    fetch(`${elasticsearch.url}${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`elastic:${password}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body !== undefined && { body }),
    })
  expect((await ask('/_cat/health', 'GET', 'wrong')).status).toBe(401)
  expect((await ask('/kept/_doc/1?refresh=true', 'PUT', 'changeme', '{"a":1}')).status).toBe(201)
  await elasticsearch.kill()
  await elasticsearch.start()
  expect((await ask('/kept/_doc/1')).status).toBe(200)
  await started.stop()
  await expectNothingLeft(elasticsearch.base)
})

test('9.2 serves with a setting of the test', async () => {
  const elasticsearch = own(await startElasticsearch({ version: '9.2.4', extra: ['thread_pool.write.queue_size: 1'] }))
  const settings = await (await fetch(`${elasticsearch.url}/_nodes/settings?flat_settings=true`)).text()
  expect(settings).toContain('"thread_pool.write.queue_size":"1"')
  expect(settings).toContain('"version":"9.2.4"')
})
