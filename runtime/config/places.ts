import { isMap, isNode, isPair, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml'

export interface Place {
  readonly line: number
  readonly column: number
}

/** Where a path stands in the file: its key where it has one, else the nearest parent's. */
export function placeOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): Place {
  let node: unknown = document.contents
  let offset = offsetOf(node)
  for (const step of path) {
    const found: { key?: unknown; value: unknown } | undefined = stepInto(node, step)
    if (!found) break
    offset = offsetOf(found.key) ?? offsetOf(found.value) ?? offset
    node = found.value
  }
  if (offset === undefined) return { line: 1, column: 1 }
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

function stepInto(node: unknown, step: PropertyKey): { key?: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
    )
    return pair && { key: pair.key, value: pair.value }
  }
  if (isSeq(node)) {
    const value = node.items[Number(step)]
    return value === undefined ? undefined : { value }
  }
  return undefined
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? ((node as Node).range?.[0] ?? undefined) : undefined
}
