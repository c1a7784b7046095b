import type { CommandModule } from 'yargs'
import { createExplainer } from '../agent/sources/log-files/explain.ts'
import { systemClock } from '../runtime/clock.ts'
import { type GlobalArgs, loadContext } from './context.ts'

interface ExplainArgs extends GlobalArgs {
  readonly path: string
  readonly json: boolean
}

export const command: CommandModule<GlobalArgs, ExplainArgs> = {
  command: 'explain <path>',
  describe: 'Is this file read, why not, what it is known by, and how far it got',
  builder: (yargs) =>
    yargs
      .positional('path', { type: 'string', demandOption: true, describe: 'A log file' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON, for programs' }) as never,
  handler: ({ path, json, ...argv }) => {
    const { config, out } = loadContext(argv)
    const explanation = createExplainer(config.agent.logs, config.dataDir, systemClock())(path)
    if (!explanation.isRead) process.exitCode = 1
    if (json) out.write(`${JSON.stringify(explanation)}\n`)
    else {
      const lines = explanation.because.map((line) => `  ${line}\n`).join('')
      out.write(`${explanation.path}: ${explanation.isRead ? 'is read' : 'is not read'}\n${lines}`)
    }
  },
}
