import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCursorCodec } from '../cursor.ts'
import { EMPTY_CONTENT, type ResourceId, type UserId, type VisibleResource } from '../model.ts'
import { comparePositions, createResourcePages, DEFAULT_LIMIT } from './resource-page.ts'

const pages = createResourcePages(createCursorCodec('0123456789abcdef0123456789abcdef'))
const alice = 'alice' as UserId

const resource = (n: number): VisibleResource => ({
  ...EMPTY_CONTENT,
  id: `id-${n}` as ResourceId,
  name: `name-${String(n).padStart(4, '0')}`,
  kind: 'plan',
  attributes: { n },
  permission: 'read',
  version: 1,
  updatedAt: '2026-01-01T00:00:00.000Z',
})
const resources = (count: number) => Array.from({ length: count }, (_, n) => resource(n))
const parsed = (body: Buffer) => JSON.parse(body.toString()) as { data: VisibleResource[]; nextCursor: string | null }

describe('a page', () => {
  it('shows as many as asked for, and where it goes on only if there are more', () => {
    for (const [count, shown] of [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 2],
    ] as const) {
      const page = pages.render(alice, { limit: 2 }, resources(count))
      expect(parsed(page.body)).toEqual({ data: resources(shown), nextCursor: page.nextCursor })
      expect(page.nextCursor === null).toBe(count <= 2)
    }
  })

  it('goes on after its last item, for the same user and query only', () => {
    const query = { limit: 2, kind: 'plan', q: 'name', permission: 'read' } as const
    const cursor = pages.render(alice, query, resources(3)).nextCursor ?? ''
    expect(pages.positionOf(alice, { ...query, cursor })).toEqual({ name: 'name-0001', id: 'id-1' })
    expect(pages.positionOf(alice, { ...query, limit: 7, cursor })).toEqual({ name: 'name-0001', id: 'id-1' })
    expect(pages.positionOf(alice, query)).toBeUndefined()
    expect(() => pages.positionOf('bob' as UserId, { ...query, cursor })).toThrow('the cursor was not issued')
    for (const other of [{ kind: 'note' }, { q: 'nam' }, { permission: 'write' }] as const)
      expect(() => pages.positionOf(alice, { ...query, ...other, cursor })).toThrow('the cursor was not issued')
  })

  it('keeps its validator while user and data stay the same, and has another for anything else', () => {
    const { etag } = pages.render(alice, { limit: 2 }, resources(2))
    expect(etag).toMatch(/^"[\w-]{27}"$/)
    expect(pages.render(alice, { limit: 2 }, resources(2)).etag).toBe(etag)
    expect(pages.render('bob' as UserId, { limit: 2 }, resources(2)).etag).not.toBe(etag)
    expect(pages.render(alice, { limit: 2 }, resources(1)).etag).not.toBe(etag)
    const raised = resources(2).map((each) => ({ ...each, permission: 'write' as const }))
    expect(pages.render(alice, { limit: 2 }, raised).etag).not.toBe(etag)
  })

  it('has fifty items when nobody says', () => {
    expect(DEFAULT_LIMIT).toBe(50)
  })
})

describe('the order of names', () => {
  const names = fc.string({
    unit: fc.constantFrom('a', 'b', 'Z', ' ', 'ż', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀', '\u{10ffff}'),
  })

  it('is that of their bytes in UTF-8, as the database compares them', () => {
    fc.assert(
      fc.property(names, names, (a, b) => {
        const order = comparePositions({ name: a, id: 'x' }, { name: b, id: 'x' })
        expect(Math.sign(order)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2000 },
    )
  })

  it('goes on with the ids where the names are the same', () => {
    const order = (a: string, b: string) => comparePositions({ name: 'x', id: a }, { name: 'x', id: b })
    expect([order('a', 'b'), order('b', 'a'), order('a', 'a')]).toEqual([-1, 1, 0])
  })

  it('puts a character outside the first plane behind every one in it', () => {
    const order = (a: string, b: string) => Math.sign(comparePositions({ name: a, id: '' }, { name: b, id: '' }))
    expect(order('\uffff', '😀')).toBe(-1)
    expect(order('😀', '\ue000')).toBe(1)
    expect(order('\ud7ff', '😀')).toBe(-1)
    expect(order('ab', 'a')).toBe(1)
  })
})
