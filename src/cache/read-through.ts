/**
 * Reads an entry through the store, or without it. Three ways, tried in this order:
 *
 * - hit: this process holds a copy and the store says that it is still the current fill; or the store has the entry.
 * - miss: a lease is taken in the round trip that found nothing, then the value is loaded and filled under the lease.
 *   Lease first, then stamp and load: a lease taken after the load lets a stale fill through. (Leases: "Scaling Memcache
 *   at Facebook", NSDI 2013.)
 * - memory: the store cannot be asked. Behind a barrier of the log the process's own copies are served by the judgement
 *   alone, and what is loaded stays in this process.
 *
 * Where none of them may answer, the result is a bypass, and the source of truth has to be asked directly.
 */
import type { Clock } from './clock.ts'
import type { Copy } from './copies.ts'
import { type Entry, type EntryCodec, fillIdIn, newFillId } from './entry-codec.ts'
import {
  type EntryKey,
  type EntryStore,
  type Fill,
  type Lease,
  type Opened,
  type OpenRequest,
  StoreUnavailableError,
} from './entry-store.ts'
import type { Layer, LayerEvents, LayerRead, Loaded } from './layer.ts'
import type { LogFollower } from './log-follower.ts'
import { createSingleFlight, type Seal, type Shareable } from './single-flight.ts'
import type { StoreWait } from './store-wait.ts'

/** An entry to be read, and how it is loaded. */
export interface Wanted<V, I = unknown> {
  readonly layer: Layer<V>
  readonly key: EntryKey
  /** The entry that this one is derived from: asked, leased and filled in the same round trips. */
  readonly input?: Wanted<I>
  /**
   * Loads from the source of truth, or derives.
   * @param input reads the input; called again, it loads the input anew, because what it gave before was outdated
   */
  load(input: () => Promise<LayerRead<I>>): Promise<Loaded<V>>
}

/** The cache may not answer: why, in a word for `Cache-Status`. */
export interface Bypass {
  readonly outcome: 'bypass'
  readonly detail: string
}

export const isBypass = (found: object): found is Bypass => 'outcome' in found && found.outcome === 'bypass'

export interface ReadThrough {
  /**
   * Always answers with the load's value, or with an entry that is as good: a sick store or a lost log costs speed,
   * not the answer.
   * @throws what the load throws
   */
  read<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V>>
  /**
   * The same for a caller that has a better way to ask the source of truth directly than this load.
   * @throws what the load throws
   */
  tryRead<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | Bypass>
  /** The copy of this process, if it may be served; null where it would have to be fetched or loaded. */
  held<V>(wanted: Pick<Wanted<V>, 'layer' | 'key'>, wait?: StoreWait): Promise<LayerRead<V> | null>
}

export interface ReadThroughDependencies {
  readonly store: EntryStore
  readonly follower: LogFollower
  readonly clock: Clock
  readonly entries: EntryCodec
  readonly events: LayerEvents
}

const FIRST_WAIT_MS = 4
const LONGEST_WAIT_MS = 64
/** How long a read waits for the log after this process stood still, in milliseconds. */
const OVERDUE_WAIT_MS = 500

/** A read whose result others may share. */
type Outcome<V> = LayerRead<V> & Shareable

/** The result of asking the store for one entry. */
type Answer<V = unknown> =
  | { readonly kind: 'read'; readonly read: LayerRead<V> }
  | { readonly kind: 'leased'; readonly lease: Lease }
  /** Another holder had the lease until it could be waited for no longer. */
  | { readonly kind: 'busy' }

/** What one read through the store carries along. */
interface Reading {
  readonly wait: StoreWait | undefined
  /** Before each command whose answer others may share. */
  readonly seal: Seal
  /** Fills that were found and judged: they count as absent when asked about again. */
  readonly refused: ReadonlyMap<EntryKey, string>
}

/** A lease that this read holds, until it is given to a fill. */
interface Held {
  readonly key: EntryKey
  readonly lease: Lease
}

/** The input of one load under a lease, and what of it is to be filled. */
interface Input {
  next(): Promise<LayerRead<unknown>>
  /** The fill of what was loaded, once. */
  takeFill(): Fill[]
  /** The lease that was not given to a fill. */
  unused(): Held[]
}

