import type { Problem } from '../runtime/errors.ts'
import { version } from '../runtime/version.ts'

/** Problems of rule files for people, programs and code hosts. */
export function printProblems(problems: readonly Problem[], output: 'text' | 'json' | 'sarif', colour = false): string {
  if (output === 'json')
    return `${JSON.stringify(
      problems.map(({ path, ...rest }) => ({ code: path, ...rest })),
      null,
      2,
    )}\n`
  if (output === 'sarif') return `${JSON.stringify(asSarif(problems), null, 2)}\n`
  const places = problems.map(({ file, line, column }) => (line > 0 ? `${file}:${line}:${column}` : file))
  const width = Math.min(60, Math.max(0, ...places.map((place) => place.length)))
  const paint = (severity: Problem['severity'], text: string) =>
    colour ? `\u001b[${severity === 'error' ? 31 : 33}m${text}\u001b[0m` : text
  const lines = problems.map(
    ({ severity, path, message }, index) =>
      `${(places[index] ?? '').padEnd(width)} ${paint(severity, `${severity}[${path}]`.padEnd(20))} ${message}`,
  )
  const count = (severity: Problem['severity']) => {
    const found = problems.filter((problem) => problem.severity === severity).length
    return `${found} ${found === 1 ? severity : `${severity}s`}`
  }
  return `${[...lines, `${count('error')}, ${count('warning')}`].join('\n')}\n`
}

/** SARIF 2.1.0, as code hosts show it beside the line. */
function asSarif(problems: readonly Problem[]): unknown {
  const codes = [...new Set(problems.map(({ path }) => path))]
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'thump rules lint', version, rules: codes.map((id) => ({ id })) } },
        results: problems.map(({ file, line, column, path, message, severity }) => ({
          ruleId: path,
          level: severity,
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file },
                ...(line > 0 && { region: { startLine: line, startColumn: column } }),
              },
            },
          ],
        })),
      },
    ],
  }
}
