/** Reads that PostgreSQL alone answers. Equal reads that arrive while one runs share the next one. */
import { createSingleFlight, type Shareable } from '../../cache/index.ts'
import type { ResourceQuery } from '../api.ts'
import type { UserId } from '../model.ts'
import type { CacheSource, GroupNode, VisibleQuery } from '../source.ts'
import type { RenderedPage, ResourcePages } from './resource-page.ts'

export interface DirectReads {
  page(user: UserId, query: ResourceQuery): Promise<RenderedPage>
  groups(user: UserId): Promise<readonly GroupNode[]>
}

export function createDirectReads({
  source,
  pages,
}: {
  readonly source: CacheSource
  readonly pages: ResourcePages
}): DirectReads {
  const pagesAsked = createSingleFlight<{ page: RenderedPage } & Shareable>()
  const groupsAsked = createSingleFlight<{ groups: readonly GroupNode[] } & Shareable>()
  // The answer to a question asked before a caller arrived may be older than a change acknowledged to that caller.
  const shareable = () => false

  return {
    async page(user, query) {
      const key = JSON.stringify([user, query.limit, query.cursor, query.kind, query.q, query.permission])
      const { page } = await pagesAsked.run(key, async () => {
        const items = await source.visible(user, visibleQuery(query, pages.positionOf(user, query)))
        return { page: pages.render(user, query, items), shareable }
      })
      return page
    },
    async groups(user) {
      const { groups } = await groupsAsked.run(user, async () => {
        const { value } = await source.effectiveGroups(user)
        return { groups: value, shareable }
      })
      return groups
    },
  }
}

/** One more than the page shows: its presence says that there is another page. */
export function visibleQuery(
  { limit, kind, q, permission }: ResourceQuery,
  after: VisibleQuery['after'],
): VisibleQuery {
  return { count: limit + 1, after, kind, prefix: q, atLeast: permission }
}
