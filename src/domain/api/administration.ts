/** Inspecting the cache and flushing it. */
import type { LayerName } from '../layers.ts'
import type { JsonObject, Ref, ResourceId, UserId } from '../model.ts'
import type { Mutated, MutationContext } from './mutations.ts'
import type { Page } from './pages.ts'

export type FlushScope =
  | { readonly scope: 'all' }
  | { readonly scope: 'volatile' }
  | { readonly scope: 'layer'; readonly layer: LayerName }
  | { readonly scope: 'user'; readonly user: UserId }
  | { readonly scope: 'resource'; readonly resource: Ref<ResourceId> }

export interface FlushOutcome {
  readonly scope: FlushScope['scope']
  readonly dryRun: boolean
  /** The keys named by the scope; null where a whole layer is meant. */
  readonly keys: readonly string[] | null
  readonly layers: readonly string[]
  /** Of a dry run: how many entries Redis holds of it; null where it cannot say. */
  readonly entries?: number | null
  /** Whether Redis took part immediately; without it the flush holds by the log. */
  readonly store: 'flushed' | 'unavailable' | 'untouched'
}

export interface CacheAdministration {
  /** Everything `GET /admin/cache` shows, as JSON-ready data. */
  status(): Promise<JsonObject>
  flush(
    scope: FlushScope,
    options: { reason: string; dryRun: boolean },
    context: MutationContext,
  ): Promise<Mutated<FlushOutcome>>
  /** The user's entries: present, age, remaining life, stamp, whether they would be served and if not why. */
  userEntries(id: UserId): Promise<JsonObject>
  invalidations(query: { after?: string; limit: number }): Promise<Page<JsonObject>>
}
