/** The reader of one layer: rows in JSON, the tags and the end of each entry, and what readers get of it. */
import { createHash } from 'node:crypto'
import { type CacheLog, CacheOptionsError, refuseUntyped } from './cache-options.ts'
import { EVERYTHING, entryTag, layerTag } from './cache-tags.ts'
import { createCopies } from './copies.ts'
import { createLayer, type LayerDependencies, type LayerOptions, type LayerRead } from './layer.ts'
import type { DeclaredLayer, LayerRows, Layers } from './layers.ts'
import { earliest } from './loads.ts'
import { committedIn } from './mutation-token.ts'
import type { ReadThrough } from './read-through.ts'
import type { Stamp } from './snapshot.ts'
import { StoreWait } from './store-wait.ts'
import type { Tag } from './tags.ts'

/** Reads entries of one layer. */
export interface Reader<Parts extends unknown[], Value> {
  /** @throws what the loader's statement throws, if it has to run */
  (...parts: Parts): Promise<Value>
  /**
   * Sees at least the mutation whose token it is given; loads from the database where this instance cannot know.
   * Without a token it is an ordinary read.
   */
  after(token: string | undefined, ...parts: Parts): Promise<Value>
  /** Loads from the database and bypasses the cache. @throws what the loader's statement throws */
  fresh(...parts: Parts): Promise<Value>
  /** The same, as an entry would be: with its tags and the snapshot that it was read at. */
  loaded(...parts: Parts): Promise<{ readonly value: Value; readonly tags: readonly Tag[]; readonly stamp: Stamp }>
  readonly layer: string
}

/** What an entry depends on, and what readers get. */
export interface ReaderOptions<Parts extends unknown[], Row, Value> {
  /** What the entry depends on besides itself; a trigger or a rule that names one of them makes it stale. */
  readonly tags?: (...parts: Parts) => Tag | readonly Tag[]
  /** The same, found in each row that was loaded. */
  readonly tagsOfRow?: (row: Row) => Tag | readonly Tag[]
  /**
   * When each row stops being true by itself, by the database's clock: nothing of the entry is served from then on. The
   * loader's statement leaves out what has ended, `WHERE ends_at IS NULL OR ends_at > statement_timestamp()`.
   * Default: never.
   */
  readonly untilOfRow?: (row: Row) => Date | string | number | null
  /** What readers get; default: the rows. Rows are frozen, because all readers share them. */
  readonly map?: (rows: readonly Row[]) => Value
}

/** What a loader of rows returns. */
export interface QueryOf<Row> {
  /** Only in the types. */
  readonly row?: Row
}

/** The arguments of a layer's `key`: they name one entry. */
export type PartsOf<Rows extends LayerRows, Name extends keyof Rows> = Parameters<Rows[Name]['key']>

/** Shared by all readers of one cache. */
export interface ReaderDependencies<Rows extends LayerRows, Query> extends LayerDependencies {
  readonly layers: Layers<Rows>
  readonly database: Pick<CacheLog<unknown, Query>, 'load'>
  readonly reads: ReadThrough
}

const TOKEN_WAIT_MS = 1000

export function createReader<Rows extends LayerRows, Name extends keyof Rows & string, Query, Row, Value>(
  { layers, database, reads, ...dependencies }: ReaderDependencies<Rows, Query>,
  declared: DeclaredLayer<Name>,
  load: (...parts: PartsOf<Rows, Name>) => Query & QueryOf<Row>,
  {
    tags = () => [],
    tagsOfRow = () => [],
    untilOfRow = () => null,
    map,
  }: ReaderOptions<PartsOf<Rows, Name>, Readonly<Row>, Value>,
): Reader<PartsOf<Rows, Name>, Value> {
  const { name } = declared
  // Another loader means another shape: during an upgrade, releases do not read each other's entries.
  const shape = shapeOf(declared.shape, load.toString())
  const layer = createLayer<readonly Row[]>(rowsIn({ ...declared, shape }), dependencies)
  const mapped = new WeakMap<readonly Row[], Value>()

  /** Once for each copy, not for each reader. */
  function mappedOf(rows: readonly Row[]): Value {
    if (!map) return rows as Value
    const known = mapped.get(rows)
    if (known !== undefined) return known
    const value = map(rows)
    mapped.set(rows, value)
    return value
  }

  async function loaded(parts: PartsOf<Rows, Name>) {
    const { rows, stamp } = await database.load(load(...parts))
    const own = rows as readonly Row[]
    const named = [tags(...parts), ...own.map((row) => tagsOfRow(row))].flat()
    refuseUntyped(`the reader of ${name}`, named)
    const until = earliestOf(own.map((row) => untilOfRow(row)))
    return {
      value: frozen(own),
      stamp,
      until,
      tags: [...new Set([entryTag(layers.keyOf(name, ...parts)), layerTag(name), EVERYTHING, ...named])],
    }
  }

  async function read(...parts: PartsOf<Rows, Name>): Promise<Value> {
    const wanted = { layer, key: layers.keyOf(name, ...parts), load: () => loaded(parts) }
    const found: LayerRead<readonly Row[]> = await reads.read(wanted, new StoreWait())
    return mappedOf(found.value)
  }

  const fresh = async (...parts: PartsOf<Rows, Name>) => mappedOf((await loaded(parts)).value)
  return Object.assign(read, {
    layer: name,
    fresh,
    async loaded(...parts: PartsOf<Rows, Name>) {
      const { value, tags, stamp } = await loaded(parts)
      return { value: mappedOf(value), tags, stamp }
    },
    async after(token: string | undefined, ...parts: PartsOf<Rows, Name>) {
      if (token === undefined) return read(...parts)
      const committed = committedIn(token)
      return committed && (await dependencies.follower.waitFor(committed, TOKEN_WAIT_MS))
        ? read(...parts)
        : fresh(...parts)
    },
  })
}

/** Entries are the rows as JSON. */
function rowsIn<Name extends string, Row>(declared: DeclaredLayer<Name>): LayerOptions<readonly Row[]> {
  return {
    ...declared,
    copies: createCopies({ maxBytes: declared.copiesMaxBytes }),
    codec: {
      encode: (rows) => ({ body: Buffer.from(JSON.stringify(rows)) }),
      decode: ({ body }) => frozen(JSON.parse(body.toString()) as Row[]),
    },
  }
}

/**
 * In milliseconds since the epoch. @throws CacheOptionsError for a value that is not an instant: an entry without an
 * end would be served for ever
 */
function earliestOf(ends: readonly (Date | string | number | null)[]): number | null {
  let first: number | null = null
  for (const end of ends) {
    if (end === null) continue
    const ms = new Date(end).getTime()
    if (Number.isNaN(ms)) throw new CacheOptionsError(`untilOfRow: ${end} is not an instant`)
    first = earliest(first, ms)
  }
  return first
}

/** A number for the layer's own version and the text of its loader. */
function shapeOf(version: number, loader: string): number {
  return createHash('sha256').update(`${version} ${loader}`).digest().readUInt32BE(0)
}

function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const each of Object.values(value)) frozen(each)
  return Object.freeze(value)
}
