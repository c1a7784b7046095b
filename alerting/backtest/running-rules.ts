import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from '../../runtime/config/schema.ts'
import { readJsonFile } from '../../runtime/durable-file.ts'
import { readRuleFiles } from '../rule-files.ts'
import type { Rule } from '../rules/rule.ts'

/** What a backtest compares with, and where that comes from, for people. */
export interface RunningRules {
  readonly rules: readonly Rule[]
  readonly from: string
}

/**
 * The rules that run: the last good files that an alerter with this data folder took, else the configured ones. With
 * `paths`, only what those files would replace. Undefined where there is nothing to compare with.
 */
export function runningRules(
  { alerting, dataDir, timezone }: Pick<Config, 'alerting' | 'dataDir' | 'timezone'>,
  tested: readonly Rule[],
  paths: readonly string[] | undefined,
): RunningRules | undefined {
  const lastGood = join(dataDir, 'alerting', 'rules-last-good.json')
  const isRunning = existsSync(lastGood)
  const kept = (readJsonFile(lastGood) ?? {}) as Record<string, string>
  const overridesText = alerting.overrides === undefined ? undefined : kept[alerting.overrides]
  const configured = readRuleFiles(alerting, timezone, { overridesText })
  if (!isRunning && (!paths || configured.files.length === 0)) return undefined
  const texts = Object.entries(kept).filter(([path]) => path !== alerting.overrides)
  const rules = isRunning
    ? texts.flatMap(([path, text]) => configured.parse(path, text).rules)
    : configured.files.flatMap(({ parsed }) => parsed.rules)
  const from = isRunning
    ? `the rules an alerter took last (${lastGood})`
    : 'the configured files (no alerter has run here)'
  if (!paths) return { rules, from }
  const ids = new Set(tested.map(({ id }) => id))
  const files = new Set(tested.map(({ place }) => resolve(place.file)))
  return { rules: rules.filter(({ id, place }) => ids.has(id) || files.has(resolve(place.file))), from }
}
