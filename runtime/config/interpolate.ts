/** What `${…}` may ask for; injected, so that the function is pure. Undefined = there is none. */
export interface Sources {
  env(name: string): string | undefined
  file(path: string): string | undefined
}

export type Interpolated =
  | { readonly ok: true; readonly text: string; readonly from: readonly string[] }
  | { readonly ok: false; readonly message: string }

const reference = /\$(?:\$|\{(env|file):([^}]*)\})/g

/** `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}`; `$$` is a dollar. Nothing else is touched. */
export function interpolate(text: string, sources: Sources): Interpolated {
  const from: string[] = []
  let failure: string | undefined
  const replaced = text.replace(reference, (whole, kind: string | undefined, body: string | undefined) => {
    if (kind === undefined || body === undefined) return whole === '$$' ? '$' : whole
    const [name, fallback] = kind === 'env' ? splitDefault(body) : [body, undefined]
    const value = kind === 'env' ? sources.env(name) : sources.file(name)?.replace(/\r?\n$/, '')
    from.push(`${kind}:${name}`)
    if (value !== undefined && value !== '') return value
    if (fallback !== undefined) return fallback
    failure ??=
      kind === 'env'
        ? `environment variable ${name} is not set; set it or write \${env:${name}:-default}`
        : `file ${name} cannot be read`
    return ''
  })
  return failure === undefined ? { ok: true, text: replaced, from } : { ok: false, message: failure }
}

function splitDefault(body: string): [string, string | undefined] {
  const at = body.indexOf(':-')
  return at < 0 ? [body, undefined] : [body.slice(0, at), body.slice(at + 2)]
}
