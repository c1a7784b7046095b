import { asNumber, fold, patternParts } from '../query/matches.ts'
import type { Clause } from './field-types.ts'

/** A script, as the server takes it. Its text never varies, for the server compiles only so many a minute: what is asked for is in `params`. */
export interface Script {
  readonly source: string
  readonly params: Readonly<Record<string, unknown>>
}

type Params = Readonly<Record<string, unknown>>

/**
 * Finds what a clause asks for by reading the documents. By their score, since only scripts that score are given whole
 * documents; and unlike a clause on a field that is not mapped, no phase of a search takes it for one that finds nothing.
 */
export function byScript(clause: Clause): { readonly [query: string]: unknown } {
  const [fits, params] = test(clause)
  const source = `${gather} ${fits} ${anyFits}`
  return {
    script_score: {
      query: { match_all: {} },
      script: { source, params: { ...params, path: clause.path } },
      min_score: 1,
    },
  }
}

/** The values of a field, read from the documents: for counting them. */
export function valuesByScript(path: string): Script {
  return { source: `${gather} ${allTexts}`, params: { path } }
}

function test(clause: Clause): readonly [script: string, params: Params] {
  switch (clause.kind) {
    case 'exists':
      return [isThere, {}]
    case 'field':
      return [isLike, { parts: clause.isPattern ? patternParts(clause.value) : [fold(clause.value)] }]
    case 'range':
      return [compares, { op: clause.op, bound: asNumber(clause.value) ?? null }]
  }
}

/** Nested and dotted names, and every element of lists on the way. */
const gather = `
void gather(def at, String path, List found) {
  if (at instanceof List) {
    for (def item : at) { gather(item, path, found); }
  } else if (path.isEmpty()) {
    if (at != null) { found.add(at); }
  } else if (at instanceof Map) {
    for (int end = path.length(); end > 0; end = path.lastIndexOf('.', end - 1)) {
      String key = path.substring(0, end);
      if (at.containsKey(key)) { gather(at.get(key), end == path.length() ? '' : path.substring(end + 1), found); }
    }
  }
}`

const anyFits = `
List found = new ArrayList();
gather(params._source, params.path, found);
for (def value : found) { if (fits(value, params)) { return 1; } }
return 0;`

const isThere = 'boolean fits(def value, Map params) { return true; }'

/** The text that a value is, case and Unicode form aside; of several parts, whatever stands between them. */
const isLike = `
boolean fits(def value, Map params) {
  if (value instanceof Map) { return false; }
  String text = Normalizer.normalize(value.toString(), Normalizer.Form.NFC).toLowerCase(Locale.ROOT);
  List parts = params.parts;
  String first = parts.get(0);
  String last = parts.get(parts.size() - 1);
  if (parts.size() == 1) { return text.equals(first); }
  if (text.length() < first.length() + last.length() || !text.startsWith(first) || !text.endsWith(last)) { return false; }
  int from = first.length();
  for (int index = 1; index < parts.size() - 1; index++) {
    String part = parts.get(index);
    int at = text.indexOf(part, from);
    if (at < 0) { return false; }
    from = at + part.length();
  }
  return from <= text.length() - last.length();
}`

/** Numbers by number, times by their milliseconds; what is neither compares with nothing. */
const compares = `
double number(def value) {
  if (value instanceof Number) { return ((Number) value).doubleValue(); }
  if (!(value instanceof String)) { return Double.NaN; }
  String text = value.trim();
  try {
    if (text.length() < 10 || text.charAt(4) != (char) '-') { return Double.parseDouble(text); }
    if (text.length() == 10) { return LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant().toEpochMilli(); }
    return ZonedDateTime.parse(text).toInstant().toEpochMilli();
  } catch (Exception e) {
    return Double.NaN;
  }
}
boolean fits(def value, Map params) {
  if (params.bound == null) { return false; }
  double left = number(value);
  double right = ((Number) params.bound).doubleValue();
  String op = params.op;
  if (op == 'gt') { return left > right; }
  if (op == 'gte') { return left >= right; }
  return op == 'lt' ? left < right : left <= right;
}`

const allTexts = `
List found = new ArrayList();
gather(params._source, params.path, found);
List texts = new ArrayList();
for (def value : found) { if (!(value instanceof Map)) { texts.add(value.toString()); } }
return texts;`
