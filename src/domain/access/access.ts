/** Decisions and searches by names, from the groups of the users and the catalogue. The users who hold a resource come from PostgreSQL. */
import { earliest } from '../../cache/index.ts'
import type {
  Access,
  AccessDecision,
  AccessQuestion,
  CacheStatus,
  ReadContext,
  Reads,
  ResourceName,
  SearchPage,
  SearchResults,
} from '../api.ts'
import type { CursorCodec } from '../cursor.ts'
import type { Freshness } from '../freshness.ts'
import type { Permission, UserId } from '../model.ts'
import { atLeast } from '../permission.ts'
import type { CacheSource, HeldPermission, PermissionQuestion, Position, VisibleQuery } from '../source.ts'
import type { Catalogue } from '../visibility/catalogue.ts'
import { firstEndOf } from '../visibility/standing.ts'
import type { Decided, VisibleResources } from '../visibility/visible-resources.ts'
import type { Actions } from './actions.ts'
import { createSearchPages, type SearchPages } from './search-pages.ts'

/** The users who hold a resource, in the order of their ids. */
export type Holders = (
  resource: ResourceName,
  query: { readonly atLeast: Permission; readonly count: number; readonly after: string | undefined },
) => Promise<readonly UserId[]>

export interface AccessOptions {
  readonly actions: Actions
  readonly visible: Pick<VisibleResources, 'decide'>
  readonly catalogue: Pick<Catalogue, 'permissionOn' | 'visible'>
  readonly source: Pick<CacheSource, 'permissions' | 'visible'>
  readonly holders: Holders
  readonly isDisabled: Access['isDisabled']
  readonly freshness: Pick<Freshness, 'checkToken'>
  readonly cursors: CursorCodec
}

/** Nothing had to be looked up. */
const KNOWN_WITHOUT_ASKING: CacheStatus = { kind: 'hit', detail: 'no-such-name' }
const NO_RESULTS = { results: [], nextToken: null, cache: KNOWN_WITHOUT_ASKING }
/** No layer has an entry for the users who hold a resource. */
const NOT_CACHED: CacheStatus = { kind: 'bypass', detail: 'not-cached' }

export function createAccess(options: AccessOptions): Access {
  return new AccessByNames(options)
}

type Decisions = { readonly decisions: readonly AccessDecision[]; readonly cache: CacheStatus }
type Held = { readonly held: readonly HeldPermission[] }

class AccessByNames implements Access {
  readonly isDisabled: Access['isDisabled']
  readonly #options: AccessOptions
  readonly #pages: SearchPages

  constructor(options: AccessOptions) {
    this.#options = options
    this.isDisabled = options.isDisabled
    this.#pages = createSearchPages(options.cursors)
  }

  async decisions(questions: readonly (AccessQuestion | null)[], context: ReadContext): Promise<Decisions> {
    const asked = questions.map((question) => {
      const least = question === null ? undefined : this.#options.actions.leastFor(question.action)
      return question === null || least === undefined ? null : { ...question, least }
    })
    const known = asked.filter((each) => each !== null)
    const { held, cache } = await this.#permissions(known, context)
    const heldFor = new Map(known.map((each, at) => [each, held[at]]))
    const decisions = asked.map((each): AccessDecision => {
      const { permission = null, until = null } = (each && heldFor.get(each)) ?? {}
      const decision = permission !== null && each !== null && atLeast(permission, each.least)
      // An end can only remove access: a denial does not change by itself.
      return { decision, until: decision && until !== null ? new Date(until) : null }
    })
    return { decisions, cache }
  }

