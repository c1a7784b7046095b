import { freePorts } from '../../demo/broker/free-ports.ts'
import { Shutdown, type Started } from '../../runtime/shutdown.ts'
import { type Elasticsearch, startElasticsearch } from './elasticsearch.ts'

/** Three JVMs at once on a small machine: quick to start rather than quick. */
const frugal = { javaOptions: '-XX:TieredStopAtLevel=1', extra: ['node.processors: 1'] }

/** Three private nodes of one cluster on loopback, each of which may be killed and brought back. */
export async function startElasticsearchCluster(): Promise<Started<Elasticsearch[]>> {
  const shutdown = new Shutdown()
  const stop = () => shutdown.run(AbortSignal.timeout(60_000))
  const ports = await freePorts(3)
  const outcomes = await Promise.allSettled(
    ports.map(async (own, index) => {
      const cluster = [own, ...ports.filter((port) => port !== own)]
      return shutdown.own(`elasticsearch ${index}`, await startElasticsearch({ ...frugal, cluster }))
    }),
  )
  const nodes = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  if (nodes.length === ports.length) return { value: nodes, stop }
  await stop()
  throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason
}
