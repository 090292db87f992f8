/**
 * Proves the rules of a service's own mutations: after each, every probed entry that the database says has changed must
 * have been named, by the rules and, where they are installed, by the triggers.
 */
import type { CacheLog } from '../cache-options.ts'
import type { Reader } from '../cache-reader.ts'
import type { Cache } from '../create-cache.ts'
import type { LayerRows } from '../layers.ts'
import { committedIn } from '../mutation-token.ts'
import type { Stamp } from '../snapshot.ts'
import type { Tag } from '../tags.ts'

/** One entry that is looked at around every mutation. */
export interface Probe {
  readonly name: string
  /** Asks the database. */
  load(): Promise<{ readonly value: unknown; readonly tags: readonly Tag[]; readonly stamp: Stamp }>
}

/**
 * One entry to be looked at: `probe(prices, 'gold')`.
 * @param parts of the entry, as the reader takes them
 */
export function probe<Parts extends unknown[], Value>(reader: Reader<Parts, Value>, ...parts: Parts): Probe {
  return { name: `${reader.layer} ${parts.join(' ')}`.trim(), load: () => reader.loaded(...parts) }
}

/** What is looked at around each mutation. */
export interface JudgeOptions {
  /** The same that the cache was made with: the judge reads in it what the triggers named. */
  readonly log: Pick<CacheLog<never, never>, 'log'>
  /** Called before each mutation. Choose entries that mutations should affect, and some that they should not. */
  readonly probes: () => readonly Probe[]
  /**
   * Whether entries must also be named by triggers: `installed` where they are on all tables, `none` where there are
   * none, so that nothing is asked of them. Default: `none`.
   */
  readonly triggers?: 'installed' | 'none'
}

/** One entry about which two of SQL, rules and triggers disagree. */
export interface Finding {
  readonly entry: string
  /**
   * `forgotten by the rules`: SQL says that it changed; `forgotten by the triggers`: the same, of another writer;
   * `named by the triggers alone`: it looks unchanged here, and other values of the mutation would change it.
   */
  readonly what: 'forgotten by the rules' | 'forgotten by the triggers' | 'named by the triggers alone'
  readonly before: unknown
  readonly after: unknown
}

/** A mutation, and the entries about which SQL, its rules and the triggers disagree. It has committed. */
export class RulesError extends Error {
  readonly code = 'rules'
  readonly findings: readonly Finding[]
  constructor(event: string, findings: readonly Finding[]) {
    const lines = findings.map(({ entry, what, before, after }) => {
      const changed =
        what === 'named by the triggers alone' ? '' : `: ${JSON.stringify(before)} → ${JSON.stringify(after)}`
      return `  ${entry}, ${what}${changed}`
    })
    super([`${event} and the database disagree about what goes stale`, ...lines].join('\n'))
    this.name = 'RulesError'
    this.findings = findings
  }
}

/**
 * The same cache, whose every mutation is judged: use it in the place of the service's own in all of its tests. Mutations
 * must come one after the other; what another writer changes meanwhile would be taken for the mutation's.
 * @returns a cache whose `mutate` throws RulesError after the commit, where something disagrees
 */
export function judged<Rows extends LayerRows, Tx, Query>(
  cache: Cache<Rows, Tx, Query>,
  { log, probes, triggers = 'none' }: JudgeOptions,
): Cache<Rows, Tx, Query> {
  return {
    ...cache,
    async mutate(event, rules, work) {
      const entries = probes()
      const before = await Promise.all(entries.map((each) => each.load()))
      const mutated = await cache.mutate(event, rules, work)
      const after = await Promise.all(entries.map((each) => each.load()))
      const [oldest] = before
      const byTriggers = oldest ? await namedByTriggers(log, oldest.stamp, mutated) : new Set<Tag>()
      const findings = entries.flatMap(({ name }, at): Finding[] => {
        const [was, is] = [before[at], after[at]]
        if (!was || !is) return []
        const named = (by: ReadonlySet<Tag>) => was.tags.some((each) => by.has(each))
        const [rule, trigger] = [named(new Set(mutated.named)), named(byTriggers)]
        const found = { entry: name, before: was.value, after: is.value }
        if (JSON.stringify(was.value) === JSON.stringify(is.value))
          return trigger && !rule ? [{ ...found, what: 'named by the triggers alone' }] : []
        return [
          ...(rule ? [] : [{ ...found, what: 'forgotten by the rules' } as const]),
          ...(trigger || triggers === 'none' ? [] : [{ ...found, what: 'forgotten by the triggers' } as const]),
        ]
      })
      if (findings.length > 0) throw new RulesError(event, findings)
      return mutated
    },
  }
}

/** The mutation's own transaction, without the row that its rules wrote. */
async function namedByTriggers(
  { log }: JudgeOptions['log'],
  since: Stamp,
  { token, named }: { readonly token: string; readonly named: readonly Tag[] },
): Promise<Set<Tag>> {
  const xid = committedIn(token)?.xid
  const { rows } = await log.readSince(since.snapshot)
  const own = rows.filter((row) => row.xid === xid).map(({ tags }) => tags)
  const byRules = own.findIndex((tags) => JSON.stringify(tags) === JSON.stringify(named))
  return new Set(own.filter((_, at) => at !== byRules).flat())
}
