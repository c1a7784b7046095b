import type { FastifyInstance } from 'fastify'
import type { AlertingConfig, ChannelConfig } from '../runtime/config/schema-alerting.ts'
import type { WithAlerter } from './with-alerter.ts'
import { isSignedBySlack, readSlackAction, type SlackAction } from './notify/channels/slack-actions.ts'
import { createHttpClient } from './notify/http.ts'
import type { Operator } from './notify/operator.ts'
import type { Matcher } from './notify/silences.ts'

type SlackConfig = Extract<ChannelConfig, { type: 'slack' }>

const silenceMs = 3_600_000
const answerMs = 10_000

/** `POST /api/v1/slack/actions`: what the buttons in messages call. Only what Slack has signed for one of our channels. */
export async function addSlackRoute(server: FastifyInstance, withAlerter: WithAlerter): Promise<void> {
  await server.register(async (scope) => {
    // The signature is over the bytes as they came.
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    )
    scope.post(
      '/api/v1/slack/actions',
      withAlerter(({ notifier }, { headers, body }, reply) => {
        const text = typeof body === 'string' ? body : ''
        const header = (name: string) => [headers[name]].flat()[0]
        const signed = {
          timestamp: header('x-slack-request-timestamp'),
          signature: header('x-slack-signature'),
          body: text,
        }
        const { operator } = notifier
        const channel = slackChannels(notifier.config()).find(
          ({ signingSecret }) =>
            signingSecret !== undefined && isSignedBySlack(signingSecret.reveal(), signed, operator.nowMs()),
        )
        if (!channel) return reply.code(401).send({ error: 'not signed by Slack for a channel of ours, or too old' })
        const action = readSlackAction(text)
        // Other buttons and kinds of request are not ours to refuse: Slack would show a warning.
        if (!action) return reply.code(200).send('')
        const answer = perform(operator, action)
        // A bot's message is edited by the notifier itself.
        if (channel.token === undefined || answer.mustAnswer) void post(channel, action, answer.text)
        return reply.code(200).send('')
      }),
    )
  })
}

function slackChannels({ channels }: AlertingConfig): SlackConfig[] {
  return Object.values(channels).filter((channel) => channel.type === 'slack')
}

function perform(operator: Operator, { kind, alertId, by }: SlackAction): { text: string; mustAnswer: boolean } {
  const found = operator.alert(alertId)
  if (!found) return { text: 'Thump does not know this alert any more.', mustAnswer: true }
  if (kind === 'ack') {
    const { kind: outcome } = operator.ack(found.alert.id, { by, comment: 'by a button in Slack' })
    return outcome === 'done'
      ? { text: `Acknowledged by ${by}.`, mustAnswer: false }
      : { text: 'This alert does not fire any more.', mustAnswer: true }
  }
  const startsMs = operator.nowMs()
  const { ruleId, key } = found.alert
  const fields = Object.entries(key).map(([name, value]): Matcher => ({ name, op: '=', value: String(value) }))
  const matchers: Matcher[] = [{ name: 'rule', op: '=', value: ruleId }, ...fields]
  const comment = 'by a button in Slack'
  operator.addSilence({ matchers, startsMs, endsMs: startsMs + silenceMs, author: by, comment })
  return { text: `Silenced for an hour by ${by}.`, mustAnswer: true }
}

/** Best effort: the deed itself is done. */
async function post(config: SlackConfig, { responseUrl }: SlackAction, text: string): Promise<void> {
  if (responseUrl === undefined) return
  const http = createHttpClient(config)
  const body = JSON.stringify({ response_type: 'in_channel', replace_original: false, text })
  const signal = AbortSignal.timeout(answerMs)
  await http
    .send({ url: responseUrl, headers: { 'content-type': 'application/json; charset=utf-8' }, body, signal })
    .catch(() => {})
  await http.close()
}
