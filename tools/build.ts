import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OutputChunk, type Plugin, type RolldownOutput, rolldown } from 'rolldown'

/**
 * `npm run build`: the program as it is installed, in dist/. Node strips types in no package that npm installed, and a
 * process that reads seven hundred sources keeps their text: one bundle, in which only what a verb imports is ever read.
 * Everything lies flat, as deep below the package's root as the sources do, so that both find the same files beside them.
 */
const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/** Programs of their own: the command, a thread, and two guards that outlive it; and what few rules ever ask for. */
const entries = {
  thump: 'thump.ts',
  'sqlite-worker': 'storage/sqlite/sqlite-worker.ts',
  guard: 'demo/broker/guard.ts',
  'capture-guard': 'cli/capture-guard.ts',
  holidays: 'alerting/rules/holidays.ts',
}

/**
 * What libraries read at their start for helpers that nobody calls here: Elasticsearch's client Apache Arrow (5 MB of a
 * forwarder), prom-client its default metrics, quantiles, clusters and push gateway, and with them OpenTelemetry, `cluster`,
 * `perf_hooks` and HTTPS (4 MB of each role), pino its transports in threads.
 */
const uncalled =
  /^apache-arrow|\/prom-client\/lib\/(?:cluster|defaultMetrics|pushgateway|summary)\.js$|\/pino\/lib\/transport\.js$/

const withoutUncalled: Plugin = {
  name: 'without-uncalled',
  resolveId: (id) => (id.startsWith('apache-arrow') ? '\0uncalled' : undefined),
  load: (id) => (id === '\0uncalled' || uncalled.test(id) ? 'export {}' : undefined),
}

const stringWidth = join(root, 'node_modules/string-width/index.js')

/** yargs renders its help before each command, with three copies of string-width that each open ICU's segmenter: 3 MB of every role. One is enough, which opens it for what is not ASCII. */
const oneStringWidth: Plugin = {
  name: 'one-string-width',
  resolveId: (id) => (id === 'string-width' ? stringWidth : undefined),
  load(id) {
    if (id !== stringWidth) return undefined
    const text = readFileSync(stringWidth, 'utf8')
    const lazy = text.replace('new Intl.Segmenter()', '{ segment: (text) => new Intl.Segmenter().segment(text) }')
    if (lazy === text) throw new Error(`${stringWidth} opens its segmenter in another way than it did`)
    return lazy
  },
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

async function build(): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    platform: 'node',
    input: entries,
    plugins: [withoutUncalled, oneStringWidth],
    // What the package depends on: native code, which npm picks for the machine it installs on.
    external: Object.keys(manifestOf(root).dependencies ?? {}),
  })
  rmSync(dist, { recursive: true, force: true })
  const output = await bundle.write({
    dir: dist,
    format: 'esm',
    sourcemap: true,
    comments: false,
    // V8 keeps the text of every module, and a single character beyond Latin-1 doubles it.
    charset: 'ascii',
    // A stack still names function and line without the maps, which cost 16 MB when Node reads them.
    minify: { compress: true, mangle: { keepNames: true }, codegen: { removeWhitespace: false } },
  })
  await bundle.close()
  writeFileSync(join(dist, 'THIRD-PARTY.txt'), notices(output))
}

/** The licences of all that went into the bundle: most ask to be passed on with every copy. */
function notices({ output }: RolldownOutput): string {
  const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk')
  const folders = new Set(chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((id) => packageFolder(id) ?? [])))
  return [...folders]
    .map((folder) => ({ folder, manifest: manifestOf(folder) }))
    .sort((a, b) => (a.manifest.name < b.manifest.name ? -1 : 1))
    .map(({ folder, manifest: { name, version, license } }) => {
      const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file))
      const said = texts.map((file) => readFileSync(join(folder, file), 'utf8').trim())
      return [`${name} ${version} (${license ?? 'see its text'})`, ...said].join('\n\n')
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`)
}

/** `…/node_modules/name` or `…/node_modules/@scope/name` of a module's path; undefined for our own. */
function packageFolder(id: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]
}

await build()
