import { describe, expect, it } from 'vitest'
import { createRecentPages } from './recent-pages.ts'
import type { RenderedPage } from './resource-page.ts'

const page = (bytes: number): RenderedPage => ({ body: Buffer.alloc(bytes), etag: '"e"', nextCursor: null })
/** What a page costs beside its bytes. */
const OVERHEAD = 512

describe('recent pages', () => {
  it('are found by the fill and the name that they were kept under, and by no other', () => {
    const pages = createRecentPages({ maxBytes: 10_000 })
    const [first, second] = [page(10), page(10)]
    pages.set('fill-1', '50 a', first)
    pages.set('fill-2', '50 a', second)
    expect(pages.get('fill-1', '50 a')).toBe(first)
    expect(pages.get('fill-2', '50 a')).toBe(second)
    expect(pages.get('fill-1', '50 b')).toBeUndefined()
    expect(pages.get('fill-3', '50 a')).toBeUndefined()
  })

  it('of what was never stored are not kept: nobody could tell whether they are current', () => {
    const pages = createRecentPages({ maxBytes: 10_000 })
    pages.set('', '50 ', page(10))
    expect(pages.get('', '50 ')).toBeUndefined()
  })

  it('larger than all there is room for are not kept', () => {
    const pages = createRecentPages({ maxBytes: OVERHEAD + 100 })
    pages.set('a', 'p', page(101))
    expect(pages.get('a', 'p')).toBeUndefined()
    pages.set('b', 'p', page(100))
    expect(pages.get('b', 'p')).toBeDefined()
  })
})
