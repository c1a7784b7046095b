import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { overridesJsonSchema, rulesJsonSchema } from '../alerting/rules/schema.ts'
import { configSchema } from '../runtime/config/schema.ts'

/** Writes the JSON Schemas that editors complete from; `--check` fails when one on disk is stale. */
const root = join(import.meta.dirname, '..')
const schemas: Record<string, () => unknown> = {
  'deploy/config/thump.schema.json': () =>
    z.toJSONSchema(configSchema, { io: 'input', target: 'draft-07', unrepresentable: 'any' }),
  'deploy/rules/rules.schema.json': rulesJsonSchema,
  'deploy/rules/overrides.schema.json': overridesJsonSchema,
}

let stale = 0
for (const [path, make] of Object.entries(schemas)) {
  const text = `${JSON.stringify(make(), null, 2)}\n`
  const file = join(root, path)
  if (process.argv.includes('--check')) {
    if (read(file) !== text) {
      console.error(`${path} is stale: run node --run schema`)
      stale++
    }
  } else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}
process.exitCode = stale === 0 ? 0 : 1

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
