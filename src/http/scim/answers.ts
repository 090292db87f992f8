/** What the calls of SCIM have in common: parameters, media types, conditions and the form of answers. */
import type { Request } from 'express'
import { z } from 'zod'
import type { ListCondition, ScimQuery } from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import type { ScimKind } from '../../domain/scim-schema.ts'
import { tagsIn } from '../entity-tags.ts'
import { provisioner } from '../policies.ts'
import { json, type Reply } from '../reply.ts'
import { SCIM_PATH, SCIM_TYPE } from './errors.ts'
import { parseFilter } from './filter.ts'
import { names, SEARCH_SCHEMA, spelled } from './messages.ts'
import { isSelected, locationOf, namesIn, type Selection, tagOf } from './representations.ts'

const BODY_LIMIT_BYTES = 4 * 1024 * 1024

export const SCIM = {
  tag: 'SCIM',
  policy: provisioner,
  produces: SCIM_TYPE,
  alsoNamed: ['application/json'],
  consumes: [SCIM_TYPE, 'application/json'],
  refusesAs: 'scim',
  bodyLimitBytes: BODY_LIMIT_BYTES,
} as const

export const CONDITION = { 'if-match': 'The ETag you read, or `*`; 412 when it is no longer current.' }

export const baseOf = (baseUrl: () => string) => `${baseUrl()}${SCIM_PATH}`

const nameText = z.string().max(2000)
/** Parameters that are not known are ignored: Entra ID adds its own. */
export const selectionQuery = z.object({
  attributes: nameText.exactOptional().meta({ description: 'Only these, separated by commas' }),
  excludedAttributes: nameText.exactOptional().meta({ description: 'All but these; ignored if `attributes` is given' }),
})

const whole = (what: string, fallback: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, { error: 'must be a whole number', abort: true })
    .transform(Number)
    .default(fallback)
    .meta({
      description: what,
      override: ({ jsonSchema }) => {
        delete jsonSchema.pattern
        Object.assign(jsonSchema, { type: 'integer', default: fallback })
      },
    })

export const PAGE_MAX = 200
const PAGE = 100

export const listQuery = selectionQuery.extend({
  filter: z.string().max(4000).exactOptional().meta({ description: 'RFC 7644, 3.4.2.2' }),
  startIndex: whole('The first is 1', 1),
  count: whole(`At most ${PAGE_MAX} on a page`, PAGE),
})

export type ListQuery = z.output<typeof listQuery>

const wholeNumber = (fallback: number) =>
  z
    .int()
    .nullish()
    .transform((value) => value ?? fallback)
const nameList = z
  .array(z.string())
  .max(200)
  .nullish()
  .transform((value) => value?.join(','))

/** The same in a body (RFC 7644, 3.4.3). Unsupported members are ignored, as in a query. */
export const searchBody = z.preprocess(
  spelled(['schemas', 'attributes', 'excludedAttributes', 'filter', 'startIndex', 'count']),
  z
    .looseObject({
      schemas: z.array(z.string()).refine(names(SEARCH_SCHEMA), { error: `must contain ${SEARCH_SCHEMA}` }),
      attributes: nameList,
      excludedAttributes: nameList,
      filter: z.string().max(4000).nullish(),
      startIndex: wholeNumber(1),
      count: wholeNumber(PAGE),
    })
    .transform(
      ({ attributes, excludedAttributes, filter, startIndex, count }): ListQuery => ({
        ...(attributes !== undefined && { attributes }),
        ...(excludedAttributes !== undefined && { excludedAttributes }),
        ...(typeof filter === 'string' && { filter }),
        startIndex,
        count,
      }),
    ),
)

export function selectionOf(kind: ScimKind, query: z.output<typeof selectionQuery>): Selection {
  const { attributes, excludedAttributes } = query
  return {
    ...(attributes && { only: namesIn(kind, attributes) }),
    ...(excludedAttributes && { without: namesIn(kind, excludedAttributes) }),
  }
}

/** Out of range counts as the end of it (RFC 7644, 3.4.2.4). */
export function startOf({ startIndex }: ListQuery): number {
  return Math.max(1, startIndex)
}

export function queryOf(kind: ScimKind, query: ListQuery, selection: Selection): ScimQuery {
  return {
    offset: startOf(query) - 1,
    count: Math.min(Math.max(0, query.count), PAGE_MAX),
    related: relatedOf(kind, selection),
    ...(query.filter !== undefined && { filter: parseFilter(kind, query.filter) }),
  }
}

export function relatedOf(kind: ScimKind, selection: Selection): ScimQuery['related'] {
  return isSelected(selection, kind === 'User' ? 'groups' : 'members') ? 'with' : 'without'
}

/** As SCIM's own type, unless the client knows only JSON. */
export function scimReply(req: Request, value: unknown, options: Parameters<typeof json>[1] = {}): Reply {
  const chosen = req.accepts([SCIM_TYPE, 'application/json'])
  const contentType = `${chosen === 'application/json' ? chosen : SCIM_TYPE}; charset=utf-8`
  return { ...json(value, options), contentType, security: 'data' }
}

/** Of one resource, whose address is in a header, too (RFC 7643, 3.1). */
export function oneReply(
  req: Request,
  value: unknown,
  { location, headers = [], ...options }: Parameters<typeof json>[1] & { readonly location: string },
): Reply {
  return scimReply(req, value, { ...options, headers: ['Content-Location', location, ...headers] })
}

/** The states that `If-Match` allows. */
export function conditionIn(req: Request): { condition?: ListCondition } {
  const header = req.headers['if-match']
  if (header === undefined) return {}
  const tags = tagsIn(header)
  return { condition: tags === '*' ? tags : tags.map((tag) => tag.replace(/^"|"$/g, '')) }
}

export interface Answering {
  readonly query: z.output<typeof selectionQuery>
  readonly baseUrl: () => string
  readonly http: Request
}

interface Found<Resource> {
  read(related: ScimQuery['related']): Promise<Resource | null>
  shown(found: Resource, base: string, selection: Selection): unknown
}

/**
 * The changed resource, read again: with the names of everything it refers to.
 * @throws DomainError `not-found` where somebody else deleted it meanwhile
 */
export async function changedReply<Resource extends { readonly id: string; readonly version?: string }>(
  { status, consistencyToken }: { readonly status: 200 | 201; readonly consistencyToken: string },
  kind: ScimKind,
  { query, baseUrl, http }: Answering,
  { read, shown }: Found<Resource>,
): Promise<Reply> {
  const selection = selectionOf(kind, query)
  const found = await read(relatedOf(kind, selection))
  if (found === null) throw new DomainError('not-found', 'it was deleted meanwhile')
  const base = baseOf(baseUrl)
  const location = locationOf(base, kind, found.id)
  return oneReply(http, shown(found, base, selection), {
    location,
    status,
    headers: ['Consistency-Token', consistencyToken, ...(status === 201 ? ['Location', location] : [])],
    etag: tagOf(found),
  })
}