export function createReadThrough(dependencies: ReadThroughDependencies): ReadThrough {
  const { store, follower, clock, entries, events } = dependencies
  const misses = createSingleFlight<Outcome<unknown>>()
  const memory = createSingleFlight<Outcome<unknown>>()

  async function tryRead<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | Bypass> {
    if (follower.isOverdue()) await follower.refresh(OVERDUE_WAIT_MS)
    if (follower.trust() === 'lost') return { outcome: 'bypass', detail: 'log-behind' }
    try {
      const copy = wanted.layer.copies.get(wanted.key)
      const found = copy && (await current(wanted, copy, wait))
      // A copy that is current but not servable need not be fetched again.
      return found ?? (await missed(wanted, wait, found === null ? copy?.entry.fillId : undefined))
    } catch (error) {
      if (error instanceof StoreUnavailableError) return fromMemory(wanted, error.detail, wait)
      throw error
    }
  }

  async function read<V, I>(wanted: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V>> {
    const found = await tryRead(wanted, wait)
    return found.outcome === 'bypass' ? loadDirectly(wanted, found.detail) : found
  }

  async function held<V>(
    { layer, key }: Pick<Wanted<V>, 'layer' | 'key'>,
    wait?: StoreWait,
  ): Promise<LayerRead<V> | null> {
    if (follower.isOverdue()) await follower.refresh(OVERDUE_WAIT_MS)
    const copy = layer.copies.get(key)
    if (!copy || follower.trust() === 'lost') return null
    try {
      return (await current({ layer, key }, copy, wait)) ?? null
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      return (await follower.barrier()) ? layer.held(key) : null
    }
  }

  async function loadDirectly<V, I>(wanted: Wanted<V, I>, detail: string): Promise<LayerRead<V>> {
    const { input } = wanted
    const loaded = await timed(wanted, async () => {
      if (!input) throw new Error('this entry has no input')
      return loadDirectly(input, detail)
    })
    return { ...loaded, ttlMs: 0, outcome: 'not-stored', detail }
  }

  /** The copy of this process, if the store says that it is the current fill; null where that may not be served. */
  async function current<V>(
    { layer, key }: Pick<Wanted<V>, 'layer' | 'key'>,
    copy: Copy<V>,
    wait?: StoreWait,
  ): Promise<LayerRead<V> | null | undefined> {
    const leftMs = await store.leftOf({ key, layer: layer.name, knownFillId: copy.entry.fillId }, wait)
    return leftMs === null ? undefined : layer.admit(key, copy, leftMs, 'master')
  }

  function missed<V, I>(wanted: Wanted<V, I>, wait?: StoreWait, refusedFillId?: string): Promise<LayerRead<V>> {
    const refused = refusedFillId === undefined ? NOTHING_REFUSED : new Map([[wanted.key, refusedFillId]])
    const flight = (seal: Seal) => openOrLoad(wanted as Wanted<unknown>, { wait, seal, refused })
    return misses.run(wanted.key, flight) as Promise<LayerRead<V>>
  }

  async function openOrLoad(wanted: Wanted<unknown>, reading: Reading): Promise<Outcome<unknown>> {
    const { layer, key, input } = wanted
    const { wait, seal } = reading
    const [target, first] = await openOrWait(input ? [wanted, input] : [wanted], reading)
    if (target?.kind === 'read') return shareable(layer, target.read)
    events.miss?.(layer.name)
    const inputs = createInput(input, first, wait)
    const unused: Held[] = target?.kind === 'leased' ? [{ key, lease: target.lease }] : []
    try {
      const loaded = await timed(wanted, inputs.next)
      const [held] = unused
      if (!held) return notStored(loaded, 'lease-busy')
      const filled = encoded(wanted, loaded)
      if (!filled) return notStored(loaded, 'inputs-expiring')
      seal()
      const fills = [...inputs.takeFill(), fillOf(wanted, filled, held.lease)]
      const answers = await store.fill(fills, wait).catch(survive)
      unused.pop()
      for (const [at, fill] of fills.entries()) if (answers[at] === false) events.fillRefused?.(fill.layer)
      layer.keep(key, filled.entry, filled)
      const accepted = answers.at(-1)
      if (accepted) return shareable(layer, { ...loaded, ttlMs: filled.ttlMs, outcome: 'stored' })
      return notStored(loaded, accepted === false ? 'lease-lost' : 'redis-unavailable')
    } finally {
      // A load that threw frees its keys at once; a lease that cannot be released expires by itself.
      for (const each of [...inputs.unused(), ...unused])
        await store.releaseLease(each.key, each.lease, wait).catch(survive)
    }
  }

  /** Asks; while another holds the first lease, asks again until that lease must have ended. */
  async function openOrWait(wants: readonly Wanted<unknown>[], reading: Reading): Promise<Answer[]> {
    const [target] = wants
    const startedMs = clock.monotonicMs()
    const leaseMs = target?.layer.leaseMs ?? 0
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      reading.seal()
      const answers = await open(wants, reading)
      const waitedMs = clock.monotonicMs() - startedMs
      if (answers[0]?.kind !== 'busy' || waitedMs >= leaseMs) {
        if (target && waitMs > FIRST_WAIT_MS) events.leaseWaited?.(target.layer.name, waitedMs)
        return answers
      }
      await clock.sleep(Math.min(waitMs, leaseMs - waitedMs))
    }
  }

  async function open(wants: readonly Wanted<unknown>[], reading: Reading): Promise<Answer[]> {
    const { wait, refused } = reading
    const answers: Answer[] = []
    const opened = await store.open(
      wants.map((wanted) => requestOf(wanted, refused)),
      wait,
    )
    for (const [at, each] of opened.entries()) {
      const wanted = wants[at]
      if (!wanted) continue
      const answer = answerOf(wanted, each)
      if (answer !== null) answers.push(answer)
      else if (each.kind === 'found') {
        const judged = new Map(refused).set(wanted.key, fillIdIn(each.bytes))
        return [...answers, ...(await open(wants.slice(at), { ...reading, refused: judged }))]
      }
    }
    return answers
  }

  /** Null for an entry that was found and may not be served. */
  function answerOf({ layer, key }: Wanted<unknown>, opened: Opened): Answer | null {
    if (opened.kind === 'found') {
      const read = layer.decoded(key, opened, 'master')
      return read && { kind: 'read', read }
    }
    if (opened.kind === 'leased' && opened.instead) events.rejected?.(layer.name, opened.instead)
    return opened
  }

  function createInput(input: Wanted<unknown> | undefined, first: Answer | undefined, wait?: StoreWait): Input {
    let answer = first
    let lease: Lease | undefined
    let fill: Fill | undefined

    async function next(): Promise<LayerRead<unknown>> {
      if (!input) throw new Error('this entry has no input')
      if (!lease) {
        if (answer === undefined || answer.kind === 'busy')
          [answer] = await openOrWait([input], { wait, seal: () => {}, refused: NOTHING_REFUSED })
        const found = answer
        answer = undefined
        if (found?.kind === 'read') return found.read
        if (found?.kind === 'leased') lease = found.lease
      }
      events.miss?.(input.layer.name)
      const loaded = await timed(input, noInput)
      const filled = encoded(input, loaded)
      if (lease && filled) fill = fillOf(input, filled, lease)
      if (filled) input.layer.keep(input.key, filled.entry, filled)
      return { ...loaded, ttlMs: filled?.ttlMs ?? 0, outcome: 'not-stored' }
    }

    return {
      next,
      takeFill() {
        const ready = fill ? [fill] : []
        if (fill) lease = undefined
        fill = undefined
        return ready
      },
      unused() {
        if (lease) return input ? [{ key: input.key, lease }] : []
        // The input was leased, but the load had no use for it.
        return answer?.kind === 'leased' && input ? [{ key: input.key, lease: answer.lease }] : []
      },
    }
  }

  /** What is judged servable after the barrier is exact, whether this process, a replica or a load has it. */
  async function fromMemory<V, I>(
    wanted: Wanted<V, I>,
    detail: string,
    wait?: StoreWait,
  ): Promise<LayerRead<V> | Bypass> {
    if (!(await follower.barrier())) return { outcome: 'bypass', detail }
    const found = wanted.layer.held(wanted.key) ?? (await fromReplica(wanted, wait))
    if (found) return found
    const flight = () => loadIntoMemory(wanted as Wanted<unknown>, wait)
    return memory.run(wanted.key, flight) as Promise<LayerRead<V>>
  }

  async function fromReplica<V, I>({ layer, key }: Wanted<V, I>, wait?: StoreWait): Promise<LayerRead<V> | null> {
    const asking = store.readReplica?.({ key, layer: layer.name }, wait)
    const found = asking && (await asking.catch(() => null))
    return found?.kind === 'found' ? layer.decoded(key, found, 'replica') : null
  }

  async function loadIntoMemory(wanted: Wanted<unknown>, wait?: StoreWait): Promise<Outcome<unknown>> {
    const { input } = wanted
    events.miss?.(wanted.layer.name)
    let outdated = false
    const loaded = await timed(wanted, async () => {
      if (!input) throw new Error('this entry has no input')
      const found = outdated ? null : (input.layer.held(input.key) ?? (await fromReplica(input, wait)))
      outdated = true
      return found ?? keptInMemory(input, await timed(input, noInput))
    })
    return { ...keptInMemory(wanted, loaded), shareable: () => false }
  }

  function keptInMemory(wanted: Wanted<unknown>, loaded: Loaded<unknown>): LayerRead<unknown> {
    const filled = encoded(wanted, loaded)
    if (filled) wanted.layer.keep(wanted.key, filled.entry, filled)
    return { ...loaded, ttlMs: filled?.ttlMs ?? 0, outcome: 'not-stored', detail: 'memory' }
  }

  /** What is derived stops being true with its input, whether or not the load says so. */
  async function timed<V, I>(wanted: Wanted<V, I>, input: () => Promise<LayerRead<I>>): Promise<Loaded<V>> {
    const startedMs = clock.monotonicMs()
    let inputUntil: number | null = null
    const loaded = await wanted.load(async () => {
      const read = await input()
      inputUntil = read.until ?? null
      return read
    })
    events.loaded?.(wanted.layer.name, clock.monotonicMs() - startedMs)
    return { ...loaded, until: earliest(loaded.until ?? null, inputUntil) }
  }

  /** The entry of a value that was loaded; null when its inputs, or what is true of it, have no life left to give. */
  function encoded({ layer }: Wanted<unknown>, loaded: Loaded<unknown>): Filled | null {
    const { value, stamp, tags, until = null, ttlMs: leftMs = layer.ttlMs } = loaded
    const untilEndMs = until === null ? layer.ttlMs : until - follower.time.latestMs()
    const ttlMs = Math.floor(Math.min(layer.ttlMs, leftMs, untilEndMs))
    if (ttlMs < 1) return null
    const { body, meta = {} } = layer.codec.encode(value)
    const entry = { fillId: newFillId(), shape: layer.shape, stamp, tags, until, loadedAt: clock.wallMs(), meta, body }
    return { entry, ttlMs, bytes: body.length }
  }

  function fillOf({ layer, key }: Wanted<unknown>, { entry, ttlMs }: Filled, lease: Lease): Fill {
    return { key, layer: layer.name, lease, bytes: entries.encode(key, entry, lease), ttlMs }
  }

  return { read, tryRead, held }
}

