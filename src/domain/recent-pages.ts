/**
 * Pages beyond the first that were put together or fetched lately, bounded by bytes. A page belongs to one fill of a
 * list and never changes; whether that fill is still the current one is asked elsewhere.
 */
import { createBoundedMemory } from '../cache/index.ts'
import type { RenderedPage } from './resource-page.ts'

export interface RecentPages {
  get(fillId: string, name: string): RenderedPage | undefined
  set(fillId: string, name: string, page: RenderedPage): void
}

/** What a page costs beside its bytes: slot, name, validator, cursor. */
const OVERHEAD_BYTES = 512

export function createRecentPages({ maxBytes }: { readonly maxBytes: number }): RecentPages {
  const pages = createBoundedMemory<string, RenderedPage>({
    maxBytes,
    bytesOf: ({ body }) => body.length + OVERHEAD_BYTES,
  })
  return {
    get: (fillId, name) => pages.get(`${fillId} ${name}`),
    set(fillId, name, page) {
      // What was never stored has no fill that could be asked about.
      if (fillId !== '') pages.set(`${fillId} ${name}`, page)
    },
  }
}
