import { freePorts } from '../../demo/broker/free-ports.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import { type Elasticsearch, startElasticsearch } from './elasticsearch.ts'

/** Three private nodes of one cluster on loopback, each of which may be killed and brought back. */
export async function startElasticsearchCluster(extra: readonly string[] = []): Promise<Started<Elasticsearch[]>> {
  const shutdown = new Shutdown()
  const stop = () => shutdown.run(AbortSignal.timeout(60_000))
  const ports = await freePorts(3)
  const outcomes = await Promise.allSettled(
    ports.map(async (own, index) => {
      const cluster = [own, ...ports.filter((port) => port !== own)]
      return shutdown.own(`elasticsearch ${index}`, await startElasticsearch({ cluster, extra }))
    }),
  )
  const nodes = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  if (nodes.length === ports.length) return { value: nodes, stop }
  await stop()
  throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
}
