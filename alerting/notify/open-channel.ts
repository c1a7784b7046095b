import type { ChannelConfig } from '../../runtime/config/schema-alerting.ts'
import type { Channel, Wording } from './channel.ts'
import { openAlertmanager } from './channels/alertmanager.ts'
import { openCommand } from './channels/command.ts'
import { openDiscord } from './channels/discord.ts'
import { openEmail } from './channels/email.ts'
import { openKakaowork } from './channels/kakaowork.ts'
import { openPagerDuty } from './channels/pagerduty.ts'
import { openSlack } from './channels/slack.ts'
import { openTeams } from './channels/teams.ts'
import { openTelegram } from './channels/telegram.ts'
import { openWebhook } from './channels/webhook.ts'
import { answerOfFailure } from './http.ts'
import { testNotice } from './test-notice.ts'

/** Opens no connection yet. Throws ConfigError where the channel cannot work as configured. */
export function openChannel(name: string, config: ChannelConfig, wording: Wording): Channel {
  switch (config.type) {
    case 'webhook':
      return openWebhook(name, config, wording)
    case 'slack':
      return openSlack(name, config, wording)
    case 'email':
      return openEmail(name, config, wording)
    case 'pagerduty':
      return openPagerDuty(name, config, wording)
    case 'teams':
      return openTeams(name, config, wording)
    case 'discord':
      return openDiscord(name, config, wording)
    case 'telegram':
      return openTelegram(name, config, wording)
    case 'alertmanager':
      return openAlertmanager(name, config, wording)
    case 'command':
      return openCommand(config, wording)
    case 'kakaowork':
      return openKakaowork(name, config, wording)
  }
}

const testTimeoutMs = 30_000

/** One made-up alert through a channel, past every gate. */
export async function testChannel(
  name: string,
  channel: Channel,
  nowMs: number,
): Promise<{ ok: boolean; detail: string }> {
  const attempt = { signal: AbortSignal.timeout(testTimeoutMs), nowMs }
  const answer = await channel.send(testNotice(name, nowMs), attempt).catch(answerOfFailure)
  return { ok: answer.kind === 'ok', detail: answer.detail ?? 'accepted' }
}
