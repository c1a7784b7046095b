import type { ChannelConfig } from '../../runtime/config/schema-alerting.ts'
import type { Channel, Wording } from './channel.ts'
import { openEmail } from './channels/email.ts'
import { openSlack } from './channels/slack.ts'
import { openWebhook } from './channels/webhook.ts'
import { channelError } from './required.ts'

/** Opens no connection yet. Throws ConfigError where the channel cannot work as configured. */
export function openChannel(name: string, config: ChannelConfig, wording: Wording): Channel {
  switch (config.type) {
    case 'webhook':
      return openWebhook(name, config, wording)
    case 'slack':
      return openSlack(name, config, wording)
    case 'email':
      return openEmail(name, config, wording)
    default:
      throw channelError(name, 'type', `channel type "${config.type}" is not available in this version`)
  }
}
