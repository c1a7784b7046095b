import { RE2JS } from 're2js'
import type { Detector, Span } from './detector.ts'

/** A rule of the configuration's own: a pattern in RE2's syntax, so that no text can make it slow. Throws on a bad one. */
export function createPatternRule(name: string, pattern: string, replace: string): Detector {
  const compiled = RE2JS.compile(pattern)
  return {
    name,
    find(text) {
      const spans: Span[] = []
      const matcher = compiled.matcher(text)
      while (matcher.find()) {
        const [start, end] = [matcher.start(), matcher.end()]
        if (end > start) spans.push({ start, end, replace })
      }
      return spans
    },
  }
}
