import type { Json } from '../../../event/event.ts'
import { levelOf } from '../../parse/formats/level.ts'
import { epoch, minuteOf, type Stamp } from '../../parse/formats/stamp.ts'
import type { ZoneOffset } from '../../parse/formats/zone.ts'

type Parts = Map<string, Json>
type Reads<T> = (value: Json, name: string) => T | undefined

/**
 * Takes one part out of a JSON line: by its usual names first, then by what the values are, because RabbitMQ's `field_map`
 * renames and drops keys at will. A key whose value does not read as the part stays where it is.
 */
function take<T>(parts: Parts, names: readonly string[], read: Reads<T>): T | undefined {
  for (const name of [...names, ...parts.keys()]) {
    const value = parts.get(name)
    const found = value === undefined ? undefined : read(value, name)
    if (found === undefined) continue
    parts.delete(name)
    return found
  }
  return undefined
}

const matching = (pattern: RegExp) => (value: Json) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined

const timeNames = ['time', '@timestamp', 'timestamp', 'ts']

/** The line's time as stored (UTC). A number under a foreign name is one only where `isLog` is sure: it could count anything. */
export const takeTime = (parts: Parts, zone: ZoneOffset, isLog: boolean): string | undefined =>
  take(parts, timeNames, (value, name) =>
    isLog || timeNames.includes(name) || Number.isNaN(Number(value)) ? timeOf(value, zone) : undefined,
  )

export const takeLevel = (parts: Parts) =>
  take(parts, ['level', 'severity', 'log.level'], (value) => (typeof value === 'string' ? levelOf(value) : undefined))

const isProcess = matching(/^<\d+\.\d+\.\d+>$/)

/** The Erlang process that wrote the line: not its group leader, nor an operating system's `pid`. */
export const takePid = (parts: Parts) =>
  take(parts, ['pid'], (value, name) => (name === 'gl' ? undefined : isProcess(value)))

/** Where the code stands that wrote the line, under the formatter's own names whatever they were renamed to. */
export function takeOrigin(parts: Parts): Record<string, Json> {
  const domain = take(parts, ['domain'], matching(/^(rabbitmq|otp)(\.[a-z_]+)*$/))
  const file = take(parts, ['file'], matching(/\.erl$/))
  const mfa = take(parts, ['mfa'], (value) => (isMfa(value) ? value : undefined))
  const line = lineIn(parts, file !== undefined || mfa !== undefined)
  return {
    ...(domain !== undefined && { domain }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(mfa !== undefined && { mfa }),
  }
}

/**
 * What is left and reads as a sentence: the longest text with white space, or the only text where `isLog` is sure. Each
 * line is decided by itself, so that neither a restart nor a field map changed within a file alters what was read.
 */
export function takeMessage(parts: Parts, isLog: boolean): string | undefined {
  for (const name of ['msg', 'message']) {
    const value = parts.get(name)
    if (typeof value !== 'string' && typeof value !== 'number') continue
    parts.delete(name)
    return String(value)
  }
  const texts = [...parts].filter((part): part is [string, string] => typeof part[1] === 'string' && part[1] !== '')
  const sentences = texts.filter(([, text]) => /\s/.test(text)).toSorted(([, a], [, b]) => b.length - a.length)
  const [name, text] = sentences[0] ?? (isLog && texts.length === 1 ? texts[0] : undefined) ?? []
  if (name !== undefined) parts.delete(name)
  return text
}

const isMfa = (value: Json): boolean =>
  Array.isArray(value) &&
  value.length === 3 &&
  typeof value[0] === 'string' &&
  typeof value[1] === 'string' &&
  typeof value[2] === 'number'

/** A renamed number is the line only where nothing else can be meant: `verbosity` is a number, too, but a small one. */
function lineIn(parts: Parts, isPlaced: boolean): number | undefined {
  const usual = parts.get('line')
  const numbers = [...parts].filter(([, value]) => Number.isInteger(value) && Number(value) > 15)
  const [name] = usual === undefined ? (isPlaced && numbers.length === 1 ? (numbers[0] ?? []) : []) : ['line']
  const value = name === undefined ? undefined : parts.get(name)
  if (name === undefined || typeof value !== 'number') return undefined
  parts.delete(name)
  return value
}

function timeOf(value: Json, zone: ZoneOffset): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value)
  const stamp: Stamp = { iso: '', ms: 0 }
  // Seconds have ten digits, and milli-, micro- and nanoseconds three more each.
  if (/^[12](\d{9}|\d{12}|\d{15}|\d{18})(\.\d+)?$/.test(text)) return epoch(text, stamp) ? stamp.iso : undefined
  const found = /^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d):(\d\d)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?$/.exec(text)
  if (!found) return undefined
  const [, minute = '', second = '', fraction = '', named = ''] = found
  const ms = minuteOf(minute + named, zone)
  if (Number.isNaN(ms)) return undefined
  return `${new Date(ms).toISOString().slice(0, 17)}${second}.${fraction.padEnd(3, '0')}Z`
}
