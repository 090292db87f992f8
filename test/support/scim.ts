/** A SCIM client of a composed service: a directory with the role `scim`, as Entra ID or Okta would be. */

import type { Answer } from '../security/http-client.ts'
import { signToken, testKeys } from './app.ts'
import { appOf, PLAIN_HTTP } from './app-of.ts'
import { observed } from './observed.ts'
import { serve } from './served.ts'
import type { Service } from './service.ts'

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const PATCH_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

export interface Resource {
  readonly id: string
  readonly userName: string
  readonly displayName?: string
  readonly externalId?: string
  readonly active: boolean
  readonly name?: Readonly<Record<string, string>>
  readonly emails?: readonly Readonly<Record<string, unknown>>[]
  readonly groups?: readonly { readonly value: string; readonly display: string }[]
  readonly members?: readonly { readonly value: string; readonly display: string; readonly $ref: string }[]
  readonly meta: Readonly<Record<string, string>>
}

/** A resource, a list of them or an error. */
export interface ScimBody extends Resource {
  readonly schemas: readonly string[]
  readonly totalResults: number
  readonly startIndex: number
  readonly itemsPerPage: number
  readonly Resources: readonly Resource[]
  readonly status: string
  readonly scimType?: string
  readonly detail: string
}

export interface ScimAnswer extends Answer {
  /** Empty where there is none. */
  readonly body: ScimBody
}

type Headers = Record<string, string>

export interface ScimClient {
  send(method: string, path: string, body?: unknown, headers?: Headers): Promise<ScimAnswer>
  get(path: string, headers?: Headers): Promise<ScimAnswer>
  /** Of the path's list, those that match. */
  find(list: 'Users' | 'Groups', filter: string): Promise<ScimAnswer>
  createUser(attributes: Readonly<Record<string, unknown>>): Promise<ScimAnswer>
  createGroup(displayName: string, members?: readonly string[]): Promise<ScimAnswer>
  patch(path: string, operations: readonly unknown[], headers?: Headers): Promise<ScimAnswer>
  /** Somebody else's request to the API itself. */
  as(
    subject: string,
    roles?: readonly string[],
  ): Promise<(method: string, path: string, body?: unknown) => Promise<Answer>>
  close(): Promise<void>
}

export async function scimClient(
  service: Service,
  http: { readonly requestBudgetMs?: number } = {},
): Promise<ScimClient> {
  const keys = await testKeys()
  const served = await serve(observed(appOf(service, keys, { ...PLAIN_HTTP, ...http })))
  const token = await signToken(keys, 'directory', { roles: ['scim'] })

  const send: ScimClient['send'] = async (method, path, body, headers = {}) => {
    const answer = await served.send({
      method,
      path: `/scim/v2${path}`,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/scim+json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { ...answer, body: JSON.parse(answer.text || '{}') as ScimBody }
  }
  return {
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    find: (list, filter) => send('GET', `/${list}?filter=${encodeURIComponent(filter)}`),
    createUser: (attributes) => send('POST', '/Users', { schemas: [USER_SCHEMA], ...attributes }),
    createGroup: (displayName, members = []) =>
      send('POST', '/Groups', { schemas: [GROUP_SCHEMA], displayName, members: members.map((value) => ({ value })) }),
    patch: (path, Operations, headers) => send('PATCH', path, { schemas: [PATCH_SCHEMA], Operations }, headers),
    async as(subject, roles = []) {
      const own = await signToken(keys, subject, { roles })
      return (method, path, body) =>
        served.send({
          method,
          path,
          headers: {
            authorization: `Bearer ${own}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
    },
    close: served.close,
  }
}
