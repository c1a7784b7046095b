import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createExplainer } from '../../agent/sources/log-files/explain.ts'
import { checkRuleFiles } from '../../alerting/check-files.ts'
import { expandGlobs } from '../../alerting/expand-globs.ts'
import { readRuleFiles } from '../../alerting/rule-files.ts'
import { systemClock } from '../../runtime/clock.ts'
import { makeDataDir } from '../../runtime/data-dir.ts'
import { reasonOf } from '../../runtime/errors.ts'
import { packagedRules } from '../../runtime/packaged.ts'
import { Secret } from '../../runtime/config/secret.ts'
import type { Context } from '../context.ts'
import { fail, type Finding, ok, warn } from './finding.ts'

const leastFreeBytes = 1 << 30

/** The folder Thump keeps its places and state in. */
export function checkDataDir({ config }: Context): Promise<Finding[]> {
  const { dataDir } = config
  try {
    if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true })
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(dataDir)
    const free = bavail * bsize
    const text = `${dataDir}: writable, ${(free / 2 ** 30).toFixed(1)} GiB free`
    return Promise.resolve([
      free < leastFreeBytes ? warn('data', text, `free space on the disk of ${dataDir}`) : ok('data', text),
    ])
  } catch (error) {
    const text = `${dataDir} cannot be written: ${reasonOf(error)}`
    return Promise.resolve([fail('data', text, makeDataDir(dataDir))])
  }
}

/** A secret in the file itself is read by whoever reads the file. */
export function checkSecrets({ config, origins, file }: Context): Promise<Finding[]> {
  const plain: string[] = []
  const walk = (value: unknown, path: string) => {
    const origin = origins.get(path)
    if (value instanceof Secret) {
      if (file !== undefined && origin?.startsWith(`${file}:`)) plain.push(path)
    } else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`)
  }
  walk(config, '')
  return Promise.resolve(
    plain.map((path) =>
      warn(
        'secrets',
        `${path} is written plainly at ${origins.get(path) ?? file ?? ''}`,
        `put it into a file of mode 600 and set ${path}File`,
      ),
    ),
  )
}

/** Which files the agent follows, and whether it may read them. */
export function checkLogs({ config }: Context): Promise<Finding[]> {
  const { logs } = config.agent
  if (logs.length === 0) return Promise.resolve([warn('logs', 'agent.logs is empty: no log is followed')])
  const explain = createExplainer(logs, config.dataDir, systemClock())
  const found = logs.flatMap(({ paths }) => paths.flatMap((pattern) => filesOf(pattern, explain)))
  return Promise.resolve(found)
}

function filesOf(pattern: string, explain: ReturnType<typeof createExplainer>): Finding[] {
  const { files } = expandGlobs([pattern])
  if (files.length === 0)
    return [
      fail('logs', `no file matches ${pattern}`, 'rabbitmq-diagnostics -q log_location says where the broker logs'),
    ]
  return files.map((path) => {
    const { isRead, because, format } = explain(path)
    try {
      accessSync(path, constants.R_OK)
    } catch {
      return fail(
        'logs',
        `${path} may not be read by this user`,
        'usermod -a -G rabbitmq thump, then start the agent anew',
      )
    }
    const text = `${path} (${format ?? 'auto'}): ${because.at(isRead ? 1 : 0) ?? ''}`
    return isRead ? ok('logs', text) : fail('logs', text, `thump agent explain ${path}`)
  })
}

/** Rule files, overrides, and what they need. */
export function checkRules({ config }: Context): Promise<Finding[]> {
  const problems = checkRuleFiles(config)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  if (errors > 0) return Promise.resolve([fail('rules', `${errors} errors in rule files`, 'thump rules lint')])
  const count = readRuleFiles(config.alerting, config.timezone).files.flatMap(({ parsed }) => parsed.rules).length
  if (count === 0)
    return Promise.resolve([
      warn(
        'rules',
        config.alerting.rules.length === 0
          ? 'alerting.rules is empty: only the built-in rules run'
          : `no rule at ${config.alerting.rules.join(', ')}: only the built-in rules run`,
        copyPack(config.alerting.rules[0] ?? '/etc/thump/rules.d/*.yaml'),
      ),
    ])
  const text = `${count} rules`
  return Promise.resolve([
    warnings > 0 ? warn('rules', `${text}, ${warnings} warnings`, 'thump rules lint') : ok('rules', text),
  ])
}

/** The rule pack to where rules are looked for; docs/rule-pack.md says what is in it. */
function copyPack(pattern: string): string {
  const folder = dirname(pattern)
  return `mkdir -p ${folder} && cp -r ${packagedRules}/. ${folder}/`
}
