import { z } from 'zod'
import { durationText, sizeText } from './units.ts'
import { duration, folderSize, listenAddress, size } from './values.ts'

/** The same configuration with durations, sizes and addresses as people write them, so that it can be given again as it is. */
export function inUnits(schema: unknown, value: unknown): unknown {
  const known = bare(schema)
  if (known === duration) return typeof value === 'number' ? durationText(value) : value
  if (known === size || known === folderSize) return typeof value === 'number' ? sizeText(value) : value
  if (known === listenAddress && isTable(value)) return addressText(value)
  if (Array.isArray(value)) {
    const element = known instanceof z.ZodArray ? known.element : undefined
    return value.map((item) => inUnits(element, item))
  }
  if (!isTable(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, inUnits(childOf(known, key, value), item)]),
  )
}

function addressText({ host, port }: Readonly<Record<string, unknown>>): string {
  return `${String(host).includes(':') ? `[${String(host)}]` : String(host)}:${String(port)}`
}

/** Without what only says whether a value may be left out. */
function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return bare(schema.unwrap())
  return schema
}

function childOf(schema: unknown, key: string, value: Readonly<Record<string, unknown>>): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<string, unknown>)[key]
  if (schema instanceof z.ZodRecord) return schema.valueType
  if (schema instanceof z.ZodUnion)
    return childOf(
      schema.options.find((option) => isOf(option, value)),
      key,
      value,
    )
  return undefined
}

/** Which of a union's objects a value is: that whose `type` it has, where they have one. */
function isOf(option: unknown, value: Readonly<Record<string, unknown>>): boolean {
  if (!(option instanceof z.ZodObject)) return false
  const type: unknown = option.shape['type']
  return !(type instanceof z.ZodLiteral) || type.values.has(value['type'] as string)
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
