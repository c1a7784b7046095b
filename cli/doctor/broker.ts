import type { ChannelModel } from 'amqplib'
import { connectBroker } from '../../agent/broker/connection.ts'
import { connectionNamePrefix } from '../../agent/broker/connection-name.ts'
import { askManagement, type ManagementAccount, RefusedLogin } from '../../agent/broker/management.ts'
import { diagnose } from '../../agent/sources/events/diagnosis.ts'
import { traceCommand } from '../../agent/sources/firehose/diagnosis.ts'
import { reasonOf } from '../../runtime/errors.ts'
import type { Context } from '../context.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const timeoutMs = 10_000
const maxSkewMs = 5000
const closeMs = 3000

/** Login, version, event exchange and rights, by a connection of the agent's own account. */
export async function checkBroker({ config }: Context): Promise<Finding[]> {
  const { amqp, events } = config.agent
  if (!amqp) return [warn('broker', 'agent.amqp is not set: no operation of the broker is seen')]
  const user = amqp.username ?? 'guest'
  const about = { user, vhost: events.vhost, queue: events.queue }
  let connection: ChannelModel | undefined
  try {
    connection = await connectBroker({ amqp, vhost: events.vhost, name: `${connectionNamePrefix}doctor`, timeoutMs })
    const { version } = connection.connection.serverProperties as { version?: string }
    const found = [ok('broker', `RabbitMQ ${version ?? 'of unknown version'} lets '${user}' in`)]
    if (!events.enabled) return found
    return [...found, await checkExchange(connection, about)]
  } catch (error) {
    return [asFinding('broker', diagnose(error, about).detail)]
  } finally {
    await Promise.race([connection?.close().catch(() => {}), new Promise((done) => setTimeout(done, closeMs).unref())])
  }
}

async function checkExchange(
  connection: ChannelModel,
  about: { user: string; vhost: string; queue: string },
): Promise<Finding> {
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    await channel.checkExchange('amq.rabbitmq.event')
    return ok('events', `the event exchange is there (vhost ${about.vhost})`)
  } catch (error) {
    return asFinding('events', diagnose(error, about).detail)
  }
}

/** A diagnosis ends with its command where there is one. */
function asFinding(check: string, detail: string): Finding {
  const [what = detail, fix] = detail.split(/; (?:run|set its password): |; on every node run: /)
  return fail(check, what, fix)
}

/** Rights, resources, clock and tracing, by the management API. */
export async function checkManagement({ config }: Context): Promise<Finding[]> {
  const { resources, amqp, firehose } = config.agent
  if (!resources.enabled) return [warn('management', 'agent.resources is off: no rule sees memory, disk or queues')]
  const username = resources.username ?? amqp?.username ?? 'guest'
  const password = resources.password ?? amqp?.password
  const account: ManagementAccount = { url: resources.url, username, ...(password && { password }) }
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const overview = await askManagement(account, '/overview', signal)
    const { rabbitmq_version: version, node } = overview as { rabbitmq_version?: string; node?: string }
    const found = [ok('management', `${resources.url}: RabbitMQ ${version ?? '?'}, node ${node ?? '?'}`)]
    found.push(...(await checkClock(resources.url)))
    if (firehose.enabled) for (const vhost of firehose.vhosts) found.push(await checkTracing(account, vhost, signal))
    return found
  } catch (error) {
    const refused = error instanceof Error ? error.cause : undefined
    if (refused instanceof RefusedLogin)
      return [fail('management', `${resources.url} refuses the login: ${refused.message}`, refused.fix)]
    return [
      fail(
        'management',
        `${resources.url} does not answer: ${reasonOf(error)}`,
        'rabbitmq-plugins enable rabbitmq_management, or set agent.resources.url',
      ),
    ]
  }
}

async function checkTracing(account: ManagementAccount, vhost: string, signal: AbortSignal): Promise<Finding> {
  try {
    // The list: a single vhost is shown to administrators only.
    const listed: unknown = await askManagement(account, '/vhosts?columns=name,tracing', signal)
    const all = Array.isArray(listed) ? (listed as ReadonlyArray<{ name?: unknown; tracing?: unknown }>) : []
    const found = all.find(({ name }) => name === vhost)
    if (!found) return fail('firehose', `there is no vhost '${vhost}' (agent.firehose.vhosts)`)
    return found.tracing === true
      ? ok('firehose', `tracing is on in vhost '${vhost}'`)
      : fail(
          'firehose',
          `tracing is off in vhost '${vhost}': the firehose sees nothing`,
          traceCommand('trace_on', vhost),
        )
  } catch {
    return warn('firehose', `whether vhost '${vhost}' is traced may not be asked`, traceCommand('trace_on', vhost))
  }
}

async function checkClock(url: string): Promise<Finding[]> {
  const before = Date.now()
  const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(timeoutMs) })
  await response.body?.cancel()
  const theirs = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(theirs)) return []
  const skewMs = theirs - (before + Date.now()) / 2
  const text = `the broker's clock is ${Math.abs(Math.round(skewMs / 1000))} s ${skewMs < 0 ? 'behind' : 'ahead of'} this one`
  // The header counts whole seconds.
  return [Math.abs(skewMs) > maxSkewMs ? warn('clock', text, 'timedatectl set-ntp true, on both') : ok('clock', text)]
}
