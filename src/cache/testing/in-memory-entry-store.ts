/**
 * The entry store without a server: each operation happens at once and whole, when it is called, as a script does in
 * Redis. Time passes only by the injected clock. It passes the same contract suite as the Redis store.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { PREFIX_LENGTH } from '../entry-codec.ts'
import {
  type EntryKey,
  type EntryRead,
  type EntryStore,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type Opened,
  type OpenRequest,
  type ReadRequest,
} from '../entry-store.ts'

/** A store without a server, and what may be done to it. */
export interface InMemoryEntryStore extends EntryStore {
  /** What it holds now, expired or not. */
  readonly entries: ReadonlyMap<EntryKey, { readonly bytes: Buffer; readonly expiresAtMs: number }>
  readonly leases: ReadonlyMap<EntryKey, Lease>
  /** What Redis may do by itself, or what may be done to it. */
  readonly faults: {
    /** Puts any bytes under the key, as another program, or damage, would. */
    overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): void
    /** The entry is gone, as when Redis is full. */
    evict(key: EntryKey): void
    /** Another holder takes the lease and never lets go. */
    hold(key: EntryKey, layer: LayerName): Lease
    /** The lease is gone. */
    evictLease(key: EntryKey): void
    /** The generation of the layer is gone: none of its entries counts any more. */
    evictGeneration(layer: LayerName): void
    /** Everything is gone, generations too: a restart without a snapshot. */
    loseEverything(): void
  }
}

interface Expiring {
  readonly expiresAtMs: number
}
interface Stored extends Expiring {
  readonly bytes: Buffer
}
interface Held extends Expiring, Lease {}

const MAGIC = 'portcullis1 '

