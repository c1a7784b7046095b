import { reasonOf } from '../runtime/errors.ts'
import type { CommandModule } from 'yargs'
import { type GlobalArgs, loadContext } from './context.ts'
import { checkBroker, checkManagement } from './doctor/broker.ts'
import { type Check, fail, type Finding } from './doctor/finding.ts'
import { checkDataDir, checkLogs, checkRules, checkSecrets } from './doctor/local.ts'
import { checkChannels, checkStorage, checkTransport } from './doctor/stores.ts'

interface DoctorArgs extends GlobalArgs {
  readonly json: boolean
}

const checks: readonly Check[] = [
  checkDataDir,
  checkSecrets,
  checkLogs,
  checkBroker,
  checkManagement,
  checkTransport,
  checkStorage,
  checkRules,
  checkChannels,
]

/** Asks each real thing, and says what mends it. Changes nothing. */
export const command: CommandModule<GlobalArgs, DoctorArgs> = {
  command: 'doctor',
  describe:
    'Ask everything Thump needs: logs, broker, rights, transport, storage, rules, channels; exits 1 on a failure',
  builder: (yargs) => yargs.option('json', { type: 'boolean', default: false, describe: 'As JSON, for programs' }),
  handler: async (argv) => {
    const context = loadContext(argv)
    const { out, colour } = context
    const findings: Finding[] = []
    const asked = checks.map((check) =>
      check(context).catch((error: unknown): Finding[] => [fail(check.name, reasonOf(error))]),
    )
    for (const answer of asked) {
      const found = await answer
      findings.push(...found)
      if (!argv.json) for (const finding of found) out.write(lineOf(finding, colour))
    }
    const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length
    if (argv.json) out.write(`${JSON.stringify(findings, null, 2)}\n`)
    else out.write(`\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} to mend\n`)
    if (count('fail') > 0) process.exitCode = 1
  },
}

const colours = { ok: 32, warn: 33, fail: 31 } as const

function lineOf({ status, check, detail, fix }: Finding, colour: boolean): string {
  const mark = colour ? `\u001b[${colours[status]}m${status.padEnd(4)}\u001b[0m` : status.padEnd(4)
  return `${mark}  ${check.padEnd(10)}  ${detail}\n${fix === undefined ? '' : `${' '.repeat(18)}→ ${fix}\n`}`
}
