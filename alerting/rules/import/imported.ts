import { LineCounter, parseAllDocuments } from 'yaml'
import type { Document } from 'yaml'
import type { TopicName } from '../../../event/topics.ts'
import { type Place, placeOf } from '../../../runtime/config/places.ts'
import { suggestion } from '../../../runtime/config/suggest.ts'
import { knownFields, producersOf } from '../known-fields.ts'

/** What the one who imports knows and the foreign rule does not say. */
export interface ImportOptions {
  readonly file: string
  readonly topic: TopicName
  /** The dataset the foreign rule's source stands for; `any` = every event of the topic. */
  readonly dataset?: string | undefined
  /** Foreign field names → Thump's. */
  readonly fields: Readonly<Record<string, string>>
}

/** `refused`: the rule is not carried over. `differs`: carried, and yet not the same in this. `note`: said elsewhere here. */
export interface Remark extends Place {
  readonly kind: 'refused' | 'differs' | 'note'
  readonly file: string
  readonly message: string
}

export interface Imported {
  /** Rules as they are written in a rule file, in order. */
  readonly rules: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly remarks: readonly Remark[]
}

type Path = readonly PropertyKey[]

/** One foreign document on its way: where things stand in it, and what is said of them. */
export class ForeignDocument {
  readonly value: Readonly<Record<string, unknown>>
  readonly options: ImportOptions
  readonly remarks: Remark[] = []
  isRefused = false
  readonly #document: Document
  readonly #lines: LineCounter

  constructor(document: Document, lines: LineCounter, options: ImportOptions) {
    this.#document = document
    this.#lines = lines
    this.options = options
    const value = readSafely(document)
    this.value = isMap(value) ? value : {}
    const [error] = document.errors
    if (error) this.#say('refused', lines.linePos(error.pos[0]).line, lines.linePos(error.pos[0]).col, error.message)
    else if (!isMap(value)) this.refuse([], 'a rule is a map')
  }

  refuse(path: Path, message: string): void {
    this.#sayAt('refused', path, message)
  }

  differs(path: Path, message: string): void {
    this.#sayAt('differs', path, message)
  }

  note(path: Path, message: string): void {
    this.#sayAt('note', path, message)
  }

  /** The field's name here; refused where no source of the topic produces it: such a rule would never fire. */
  field(name: string, path: Path): string {
    const mapped = this.options.fields[name] ?? name
    const { topic } = this.options
    if (producersOf(mapped, [topic]).length === 0)
      this.refuse(
        path,
        `no source of ${topic} produces "${mapped}"${suggestion(mapped, knownFields([topic]))}; say what it is here: --map ${name}=some.field`,
      )
    return mapped
  }

  #sayAt(kind: Remark['kind'], path: Path, message: string): void {
    const { line, column } = placeOf(this.#document, this.#lines, path)
    this.#say(kind, line, column, message)
  }

  #say(kind: Remark['kind'], line: number, column: number, message: string): void {
    if (kind === 'refused') this.isRefused = true
    if (this.remarks.some((remark) => remark.line === line && remark.message === message)) return
    this.remarks.push({ kind, file: this.options.file, line, column, message })
  }
}

/** Every document of a file. Never throws. */
export function foreignDocuments(text: string, options: ImportOptions): ForeignDocument[] {
  const lines = new LineCounter()
  try {
    const documents = parseAllDocuments(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false })
    const list = Array.isArray(documents) ? (documents as Document[]) : []
    return list
      .filter(({ contents }) => contents !== null)
      .map((document) => new ForeignDocument(document, lines, options))
  } catch {
    return []
  }
}

function readSafely(document: Document): unknown {
  if (document.errors.length > 0) return undefined
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    return undefined
  }
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function listOf(value: unknown): unknown[] {
  return value === undefined || value === null ? [] : [value].flat()
}

/** An id of a title: lower case, hyphens, at most 80 characters. */
export function idOf(title: unknown, fallback: string): string {
  const text = typeof title === 'string' ? title : ''
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 80)
    .replace(/-+$/, '')
  return slug === '' ? fallback : slug
}

/** Text for a template of ours: what looks like one of ours is taken apart. */
export function plainTemplate(text: string): string {
  return text.replaceAll('{{', '{ {').replaceAll('{%', '{ %').trim()
}

/** Sigma's spans are ours, but for months. */
export function timespan(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d+[smhdw]$/.test(value) ? value : undefined
}

const units = ['weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'] as const
const letters = { weeks: 'w', days: 'd', hours: 'h', minutes: 'm', seconds: 's', milliseconds: 'ms' } as const
const unitMs = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1000,
  milliseconds: 1,
}

/** `{minutes: 15}` → `15m`; several units are added up. Undefined where it is none. */
export function timeIn(value: unknown): string | undefined {
  if (!isMap(value)) return undefined
  const given = Object.entries(value)
  const [only] = given
  if (
    given.length === 0 ||
    given.some(([unit, count]) => !(units as readonly string[]).includes(unit) || typeof count !== 'number')
  )
    return undefined
  if (given.length === 1 && only) return `${String(only[1])}${letters[only[0] as keyof typeof letters]}`
  return `${given.reduce((sum, [unit, count]) => sum + unitMs[unit as keyof typeof unitMs] * (count as number), 0) / 1000}s`
}

/** A value of unknown shape as text, for messages and names. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : (JSON.stringify(value) ?? '')
}
