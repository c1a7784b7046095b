import { esFilter } from './es-filter.ts'
import { elastAlertBodies } from './elastalert-types.ts'
import {
  foreignDocuments,
  type ForeignDocument,
  idOf,
  type Imported,
  type ImportOptions,
  listOf,
  plainTemplate,
  timeIn,
  textOf,
} from './imported.ts'
import { allOf, fieldIs, type Where } from './where.ts'

/** What a rule means, read by name; each is looked at below or in elastalert-types.ts. */
const meaning = new Set(
  `name type index filter query_key num_events timeframe threshold threshold_ref threshold_cur spike_height spike_type
   alert_on_new_data field_value forget_keys compare_key ignore_null blacklist whitelist fields terms_window_size
   alert_on_missing_field cardinality_field max_cardinality min_cardinality metric_agg_key metric_agg_type
   max_threshold min_threshold buffer_time percentile_range match_bucket_filter min_percentage max_percentage
   min_denominator realert exponential_realert aggregation owner category description priority is_enabled
   alert_subject alert_subject_args timestamp_field attach_related`.split(/\s+/),
)
const refusedKeys: Readonly<Record<string, string>> = {
  match_enhancements: 'enhancements are Python code that may drop a match',
  import: 'a rule may not lean on another file: put what it imports into it',
  limit_execution: 'a schedule by cron cannot be carried over: active: {days, hours, tz} says when a rule tells',
  aggregation_key: 'a digest has no key: it holds all alerts of its rule',
  aggregate_by_match_time: 'a digest is timed by when alerts are told',
  metric_agg_script: 'scripts of Elasticsearch cannot be carried over',
  bucket_interval: 'windows slide: there are no buckets',
  sync_bucket_interval: 'windows slide: there are no buckets',
  query_timezone: "times are events' own",
}
/** How Elasticsearch is asked: here events come by themselves. */
const polling =
  /^(?:es_|use_strftime_index|search_extra_index|run_every|query_delay|max_query_size|scroll_|max_scrolling|use_count_query|use_terms_query|doc_type|terms_size|window_step_size|use_local_time|include|top_count_|raw_count_keys|generate_kibana|kibana_|use_kibana|use_ssl|verify_certs|ca_certs|_source_enabled|timestamp_type|timestamp_format|use_run_every|allow_buffer_time_overlap|min_doc_count|use_keyword_postfix|opensearch_|generate_opensearch|shorten_)/
/** Who is told, and how it looks. */
const telling =
  /^(?:alert$|alert_|alerta_|alertmanager_|slack_|email|smtp_|from_addr|reply_to|cc|bcc|jira_|pagerduty_|opsgenie_|ms_teams_|ms_power|teams_|telegram_|discord_|http_post|command|pipe_match|fail_on|hipchat|mattermost_|rocket_chat_|victorops_|servicenow_|stomp_|sns_|ses_|sqs|aws_|boto|gitter_|googlechat_|hive_|indexer_|iris_|line|lark_|linenotify|matrix|pagertree|tencent|twilio_|webex|workwechat|yzj|zbx_|zabbix|chatwork_|datadog_|dingtalk_|exotel_|flashduty|gelf|summary_|notify_|replace_dots|priority$|workwechat_)/

/** An ElastAlert 2 rule: carried over as it means, or refused. Who is told is for routes to say: no secret is carried over. */
export function importElastAlert(text: string, options: ImportOptions): Imported {
  const documents = foreignDocuments(text, options)
  return { rules: documents.flatMap(ruleOf), remarks: documents.flatMap(({ remarks }) => remarks) }
}

function ruleOf(doc: ForeignDocument): ReadonlyArray<Readonly<Record<string, unknown>>> {
  if (doc.isRefused) return []
  lookAtKeys(doc)
  const where = allOf([...sourceOf(doc), ...filterOf(doc)])
  const bodies = elastAlertBodies(doc, where)
  const head = headOf(doc)
  if (doc.isRefused) return []
  return bodies.map(({ suffix, ...body }) => ({
    ...head,
    ...(suffix !== undefined && { id: `${textOf(head['id'])}-${suffix}` }),
    ...body,
  }))
}

