/** What a client would know by now: names it was told of, and what earlier answers handed out. */
import type { Answer } from './http-client.ts'

const KINDS = ['user', 'group', 'resource', 'etag', 'token', 'cursor', 'position'] as const
export type KnownKind = (typeof KINDS)[number]

/** The latest of each kind; older ones belong to what has changed since. */
const KEPT = 40

export interface KnownValues {
  /** The value at this place, counted round; undefined while there is none. */
  pick(kind: KnownKind, place: number): string | undefined
  add(kind: KnownKind, value: string): void
  learn(path: string, answer: Answer): void
}

export function createKnownValues(begin: Readonly<Partial<Record<KnownKind, readonly string[]>>>): KnownValues {
  const known = new Map<KnownKind, string[]>(KINDS.map((kind) => [kind, [...(begin[kind] ?? [])]]))

  function add(kind: KnownKind, value: string): void {
    const values = known.get(kind) ?? []
    if (values.includes(value)) return
    values.push(value)
    // The first ones are the fixed points of the organisation: they stay.
    if (values.length > KEPT) values.splice(begin[kind]?.length ?? 0, 1)
  }

  function addFrom(path: string, item: { id?: unknown }): void {
    if (typeof item.id !== 'string') return
    if (path.startsWith('/resources') || path.includes('/resources')) add('resource', item.id)
    else if (path.startsWith('/groups')) add('group', item.id)
    else if (path.startsWith('/users')) add('user', item.id)
  }

  return {
    add,
    pick(kind, place) {
      const values = known.get(kind) ?? []
      return values[place % Math.max(values.length, 1)]
    },
    learn(path, { status, headers, text }) {
      if (status >= 300 || text === '' || !headers['content-type']?.startsWith('application/json')) return
      if (headers.etag !== undefined) add('etag', headers.etag)
      const token = headers['consistency-token']
      if (typeof token === 'string') add('token', token)
      const body = JSON.parse(text) as { id?: unknown; data?: unknown; nextCursor?: unknown }
      addFrom(path, body)
      if (Array.isArray(body.data)) for (const item of body.data.slice(0, 3)) addFrom(path, item as { id?: unknown })
      if (typeof body.nextCursor === 'string')
        add(path.includes('/invalidations') ? 'position' : 'cursor', body.nextCursor)
    },
  }
}
