/**
 * The one table of a service's layers. The order of removal, the closure of a flush, the names of entries, what a scan
 * matches and how long invalidations are remembered all follow from it, so a new layer is one row and its loader.
 */
import type { EntryKey, LayerName } from './entry-store.ts'
import type { RetentionClass } from './invalidation-index.ts'

/** A length of time, such as `{ minutes: 15 }`; the parts add up. */
export interface Duration {
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
}

/** One layer as it is declared. */
export interface LayerRow {
  /**
   * The name of an entry. Its arguments arrive encoded, so that no id can leave its place: `(user) => \`visible:{${user}}\``.
   * Braces are a Redis hash tag.
   */
  readonly key: (...parts: never[]) => string
  /** The longest life of an entry. */
  readonly ttl: Duration
  /**
   * How long invalidations that concern its entries are remembered; `lasting` for layers that live for hours. A recovery
   * after an outage flushes the volatile layers first. Default: `volatile`.
   */
  readonly retention?: RetentionClass
  /** The layers whose values it is derived from: they are removed before it, and a flush of one flushes it too. */
  readonly from?: readonly string[]
  /** To be raised whenever the form of the values changes: entries of another release's form are misses. Default: 1. */
  readonly shape?: number
  /** How long a dead lease holder can delay others: longer than a load takes, shorter than a request. Default: a second. */
  readonly lease?: Duration
  /** What one process holds of its entries at most, in bytes. Default: 16 MiB. */
  readonly copiesMaxBytes?: number
}

/** A row with its defaults, as `createLayer` takes it. */
export interface DeclaredLayer<Name extends string = string> {
  readonly name: Name
  readonly ttlMs: number
  readonly retention: RetentionClass
  readonly leaseMs: number
  readonly shape: number
  readonly copiesMaxBytes: number
}

/** Rows by the names of their layers, as `defineLayers` takes them. */
export type LayerRows = Readonly<Record<string, LayerRow>>

/** What `defineLayers` makes of the rows. */
export interface Layers<Rows extends LayerRows = LayerRows> {
  /** Inputs before what is derived from them: in this order entries are removed. */
  readonly names: readonly (keyof Rows & string)[]
  readonly volatile: readonly (keyof Rows & string)[]
  /** How long an invalidation must be remembered: as long as an entry that it concerns may live, in milliseconds. */
  readonly retentionMs: Readonly<Record<RetentionClass, number>>
  /** A row with its defaults. @throws LayersError where there is none */
  row<Name extends keyof Rows & string>(name: Name): DeclaredLayer<Name>
  /** The layer and everything derived from it, in the order of removal. */
  closureOf(name: keyof Rows & string): readonly (keyof Rows & string)[]
  /** The name of an entry; ids are percent-encoded. */
  keyOf<Name extends keyof Rows & string>(name: Name, ...parts: Parameters<Rows[Name]['key']>): EntryKey
  /** What the names of a layer's entries, and of what belongs to them, look like to SCAN, without the prefix. */
  pattern(name: LayerName): string
}

/** The part of the table that a store needs. */
export type LayerNames = Pick<Layers, 'names' | 'pattern'>

/** A table of layers that cannot work; the message names the remedy. */
export class LayersError extends Error {
  readonly code = 'layers'
}

const MINUTE_MS = 60_000
const LEASE_MS = 1000
const COPIES_MAX_BYTES = 16 * 1024 * 1024
/** An entry is filled a little after its load; what it could have missed is remembered that much longer. */
const MARGIN_MS = 2 * MINUTE_MS
/** Names of the store's own, beside the entries. */
const RESERVED = /^(?:generation:|heartbeat$)|:(?:lease|parts)$/
/** What a scan takes for "anything". */
const ANYTHING = '*'

/**
 * Checks the table and derives everything that depends on it.
 * @param rows by the names of the layers, in any order
 * @throws LayersError for a table that cannot work, with the remedy
 */
export function defineLayers<const Rows extends LayerRows>(rows: Rows): Layers<Rows> {
  type Name = keyof Rows & string
  const names = inputsFirst(rows) as Name[]
  const declared = new Map(names.map((name) => [name, declaredOf(name, rowOf(name))]))
  const patterns = new Map<string, string>(names.map((name) => [name, patternOf(rowOf(name))]))
  refuseSharedNames(rows, patterns)
  refuseForgottenInputs(rows, declared)

  function rowOf(name: string): LayerRow {
    const row = rows[name]
    if (!row) throw new LayersError(`there is no layer called ${name}: declare it in defineLayers`)
    return row
  }

  function longestLife(retention: RetentionClass): number {
    const lives = [...declared.values()].filter((layer) => layer.retention === retention)
    return Math.max(0, ...lives.map(({ ttlMs }) => ttlMs))
  }

  return {
    names,
    volatile: names.filter((name) => declared.get(name)?.retention === 'volatile'),
    retentionMs: { volatile: longestLife('volatile') + MARGIN_MS, lasting: longestLife('lasting') + MARGIN_MS },
    row<Of extends Name>(name: Of) {
      rowOf(name)
      return declared.get(name) as DeclaredLayer<Of>
    },
    closureOf(name) {
      rowOf(name)
      const closure = new Set<string>([name])
      // Inputs come first, so one pass finds all that is derived.
      for (const each of names) if (rowOf(each).from?.some((input) => closure.has(input))) closure.add(each)
      return names.filter((each) => closure.has(each))
    },
    keyOf(name, ...parts) {
      const { key } = rowOf(name)
      const named = key(...(parts.map(encodeId) as never[]))
      if (isPartMissing(parts, key.length) && /(?<![\w.%-])(?:undefined|null)(?![\w.%-])/.test(named))
        throw new LayersError(`${name}: a part of the name is missing, ${named}: pass an id for each`)
      return named as EntryKey
    },
    pattern(name) {
      rowOf(name)
      return patterns.get(name) ?? ''
    },
  }
}

