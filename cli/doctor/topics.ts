import type { Config } from '../../runtime/config/schema.ts'
import { reasonOf } from '../../runtime/errors.ts'
import type { TopicView } from '../../transport/kafka/metadata.ts'
import { differenceText, type TopicDifference } from '../../transport/kafka/topics.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

type KafkaConfig = Config['transport']['kafka']

/** What is to be said of one topic: is it there, does it work, is it as it is configured? */
export function judgeTopic(
  name: string,
  view: TopicView | undefined,
  differences: readonly TopicDifference[],
  config: KafkaConfig,
): Finding {
  if (view?.error === 'UNKNOWN_TOPIC_OR_PARTITION')
    return fail('topics', `topic ${name} is missing`, 'thump setup kafka')
  if (!view || view.error !== undefined)
    return fail(
      'topics',
      `topic ${name}: ${view?.error ?? 'nothing is known of it'}`,
      'grant this user Describe, Read and Write on it',
    )
  const leaderless = view.leaders.filter((leader) => leader === undefined).length
  const text = `topic ${name}: ${view.leaders.length} partitions, ${view.replicas} replicas`
  if (leaderless > 0) return fail('topics', `${text}, ${leaderless} without a leader`, 'look at the Kafka brokers')
  if (differences.length === 0) return ok('topics', text)
  const fixes = differences.map((difference) => fixOf(difference, config))
  return warn('topics', `topic ${name}: ${differences.map(differenceText).join(', ')}`, fixes.join('; '))
}

/** The differences could not be asked for. */
export function notCompared(error: unknown): Finding {
  return warn('topics', `whether the topics are as configured may not be asked: ${reasonOf(error)}`)
}

/** Kafka takes more partitions and any retention; all else is mended in the configuration. */
function fixOf({ topic, setting, is, configured }: TopicDifference, { brokers }: KafkaConfig): string {
  const at = `--bootstrap-server ${brokers[0] ?? ''} --alter`
  if (setting === 'retention')
    return `kafka-configs.sh ${at} --entity-type topics --entity-name ${topic} --add-config retention.ms=${configured}`
  if (setting === 'partitions' && is < configured)
    return `kafka-topics.sh ${at} --topic ${topic} --partitions ${configured}`
  return `set transport.kafka.createTopics.${setting}: ${is}`
}
