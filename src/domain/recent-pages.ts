/**
 * Pages beyond the first that were put together or fetched lately, bounded by bytes, least recently used out first. A
 * page belongs to one fill of a list and never changes; whether that fill is still the current one is asked elsewhere.
 */
import type { RenderedPage } from './resource-page.ts'

export interface RecentPages {
  get(fillId: string, name: string): RenderedPage | undefined
  set(fillId: string, name: string, page: RenderedPage): void
}

/** What a page costs beside its bytes: slot, name, validator, cursor. */
const OVERHEAD_BYTES = 512

export function createRecentPages({ maxBytes }: { readonly maxBytes: number }): RecentPages {
  const held = new Map<string, RenderedPage>()
  let bytes = 0

  return {
    get(fillId, name) {
      const key = `${fillId} ${name}`
      const page = held.get(key)
      if (!page) return undefined
      held.delete(key)
      held.set(key, page)
      return page
    },
    set(fillId, name, page) {
      const key = `${fillId} ${name}`
      // What was never stored has no fill that could be asked about.
      if (fillId === '' || held.has(key)) return
      held.set(key, page)
      bytes += page.body.length + OVERHEAD_BYTES
      for (const [oldest, { body }] of held) {
        if (bytes <= maxBytes) break
        held.delete(oldest)
        bytes -= body.length + OVERHEAD_BYTES
      }
    },
  }
}