interface Filled {
  readonly entry: Entry
  readonly ttlMs: number
  readonly bytes: number
}

const NOTHING_REFUSED: ReadonlyMap<EntryKey, string> = new Map()

const noInput = (): Promise<never> => Promise.reject(new Error('an input has no input of its own'))

function requestOf({ layer, key }: Wanted<unknown>, refused: ReadonlyMap<EntryKey, string>): OpenRequest {
  const refusedFillId = refused.get(key)
  return { key, layer: layer.name, leaseMs: layer.leaseMs, ...(refusedFillId !== undefined && { refusedFillId }) }
}

/** Found, or stored under a lease that was still held: callers that joined may have it while it is servable. */
function shareable(layer: Layer<unknown>, read: LayerRead<unknown>): Outcome<unknown> {
  return { ...read, shareable: () => layer.judge(read) === 'servable' }
}

/** Right for the caller that loaded, and for no other. */
function notStored({ value, stamp, tags, until = null, ttlMs = 0 }: Loaded<unknown>, detail: string): Outcome<unknown> {
  return { value, stamp, tags, until, ttlMs, outcome: 'not-stored', detail, shareable: () => false }
}

export function earliest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

/** A fill or release that cannot reach the store loses nothing but a hit. */
function survive(error: unknown): [] {
  if (error instanceof StoreUnavailableError) return []
  throw error
}