function lookAtKeys(doc: ForeignDocument): void {
  const { value } = doc
  const told = Object.keys(value).filter((key) => telling.test(key) && !meaning.has(key))
  if (told.length > 0)
    doc.note([told[0] as string], `who is told is said by alerting.channels and routes: ${told.join(', ')}`)
  for (const key of Object.keys(value)) {
    const reason = refusedKeys[key]
    if (reason !== undefined) doc.refuse([key], `${key}: ${reason}`)
    else if (!meaning.has(key) && !telling.test(key) && !polling.test(key))
      doc.refuse([key], `the meaning of "${key}" is not known here`)
  }
  if (value['timestamp_field'] !== undefined && value['timestamp_field'] !== '@timestamp')
    doc.refuse(['timestamp_field'], 'the time of an event is @timestamp')
  if (value['priority'] !== undefined) doc.note(['priority'], 'priority is not carried over: set severity')
}

/** An index is a choice of events: here a dataset says it. */
function sourceOf(doc: ForeignDocument): Where[] {
  const { dataset, topic } = doc.options
  if (dataset === 'any') return []
  if (dataset !== undefined) return [fieldIs('event.dataset', '', [dataset])]
  doc.refuse(
    ['index'],
    `which events does "${textOf(doc.value['index'])}" hold? say --dataset rabbitmq.log, or --dataset any for all of ${topic}`,
  )
  return []
}

function filterOf(doc: ForeignDocument): Where[] {
  const filter = doc.value['filter']
  if (filter === undefined) return []
  if (Array.isArray(filter) && filter.length === 0) return []
  return [esFilter(filter, ['filter'], doc)]
}

/** What a rule says beside its conditions. */
function headOf(doc: ForeignDocument): Readonly<Record<string, unknown>> {
  const { value, options } = doc
  const { name, owner, category, description } = value
  const keys = listOf(value['query_key']).map((key, index) => doc.field(textOf(key), ['query_key', index]))
  if (keys.length > 0)
    doc.differs(
      ['query_key'],
      `events without ${keys.join(', ')} are skipped and counted, not put into one common bucket`,
    )
  return {
    id: idOf(name, 'elastalert-rule'),
    topic: options.topic,
    ...(value['is_enabled'] === false && { stage: 'off' }),
    ...(typeof owner === 'string' && { owner }),
    ...(typeof category === 'string' && { labels: { category } }),
    ...subjectOf(doc),
    ...(typeof description === 'string' && description !== '' && { description: plainTemplate(description) }),
    ...(keys.length > 0 && { groupBy: keys }),
    ...throttleOf(doc),
    ...digestOf(doc),
  }
}

/** `"{0} failed"` with its arguments is a template of ours. */
function subjectOf(doc: ForeignDocument): { summary?: string } {
  const { alert_subject: subject, alert_subject_args: args, name } = doc.value
  if (typeof subject !== 'string') return typeof name === 'string' ? { summary: plainTemplate(name) } : {}
  const fields = listOf(args).map((field, index) => doc.field(textOf(field), ['alert_subject_args', index]))
  if (/\{\{|\{%/.test(subject)) {
    doc.note(['alert_subject'], 'a Jinja template is not carried over: the summary is the name')
    return { summary: plainTemplate(textOf(name)) }
  }
  let next = 0
  const summary = subject.replace(
    /\{(\d*)\}/g,
    (_, index: string) => `{{${fields[index === '' ? next++ : Number(index)] ?? ''}}}`,
  )
  if (!summary.includes('{{}}')) return { summary }
  doc.refuse(['alert_subject'], 'alert_subject names more fields than alert_subject_args holds')
  return {}
}

/** `realert` (a minute, unless said) holds back the next alert of the same key. */
function throttleOf(doc: ForeignDocument): { throttle?: object } {
  const { realert, exponential_realert: exponential } = doc.value
  const first = realert === undefined ? '1m' : timeIn(realert)
  if (first === undefined) doc.refuse(['realert'], 'realert is written {minutes: 5}')
  const until = exponential === undefined ? undefined : timeIn(exponential)
  if (exponential !== undefined && until === undefined)
    doc.refuse(['exponential_realert'], 'exponential_realert is written {hours: 1}')
  if (first === undefined || Number.parseFloat(first) === 0) return {}
  return { throttle: { first, ...(until !== undefined && { doubleUntil: until }) } }
}

function digestOf(doc: ForeignDocument): { digest?: object } {
  const { aggregation } = doc.value
  if (aggregation === undefined) return {}
  const wait = timeIn(aggregation)
  if (wait === undefined) doc.refuse(['aggregation'], 'a digest by cron cannot be carried over: {hours: 1} can')
  return { digest: { wait, every: wait } }
}
