/** `; did you mean "within"?` where a known word is near, else nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const limit = word.length <= 4 ? 1 : 3
  const ranked = known.map((candidate) => ({
    candidate,
    distance: editDistance(word.toLowerCase(), candidate.toLowerCase()),
  }))
  const best = ranked.filter(({ distance }) => distance <= limit).toSorted((a, b) => a.distance - b.distance)[0]
  return best ? `; did you mean "${best.candidate}"?` : ''
}

/** Levenshtein's distance; both words are short. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitution))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