/** @returns an empty store; entries expire by the given clock */
export function createInMemoryEntryStore(options: {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** 16 characters each time, never the same twice; random unless a test wants to read its own traces. */
  readonly newId?: () => string
}): InMemoryEntryStore {
  const { clock, newId = () => randomBytes(8).toString('hex') } = options
  const entries = new Map<EntryKey, Stored>()
  const leases = new Map<EntryKey, Held>()
  const generations = new Map<LayerName, string>()
  const layerOf = new Map<EntryKey, LayerName>()

  /** The value unless its time is over; what has expired is gone, as in Redis. */
  function alive<Value extends Expiring>(values: Map<EntryKey, Value>, key: EntryKey): Value | undefined {
    const value = values.get(key)
    if (value === undefined || value.expiresAtMs > clock.monotonicMs()) return value
    values.delete(key)
    return undefined
  }

  const expiryIn = (ms: number) => clock.monotonicMs() + ms
  const leftMs = ({ expiresAtMs }: Expiring) => Math.ceil(expiresAtMs - clock.monotonicMs())

  function readOne({ key, layer, knownFillId }: ReadRequest): EntryRead {
    const stored = alive(entries, key)
    if (!stored || stored.bytes.length === 0) return { kind: 'absent' }
    const line = stored.bytes.toString('latin1', 0, PREFIX_LENGTH)
    // Damage is reported without bytes.
    if (line.length < PREFIX_LENGTH || !line.startsWith(MAGIC))
      return { kind: 'found', bytes: Buffer.alloc(0), ttlMs: 0 }
    const generation = generations.get(layer)
    if (generation === undefined) return { kind: 'absent' }
    if (generationIn(line) !== generation) return { kind: 'flushed' }
    if (knownFillId !== undefined && fillIdOf(line) === knownFillId) return { kind: 'same', ttlMs: leftMs(stored) }
    if (stored.bytes.length > LARGEST_ENTRY_BYTES) return { kind: 'too-large' }
    return { kind: 'found', bytes: stored.bytes, ttlMs: leftMs(stored) }
  }

  function takeOne({ key, layer, leaseMs }: LeaseRequest): Lease | null {
    const generation = generations.get(layer) ?? newId()
    generations.set(layer, generation)
    if (alive(leases, key)?.generation === generation) return null
    const lease = { token: newId(), generation }
    leases.set(key, { ...lease, expiresAtMs: expiryIn(leaseMs) })
    layerOf.set(key, layer)
    return lease
  }

  function openOne({ key, layer, leaseMs, refusedFillId }: OpenRequest): Opened {
    const found = readOne({ key, layer, knownFillId: refusedFillId ?? '' })
    if (found.kind === 'found' && found.bytes.length > 0) return found
    const lease = takeOne({ key, layer, leaseMs })
    if (!lease) return { kind: 'busy' }
    if (found.kind === 'flushed' || found.kind === 'too-large') return { kind: 'leased', lease, instead: found.kind }
    return found.kind === 'found' ? { kind: 'leased', lease, instead: 'damaged' } : { kind: 'leased', lease }
  }

  function holds(key: EntryKey, { token, generation }: Lease): boolean {
    const held = alive(leases, key)
    return held?.token === token && held.generation === generation
  }

  function fillOne({ key, layer, lease, bytes, ttlMs }: Fill): boolean {
    if (!holds(key, lease)) return false
    leases.delete(key)
    if (generations.get(layer) !== lease.generation) return false
    entries.set(key, { bytes: Buffer.from(bytes), expiresAtMs: expiryIn(ttlMs) })
    return true
  }

  function removeOne(key: EntryKey): boolean {
    const present = alive(entries, key) !== undefined
    for (const values of [entries, leases]) values.delete(key)
    return present
  }

  /** Counted as Redis keys: entries and leases one by one, each unless it is of the current generation. */
  function sweepLayer(layer: LayerName): number {
    const generation = generations.get(layer)
    const isSwept = (key: EntryKey, own: string) =>
      layerOf.get(key) === layer && (generation === undefined || own !== generation)
    const line = ({ bytes }: Stored) => bytes.toString('latin1', 0, PREFIX_LENGTH)
    const worthless = [
      [...entries].filter(([key, stored]) => alive(entries, key) && isSwept(key, generationIn(line(stored)))),
      [...leases].filter(([key, held]) => alive(leases, key) && isSwept(key, held.generation)),
    ] as const
    for (const [key] of worthless[0]) entries.delete(key)
    for (const [key] of worthless[1]) leases.delete(key)
    return worthless[0].length + worthless[1].length
  }

  /** Runs at the call, like a script; the caller hears of it a turn later. */
  async function atomically<T>(run: () => T): Promise<T> {
    return run()
  }

  return {
    entries,
    leases,
    read: (requests) => atomically(() => requests.map(readOne)),
    leftOf: (known) =>
      atomically(() => {
        const found = readOne(known)
        return found.kind === 'same' ? found.ttlMs : null
      }),
    open: (requests) =>
      atomically(() => {
        const answers: Opened[] = []
        for (const request of requests) {
          const answer = openOne(request)
          answers.push(answer)
          if (answer.kind !== 'leased') break
        }
        return answers
      }),
    takeLeases: (requests) => atomically(() => requests.map(takeOne)),
    fill: (fills) => atomically(() => fills.map(fillOne)),
    releaseLease: (key, lease) =>
      atomically(() => {
        if (holds(key, lease)) leases.delete(key)
      }),
    invalidate: (keys) => atomically(() => keys.filter(removeOne).length),
    replaceGenerations: (layers) =>
      atomically(() => {
        for (const layer of layers) generations.set(layer, newId())
      }),
    sweep: (layers) => atomically(() => layers.reduce((removed, layer) => removed + sweepLayer(layer), 0)),
    inspect: (key, layer) =>
      atomically(() => {
        const stored = alive(entries, key)
        if (!stored) return null
        const generation = generationIn(stored.bytes.toString('latin1', 0, PREFIX_LENGTH))
        return { bytes: stored.bytes, ttlMs: leftMs(stored), currentGeneration: generation === generations.get(layer) }
      }),
    faults: {
      overwrite: (key, bytes, ttlMs) => entries.set(key, { bytes, expiresAtMs: expiryIn(ttlMs) }),
      evict: (key) => entries.delete(key),
      hold(key, layer) {
        leases.delete(key)
        return takeOne({ key, layer, leaseMs: Number.POSITIVE_INFINITY }) as Lease
      },
      evictLease: (key) => leases.delete(key),
      evictGeneration: (layer) => generations.delete(layer),
      loseEverything: () => {
        for (const values of [entries, leases, generations]) values.clear()
      },
    },
  }
}

function fillIdOf(line: string): string {
  return line.slice(12, 28)
}

function generationIn(line: string): string {
  return line.slice(29, 45)
}
