import { dialectOf, type Distribution } from './dialect.ts'
import { indexPatterns } from './index-name.ts'
import { pathOf } from './install-templates.ts'
import type { TextType } from './mapping.ts'
import { templates } from './templates.ts'

export interface SetupRequest {
  readonly method: 'PUT' | 'POST'
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface ElasticsearchSetup {
  /** What `setup` of the storage does itself, idempotent. */
  readonly templates: readonly SetupRequest[]
  /** What only an administrator may do. `writer` is for forwarders and `up`, `reader` for console and searches. */
  readonly roles: { readonly writer: SetupRequest; readonly reader: SetupRequest }
  /** Keys with the same rights, for who does not want users; making one again makes another key. */
  readonly apiKeys: { readonly writer: SetupRequest; readonly reader: SetupRequest }
}

/** All that Thump needs to be on an Elasticsearch, as requests: the templates and the least rights. */
export function elasticsearchSetup(
  prefix: string,
  distribution: Distribution = 'elasticsearch',
  text: TextType = 'match_only_text',
): ElasticsearchSetup {
  const writer = writerRights(prefix)
  const reader = readerRights(prefix)
  const role = (name: string, body: Rights): SetupRequest => ({ method: 'PUT', path: `/_security/role/${name}`, body })
  const apiKey = (name: string, rights: Rights): SetupRequest => ({
    method: 'POST',
    path: '/_security/api_key',
    body: { name, role_descriptors: { [name]: rights } },
  })
  return {
    templates: templates(prefix, text, dialectOf(distribution)).map((template) => ({
      method: 'PUT',
      path: pathOf(template),
      body: template.body,
    })),
    roles: { writer: role(`${prefix}-writer`, writer), reader: role(`${prefix}-reader`, reader) },
    apiKeys: { writer: apiKey(`${prefix}-writer`, writer), reader: apiKey(`${prefix}-reader`, reader) },
  }
}

type Rights = Readonly<Record<string, unknown>>

/** Adds, never changes; deletes whole days. `auto_configure` makes the day's index and the fields of its measurements. */
function writerRights(prefix: string): Rights {
  const privileges = ['create_doc', 'auto_configure', 'read', 'view_index_metadata', 'delete_index']
  return {
    cluster: ['manage_index_templates'],
    indices: [{ names: indexPatterns(prefix), privileges }],
  }
}

function readerRights(prefix: string): Rights {
  return { cluster: [], indices: [{ names: indexPatterns(prefix), privileges: ['read', 'view_index_metadata'] }] }
}

/** As Kibana's Dev Tools take it. */
export function formatRequests(requests: readonly SetupRequest[]): string {
  return requests.map(({ method, path, body }) => `${method} ${path}\n${JSON.stringify(body, null, 2)}\n`).join('\n')
}
