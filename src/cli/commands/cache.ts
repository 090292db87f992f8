/** `cache`: its state, a flush, one user's entries, the invalidation log. */
import type { Flushed, InputOf } from '../../client/index.ts'
import type { FlushScope } from '../../domain/api.ts'
import { LAYERS } from '../../domain/layers.ts'
import type { JsonObject, JsonValue } from '../../domain/model.ts'
import { UsageError } from '../outcome.ts'
import { describeCache, describeEntries } from './cache-summary.ts'
import type { Command } from './command.ts'
import { list, PAGE_OPTIONS } from './lists.ts'
import { change } from './mutations.ts'
import { reference } from './references.ts'

const SCOPES = {
  all: null,
  volatile: null,
  layer: `<layer>: one of ${LAYERS.names.join(', ')}`,
  user: '<user>',
  resource: '<resource>',
} satisfies Record<FlushScope['scope'], string | null>

const status: Command = {
  words: ['cache', 'status'],
  isDefault: true,
  summary: 'breaker, outages, log position, counts by layer, Sentinel topology',
  takes: [],
  options: {},
  async run({ api, width }) {
    const { data } = await api.getCacheStatus()
    return { json: data, text: describeCache(data as unknown as JsonObject, width) }
  },
}

const flush: Command = {
  words: ['cache', 'flush'],
  summary: 'flush a scope: afterwards no instance serves anything older',
  takes: ['<scope>', '[layer, user or resource]'],
  choices: { 0: Object.keys(SCOPES) },
  options: {
    reason: { value: '<text>', help: 'why, for the audit log (needed)' },
    'dry-run': { help: 'show what would be flushed' },
  },
  run(invocation) {
    const reason = invocation.text('reason')
    if (!reason) throw new UsageError('--reason is needed: it goes to the audit log')
    const dryRun = invocation.flag('dry-run')
    const scope = readScope(invocation.argument(0), invocation.optionalArgument(1))
    const body = { ...scope, reason, dryRun } as InputOf<'flushCache'>['body']
    return change(invocation.api.flushCache({ body }), ({ data }) => describeFlush(data))
  },
}

const user: Command = {
  words: ['cache', 'user'],
  summary: "a user's entries: age, remaining life, stamp, whether they would be served and if not why",
  takes: ['<user>'],
  options: {},
  async run({ api, argument }) {
    const { data } = await api.getUserCacheEntries({ path: { id: argument(0) } })
    return { json: data, text: describeEntries(data as unknown as JsonObject) }
  },
}

const invalidations: Command = {
  words: ['cache', 'invalidations'],
  summary: 'the invalidation log, oldest first',
  takes: [],
  options: PAGE_OPTIONS,
  run: (invocation) =>
    list(invocation, ['listInvalidations', {}], {
      columns: ['id', 'at', 'event', 'actor', 'reason', 'keys', 'widened', 'tags'].map((field) => ({
        title: field.toUpperCase(),
        value: (row) => inOneLine(row[field] as JsonValue),
        ...(['reason', 'keys', 'tags'].includes(field) && { shrinks: true as const }),
      })),
    }),
}

export const cacheCommands = [status, flush, user, invalidations]

function readScope(scope: string, target: string | undefined): Record<string, string> {
  const needed = SCOPES[scope as FlushScope['scope']]
  if (needed === null && target !== undefined) throw new UsageError(`cache flush ${scope} takes no more arguments`)
  if (needed === null) return { scope }
  if (target === undefined) throw new UsageError(`cache flush ${scope} needs ${needed}`)
  return { scope, [scope]: scope === 'resource' ? reference(target) : target }
}

function describeFlush({ dryRun, keys, layers, store }: Flushed): string {
  const verb = dryRun ? 'would flush' : 'flushed'
  const what = keys === null ? `the layers ${layers.join(', ')}` : keys.length === 1 ? '1 key' : `${keys.length} keys`
  const away = store === 'unavailable' ? ['Redis is away; the flush holds nonetheless, by the log'] : []
  return [`${verb} ${what}`, ...(keys ?? []).map((key) => `  ${key}`), ...away].join('\n')
}

function inOneLine(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '-'
  if (Array.isArray(value))
    return value.length > 4 ? `${value.slice(0, 4).join(' ')} … (${value.length})` : value.join(' ') || '-'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
