import yargs from 'yargs'
import { command } from '../../../cli/capture.ts'

await yargs(process.argv.slice(2)).option('config', { type: 'string' }).command(command).exitProcess(false).parseAsync()
