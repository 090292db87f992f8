/**
 * Where this process has no current copy: the store's entry, or a miss. In a miss the round trip that found nothing has
 * taken a lease; then the value is loaded, and filled under that lease.
 * Lease first, then stamp and load: a lease taken after the load lets a stale fill through. (Leases: "Scaling Memcache at
 * Facebook", NSDI 2013.)
 */
import { type EntryKey, type Fill, type Lease, StoreUnavailableError } from './entry-store.ts'
import type { Layer, LayerRead, Loaded } from './layer.ts'
import { type Loads, noInput, type Outcome, type Wanted } from './loads.ts'
import {
  type Answer,
  createOpening,
  NOTHING_REFUSED,
  type OpeningDependencies,
  type OpenOrWait,
  type Reading,
} from './opening.ts'
import { createSingleFlight, type Seal } from './single-flight.ts'
import type { StoreWait } from './store-wait.ts'

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

export interface MissesDependencies extends OpeningDependencies {
  readonly loads: Loads
}

/**
 * Answers a read that no copy of this process can answer: from the store's entry, or by loading and filling.
 * @param refusedFillId the fill that the caller has judged and must not use
 * @throws StoreUnavailableError, and what the load throws
 */
export type Missed = <V, I>(wanted: Wanted<V, I>, wait?: StoreWait, refusedFillId?: string) => Promise<LayerRead<V>>

export function createMisses({ store, clock, events, loads }: MissesDependencies): Missed {
  const flights = createSingleFlight<Outcome<unknown>>()
  const openOrWait = createOpening({ store, clock, events })

  async function openOrLoad(wanted: Wanted<unknown>, reading: Reading): Promise<Outcome<unknown>> {
    const { layer, key, input } = wanted
    const { wait, seal } = reading
    const [target, first] = await openOrWait(input ? [wanted, input] : [wanted], reading)
    if (target?.kind === 'read') return shareable(layer, target.read)
    events.miss?.(layer.name)
    const inputs = createInput(input, first, { loads, events, openOrWait, wait })
    const unused: Held[] = target?.kind === 'leased' ? [{ key, lease: target.lease }] : []
    try {
      const loaded = await loads.load(wanted, inputs.next)
      const [held] = unused
      if (!held) return notStored(loaded, 'lease-busy')
      const filled = loads.encoded(wanted, loaded)
      if (!filled) return notStored(loaded, 'inputs-expiring')
      seal()
      const fills = [...inputs.takeFill(), loads.fillOf(wanted, filled, held.lease)]
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

  return function missed<V, I>(wanted: Wanted<V, I>, wait?: StoreWait, refusedFillId?: string): Promise<LayerRead<V>> {
    const refused = refusedFillId === undefined ? NOTHING_REFUSED : new Map([[wanted.key, refusedFillId]])
    const flight = (seal: Seal) => openOrLoad(wanted as Wanted<unknown>, { wait, seal, refused })
    return flights.run(wanted.key, flight) as Promise<LayerRead<V>>
  }
}

interface InputDependencies {
  readonly loads: Loads
  readonly events: OpeningDependencies['events']
  readonly openOrWait: OpenOrWait
  readonly wait: StoreWait | undefined
}

function createInput(
  input: Wanted<unknown> | undefined,
  first: Answer | undefined,
  { loads, events, openOrWait, wait }: InputDependencies,
): Input {
  let answer = first
  let lease: Lease | undefined
  let fill: Fill | undefined

  async function next(): Promise<LayerRead<unknown>> {
    if (!input) return noInput()
    if (!lease) {
      if (answer === undefined || answer.kind === 'busy')
        [answer] = await openOrWait([input], { wait, seal: () => {}, refused: NOTHING_REFUSED })
      const found = answer
      answer = undefined
      if (found?.kind === 'read') return found.read
      if (found?.kind === 'leased') lease = found.lease
    }
    events.miss?.(input.layer.name)
    const loaded = await loads.load(input, noInput)
    const filled = loads.kept(input, loaded)
    if (lease && filled) fill = loads.fillOf(input, filled, lease)
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

/** Found, or stored under a lease that was still held: callers that joined may have it while it is servable. */
function shareable(layer: Layer<unknown>, read: LayerRead<unknown>): Outcome<unknown> {
  return { ...read, shareable: () => layer.judge(read) === 'servable' }
}

/** Valid for the caller that loaded it, and for no other. */
function notStored({ value, stamp, tags, until = null, ttlMs = 0 }: Loaded<unknown>, detail: string): Outcome<unknown> {
  return { value, stamp, tags, until, ttlMs, outcome: 'not-stored', detail, shareable: () => false }
}

/** A fill or release that cannot reach the store loses nothing but a hit. */
function survive(error: unknown): [] {
  if (error instanceof StoreUnavailableError) return []
  throw error
}
