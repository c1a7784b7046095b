import { RejectedError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import type { Dialect } from './dialect.ts'
import { templateVersion, type TextType } from './mapping.ts'
import type { Requests } from './requests.ts'
import { type Template, templates } from './templates.ts'

interface InstallDeps {
  readonly requests: Requests
  readonly prefix: string
  readonly dialect: Dialect
  readonly log: Logger
}

/** Puts what is missing or older than ours; what is as new stays as it is, so that starting again changes nothing. */
export async function installTemplates(deps: InstallDeps, signal: AbortSignal): Promise<void> {
  const { requests, prefix, dialect, log } = deps
  const custom: Template = { kind: 'component_template', name: `${prefix}@custom`, body: {} }
  const hasCustom = !dialect.hasOptionalComponents && (await installedVersion(requests, custom, signal)) >= 0
  const put = async (text: TextType) => {
    let count = 0
    for (const template of templates(prefix, text, dialect, hasCustom)) {
      if ((await installedVersion(requests, template, signal)) >= templateVersion) continue
      const params = { method: 'PUT', path: pathOf(template), body: template.body }
      await requests.send('setup', params, signal)
      count++
    }
    return count
  }
  const count = await put('match_only_text').catch((error: unknown) => {
    // Reduced distributions and kin lack this type; `text` without norms is the next leanest.
    if (error instanceof RejectedError && error.message.includes('match_only_text')) return put('text')
    throw error
  })
  if (count > 0) log.info({ prefix, version: templateVersion, count }, 'index templates installed')
}

export function pathOf({ kind, name }: Template): string {
  return `/_${kind}/${name}`
}

type Installed = { readonly [list in `${Template['kind']}s`]?: ReadonlyArray<{ [kind: string]: unknown }> }

/** -1 where there is none. */
async function installedVersion(requests: Requests, template: Template, signal: AbortSignal): Promise<number> {
  try {
    const params = { method: 'GET', path: pathOf(template) }
    const [found] = (await requests.send<Installed>('setup', params, signal))[`${template.kind}s`] ?? []
    const { version } = (found?.[template.kind] ?? {}) as { version?: number }
    return version ?? 0
  } catch (error) {
    if (error instanceof RejectedError) return -1
    throw error
  }
}
