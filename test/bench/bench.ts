import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { prepareBase, startGuard } from '../../demo/broker/guarded.ts'
import { baseVariable } from '../../demo/broker/processes.ts'

/** What a benchmark measured: one row a case, the same columns in each. */
export interface BenchTable {
  readonly title: string
  readonly rows: readonly Readonly<Record<string, string | number>>[]
}

/** `test/bench/NAME.bench.ts` exports one as its default. */
export type Bench = (argv: readonly string[]) => Promise<BenchTable | readonly BenchTable[] | void>

const suffix = '.bench.ts'
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))

const [name, ...options] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(`${name === undefined ? '' : `no benchmark is called ${name}\n`}npm run bench -- NAME [options]`)
  console.error(`NAME is one of: ${names.join(', ') || '(there is none yet)'}`)
  process.exitCode = 2
} else {
  const { default: run } = (await import(join(import.meta.dirname, `${name}${suffix}`))) as { default: Bench }
  const guard = startCleaning()
  try {
    const measured = await run(options)
    console.log(`${machine()}; commit ${commit()}`)
    for (const table of measured === undefined ? [] : 'rows' in measured ? [measured] : measured) print(table)
  } finally {
    await guard.release()
  }
}

/** Whatever ends this process, kill -9 too: what it has started ends with it, and its temporary folders go. */
function startCleaning(): ReturnType<typeof startGuard> {
  const base = mkdtempSync(join(tmpdir(), 'thump-bench-'))
  prepareBase(base, [], undefined)
  const guard = startGuard(base, 'remove')
  // Inherited, so that the guard knows whose they are.
  process.env[baseVariable] = base
  process.env['TMPDIR'] = base
  return guard
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  return `${availableParallelism()} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with changes'}`
  } catch {
    return 'unknown'
  }
}

function print({ title, rows }: BenchTable): void {
  const columns = Object.keys(rows[0] ?? {})
  const cells = [columns, ...rows.map((row) => columns.map((column) => text(row[column])))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)))
  const lines = cells.map((row) => `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  console.log(`\n${title}\n${lines.join('\n')}`)
}

function text(value: string | number | undefined): string {
  return typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 2 }) : (value ?? '')
}