/** In milliseconds. */
export function msOf({ hours = 0, minutes = 0, seconds = 0 }: Duration): number {
  return ((hours * 60 + minutes) * 60 + seconds) * 1000
}

function declaredOf<Name extends string>(name: Name, row: LayerRow): DeclaredLayer<Name> {
  const { key, ttl = {}, retention = 'volatile', shape = 1, lease, copiesMaxBytes = COPIES_MAX_BYTES } = row
  if (typeof key !== 'function')
    throw new LayersError(
      `${name}: the key must be a function that names an entry, such as (id) => \`${name}:{\${id}}\``,
    )
  refuseAmbiguousNames(name, key)
  const ttlMs = msOf(ttl)
  const leaseMs = lease ? msOf(lease) : LEASE_MS
  if (!(ttlMs >= 1000))
    throw new LayersError(
      `${name}: the TTL must be a second or more, in hours, minutes or seconds, such as { minutes: 15 }`,
    )
  if (!(leaseMs >= 1))
    throw new LayersError(`${name}: the lease must be longer than a load takes, such as { seconds: 1 }`)
  if (!Number.isSafeInteger(shape) || shape < 1)
    throw new LayersError(`${name}: the shape must be a whole number from 1`)
  return { name, ttlMs, retention, leaseMs, shape, copiesMaxBytes }
}

function patternOf({ key }: LayerRow): string {
  const sample = key(...(Array.from({ length: key.length }, () => ANYTHING) as never[]))
  return sample.endsWith(ANYTHING) ? sample : sample + ANYTHING
}

/** In the order declared, except that an input always comes before what is derived from it. */
function inputsFirst(rows: LayerRows): string[] {
  const ordered = new Set<string>()
  const visit = (name: string, above: readonly string[]): void => {
    if (ordered.has(name)) return
    if (above.includes(name))
      throw new LayersError(`${[...above, name].join(' from ')}: a layer cannot be its own input`)
    const row = rows[name]
    if (!row) throw new LayersError(`${above.at(-1)} is derived from ${name}, which is not a layer: declare it`)
    for (const input of row.from ?? []) visit(input, [...above, name])
    ordered.add(name)
  }
  for (const name of Object.keys(rows)) visit(name, [])
  return [...ordered]
}

/**
 * Two entries must never have one name: each would be answered with the other's value. Encoded parts have no other
 * characters than these, so anything else keeps them apart.
 */
function refuseAmbiguousNames(name: string, key: LayerRow['key']): void {
  const marks = Array.from({ length: key.length }, (_, at) => `part${at}x`)
  const sample = key(...(marks as never[])).toLowerCase()
  const lost = marks.findIndex((mark) => !sample.includes(mark))
  if (lost >= 0)
    throw new LayersError(
      `${name}: part ${lost + 1} is not in the name (${sample}): take ids, not objects, and use them whole`,
    )
  const between = sample.split(/part\d+x/).slice(1, -1)
  if (between.some((text) => !/[^\w.%-]/.test(text)))
    throw new LayersError(`${name}: nothing keeps two parts apart in ${sample}: put a colon between them`)
}

/** Two layers whose entries could have one name would overwrite each other, and a sweep of one would take the other's. */
function refuseSharedNames(rows: LayerRows, patterns: ReadonlyMap<string, string>): void {
  for (const [name, { key }] of Object.entries(rows)) {
    const sample = key(...(Array.from({ length: key.length }, () => 'x') as never[]))
    if (RESERVED.test(sample)) throw new LayersError(`${name}: ${sample} is a name of the store's own; choose another`)
    for (const [other, pattern] of patterns)
      if (other !== name && matches(pattern, sample))
        throw new LayersError(`${name} and ${other} can have entries of one name (${sample}): begin each differently`)
  }
}

/** An entry's tags are remembered as long as its layer says; those of its inputs come along. */
function refuseForgottenInputs(rows: LayerRows, declared: ReadonlyMap<string, DeclaredLayer>): void {
  for (const [name, { from = [] }] of Object.entries(rows)) {
    const volatile = from.find((input) => declared.get(input)?.retention === 'volatile')
    if (declared.get(name)?.retention === 'lasting' && volatile)
      throw new LayersError(`${name} lasts, and is derived from ${volatile}, which does not: make it volatile`)
  }
}

function matches(pattern: string, sample: string): boolean {
  const parts = pattern.split(ANYTHING).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(sample)
}

/** Encoding would change nothing; nearly all ids are such, and every read asks. */
const PLAIN_ID = /^[\w.-]+$/

/** A part may be optional; then the name leaves it out. */
function isPartMissing(parts: readonly unknown[], wanted: number): boolean {
  return parts.length < wanted || parts.includes(undefined) || parts.includes(null)
}

/** Percent-encoding as in URLs, and of what it leaves alone but patterns and braces do not. */
function encodeId(part: unknown): unknown {
  if (part === undefined || part === null) return part
  if (typeof part === 'object' || typeof part === 'function') return unusable(part)
  const id = String(part)
  if (PLAIN_ID.test(id)) return id
  return encodeURIComponent(id).replace(/[*'()!~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/**
 * Text would be the same for `['gold']` and `'gold'`, which a query string chooses between, while SQL would tell them
 * apart: one could then be cached under the other's name. It throws when it is used, since `ids.map(read)` passes more.
 */
function unusable(part: object): { toString(): string } {
  return {
    toString() {
      const kind = Array.isArray(part) ? 'a list' : 'an object'
      throw new LayersError(
        `a part of an entry's name is text or a number, and got ${kind}: check what came with the request`,
      )
    },
  }
}