  async users(
    { action, resource }: Omit<AccessQuestion, 'user'>,
    asked: SearchPage,
    context: ReadContext,
  ): Promise<SearchResults<UserId>> {
    const { limit, after } = this.#pages.begin(asked)
    await this.#options.freshness.checkToken(context)
    const least = this.#options.actions.leastFor(action)
    if (least === undefined) return NO_RESULTS
    const found = await this.#options.holders(resource, { atLeast: least, count: limit + 1, after: after[0] })
    return { ...this.#pages.page(asked, { limit, after }, found, (id) => [id]), cache: NOT_CACHED }
  }

  async resources(
    { user, action, kind }: { readonly user: UserId; readonly action: string; readonly kind: string },
    asked: SearchPage,
    context: ReadContext,
  ): Promise<SearchResults<string>> {
    const { limit, after } = this.#pages.begin(asked)
    const least = this.#options.actions.leastFor(action)
    if (least === undefined) {
      await this.#options.freshness.checkToken(context)
      return NO_RESULTS
    }
    const [name, id] = after
    const query = {
      count: limit + 1,
      kind,
      atLeast: least,
      ...(name !== undefined && id !== undefined && { after: { name, id } }),
    }
    const { found, cache } = await this.#visibleTo(user, query, context)
    const begun = { limit, after }
    const { results, nextToken } = this.#pages.page(asked, begun, found, (last) => [last.name, last.id])
    return { results: results.map((each) => each.name), nextToken, cache }
  }

  async actions(
    { user, resource }: Omit<AccessQuestion, 'action'>,
    asked: SearchPage,
    context: ReadContext,
  ): Promise<SearchResults<string>> {
    const { limit, after } = this.#pages.begin(asked)
    const { held, cache } = await this.#permissions([{ user, resource }], context)
    const permission = held[0]?.permission ?? null
    const from = Number(after[0] ?? 0)
    const all = permission === null ? [] : this.#options.actions.allowedBy(permission)
    const found = all.slice(from, from + limit + 1)
    const next = this.#pages.page(asked, { limit, after }, found, () => [String(from + limit)])
    return { ...next, cache }
  }

  async #permissions(questions: readonly PermissionQuestion[], context: ReadContext): Promise<Decided<Held>> {
    const { visible, catalogue, source, freshness } = this.#options
    if (questions.length === 0) {
      await freshness.checkToken(context)
      return { held: [], cache: KNOWN_WITHOUT_ASKING }
    }
    const users = [...new Set(questions.map(({ user }) => user))]
    return visible.decide<Held>(users, context, {
      fromCatalogue(groupsOf, at, endOf) {
        const held = questions.map(({ user, resource }) => {
          const { value, until, isUnsettled } = catalogue.permissionOn(groupsOf(user), resource, at)
          return { permission: value, until: earliest(until, endOf(user)), isUnsettled }
        })
        return {
          value: { held },
          until: firstEndOf(held),
          isUnsettled: held.some(({ isUnsettled }) => isUnsettled),
        }
      },
      fromDatabase: async () => ({ held: await source.permissions(questions) }),
    })
  }

  #visibleTo(user: UserId, query: VisibleQuery, context: ReadContext) {
    const { visible, catalogue, source } = this.#options
    return visible.decide<{ found: readonly Position[] }>([user], context, {
      fromCatalogue(groupsOf, at) {
        const items = catalogue.visible(groupsOf(user), query, at)
        return items && { ...items, value: { found: items.value } }
      },
      fromDatabase: async () => ({ found: await source.visible(user, query) }),
    })
  }
}

/**
 * Whether a user is disabled, remembered with the entry of the groups: disabling and enabling invalidate that entry, so
 * what was read after it was loaded holds for as long as it is served.
 */
export function createDisabled({
  visible,
  user,
}: {
  readonly visible: Pick<VisibleResources, 'effectiveGroups'>
  readonly user: Reads['user']
}): Access['isDisabled'] {
  const known = new WeakMap<object, boolean>()
  return async (id, context) => {
    const { groups: entry } = await visible.effectiveGroups(id, context)
    const remembered = known.get(entry)
    if (remembered !== undefined) return remembered
    const disabled = (await user(id))?.disabled ?? false
    known.set(entry, disabled)
    return disabled
  }
}
