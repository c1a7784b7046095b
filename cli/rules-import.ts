import { readFileSync } from 'node:fs'
import type { CommandModule } from 'yargs'
import type { TopicName } from '../event/topics.ts'
import { type Context, type GlobalArgs, loadContext } from './context.ts'
import { whyUnreadable } from '../runtime/why-unreadable.ts'

interface ImportArgs extends GlobalArgs {
  readonly kind: 'sigma' | 'elastalert'
  readonly files: readonly string[]
  readonly topic: 'APP' | 'AMQP' | 'METRIC' | 'THUMP'
  readonly dataset?: string | undefined
  readonly map?: readonly string[] | undefined
  readonly strict: boolean
}

/** Rules of others as ours, on standard output; what cannot be carried over is refused with its place and reason. */
export const command: CommandModule<GlobalArgs, ImportArgs> = {
  command: 'import <kind> <files..>',
  describe: 'Carry Sigma or ElastAlert 2 rules over, or say why not; exits 1 where one is refused',
  builder: (yargs) =>
    yargs
      .positional('kind', { choices: ['sigma', 'elastalert'] as const, demandOption: true, describe: 'Whose rules' })
      .positional('files', { type: 'string', array: true, demandOption: true, describe: 'Their files' })
      .option('topic', {
        choices: ['APP', 'AMQP', 'METRIC', 'THUMP'] as const,
        default: 'APP' as const,
        describe: 'The topic of the events they look at',
      })
      .option('dataset', { type: 'string', describe: 'The dataset their source or index stands for; any = all' })
      .option('map', { type: 'string', array: true, describe: 'Their field = ours, e.g. EventID=app.EventID' })
      .option('strict', { type: 'boolean', default: false, describe: 'Refuse what is carried over with a difference' })
      .example('$0 rules import sigma web.yml --dataset nginx.access > rules.d/web.yaml', '')
      .example('$0 rules import elastalert old/*.yaml --dataset rabbitmq.log --map host=host.name', '') as never,
  handler: async (argv) => {
    const context = loadContext(argv)
    const fields = fieldsOf(argv.map ?? [], context)
    if (!fields) return
    let hasRefusal = false
    for (const file of argv.files) hasRefusal = (await carry(argv, file, fields, context)) || hasRefusal
    if (hasRefusal) process.exitCode = 1
  },
}

/** Answers whether something was refused. */
async function carry(
  { kind, topic, dataset, strict }: ImportArgs,
  file: string,
  fields: Readonly<Record<string, string>>,
  { config, out, err }: Context,
): Promise<boolean> {
  const { carryOver } = await import('../alerting/rules/import/print-imported.ts')
  const text = read(file, err)
  if (text === undefined) return true
  const options = { file, topic: topic as TopicName, fields, ...(dataset !== undefined && { dataset }) }
  const { yaml, count, remarks } = carryOver(kind, text, options, {
    allowedLatenessMs: config.alerting.allowedLateness,
    timezone: config.timezone ?? 'UTC',
    keywords: () => undefined,
  })
  for (const { line, column, kind: what, message } of remarks)
    err.write(`${file}:${line}:${column} ${what.padEnd(7)} ${message}\n`)
  const isRefused = remarks.some((remark) => remark.kind === 'refused' || (strict && remark.kind === 'differs'))
  const isPrinted = yaml !== '' && !(strict && isRefused)
  if (isPrinted) out.write(`# From ${file}, by thump rules import ${kind}.\n${yaml}`)
  const carried = isPrinted ? count : 0
  err.write(
    `${file}: ${carried} ${carried === 1 ? 'rule' : 'rules'} carried over${isRefused ? ', the rest refused' : ''}\n`,
  )
  return isRefused
}

function read(file: string, err: NodeJS.WritableStream): string | undefined {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    err.write(`${file}: ${whyUnreadable(error)}\n`)
    return undefined
  }
}

function fieldsOf(pairs: readonly string[], { err }: Context): Record<string, string> | undefined {
  const bad = pairs.filter((pair) => !/^[^=]+=[^=]+$/.test(pair))
  if (bad.length === 0) return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]))
  err.write(`thump: --map is written theirs=ours, not ${bad.join(' ')}\n`)
  process.exitCode = 2
  return undefined
}
