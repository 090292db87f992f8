/** What the store holds, and its scripts, each of which runs in one step. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { PREFIX_LENGTH } from '../entry-codec.ts'
import {
  type EntryKey,
  type EntryRead,
  type Fill,
  LARGEST_ENTRY_BYTES,
  type LayerName,
  type Lease,
  type LeaseRequest,
  type Opened,
  type OpenRequest,
  type ReadRequest,
} from '../entry-store.ts'

interface Expiring {
  readonly expiresAtMs: number
}
interface Stored extends Expiring {
  readonly bytes: Buffer
}
interface Held extends Expiring, Lease {}

export interface StoredEntriesOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** 16 characters each time, never the same twice; random unless a test wants to read its own traces. */
  readonly newId?: () => string
}

const MAGIC = 'portcullis1 '

export class StoredEntries {
  readonly entries = new Map<EntryKey, Stored>()
  readonly leases = new Map<EntryKey, Held>()
  readonly generations = new Map<LayerName, string>()
  readonly #layerOf = new Map<EntryKey, LayerName>()
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #newId: () => string

  constructor({ clock, newId = () => randomBytes(8).toString('hex') }: StoredEntriesOptions) {
    this.#clock = clock
    this.#newId = newId
  }

  read({ key, layer, knownFillId }: ReadRequest): EntryRead {
    const stored = this.#alive(this.entries, key)
    if (!stored || stored.bytes.length === 0) return { kind: 'absent' }
    const line = firstLineOf(stored)
    // Damage is reported without bytes.
    if (line.length < PREFIX_LENGTH || !line.startsWith(MAGIC))
      return { kind: 'found', bytes: Buffer.alloc(0), ttlMs: 0 }
    const generation = this.generations.get(layer)
    if (generation === undefined) return { kind: 'absent' }
    if (generationIn(line) !== generation) return { kind: 'flushed' }
    const ttlMs = this.#leftMs(stored)
    if (knownFillId !== undefined && fillIdOf(line) === knownFillId) return { kind: 'same', ttlMs }
    if (stored.bytes.length > LARGEST_ENTRY_BYTES) return { kind: 'too-large' }
    return { kind: 'found', bytes: stored.bytes, ttlMs }
  }

  takeLease({ key, layer, leaseMs }: LeaseRequest): Lease | null {
    const generation = this.generations.get(layer) ?? this.#newId()
    this.generations.set(layer, generation)
    if (this.#alive(this.leases, key)?.generation === generation) return null
    const lease = { token: this.#newId(), generation }
    this.leases.set(key, { ...lease, expiresAtMs: this.#expiryIn(leaseMs) })
    this.#layerOf.set(key, layer)
    return lease
  }

  open({ key, layer, leaseMs, refusedFillId }: OpenRequest): Opened {
    const found = this.read({ key, layer, knownFillId: refusedFillId ?? '' })
    if (found.kind === 'found' && found.bytes.length > 0) return found
    const lease = this.takeLease({ key, layer, leaseMs })
    if (!lease) return { kind: 'busy' }
    if (found.kind === 'flushed' || found.kind === 'too-large') return { kind: 'leased', lease, instead: found.kind }
    return found.kind === 'found' ? { kind: 'leased', lease, instead: 'damaged' } : { kind: 'leased', lease }
  }

  fill({ key, layer, lease, bytes, ttlMs }: Fill): boolean {
    if (!this.#holds(key, lease)) return false
    this.leases.delete(key)
    if (this.generations.get(layer) !== lease.generation) return false
    this.overwrite(key, Buffer.from(bytes), ttlMs)
    return true
  }

  releaseLease(key: EntryKey, lease: Lease): void {
    if (this.#holds(key, lease)) this.leases.delete(key)
  }

  remove(key: EntryKey): boolean {
    const present = this.#alive(this.entries, key) !== undefined
    for (const values of [this.entries, this.leases]) values.delete(key)
    return present
  }

  replaceGeneration(layer: LayerName): void {
    this.generations.set(layer, this.#newId())
  }

  /** Counted as Redis keys: entries and leases one by one, each unless it is of the current generation. */
  sweep(layer: LayerName): number {
    const generation = this.generations.get(layer)
    const isSwept = (key: EntryKey, own: string) =>
      this.#layerOf.get(key) === layer && (generation === undefined || own !== generation)
    const entries = [...this.entries].filter(
      ([key, stored]) => this.#alive(this.entries, key) && isSwept(key, generationIn(firstLineOf(stored))),
    )
    const leases = [...this.leases].filter(
      ([key, held]) => this.#alive(this.leases, key) && isSwept(key, held.generation),
    )
    for (const [key] of entries) this.entries.delete(key)
    for (const [key] of leases) this.leases.delete(key)
    return entries.length + leases.length
  }

  inspect(key: EntryKey, layer: LayerName): { bytes: Buffer; ttlMs: number; currentGeneration: boolean } | null {
    const stored = this.#alive(this.entries, key)
    if (!stored) return null
    const currentGeneration = generationIn(firstLineOf(stored)) === this.generations.get(layer)
    return { bytes: stored.bytes, ttlMs: this.#leftMs(stored), currentGeneration }
  }

  /** Without a lease. */
  overwrite(key: EntryKey, bytes: Buffer, ttlMs: number): void {
    this.entries.set(key, { bytes, expiresAtMs: this.#expiryIn(ttlMs) })
  }

  #holds(key: EntryKey, { token, generation }: Lease): boolean {
    const held = this.#alive(this.leases, key)
    return held?.token === token && held.generation === generation
  }

  /** The value unless its time is over; what has expired is gone, as in Redis. */
  #alive<Value extends Expiring>(values: Map<EntryKey, Value>, key: EntryKey): Value | undefined {
    const value = values.get(key)
    if (value === undefined || value.expiresAtMs > this.#clock.monotonicMs()) return value
    values.delete(key)
    return undefined
  }

  #expiryIn(ms: number): number {
    return this.#clock.monotonicMs() + ms
  }

  #leftMs({ expiresAtMs }: Expiring): number {
    return Math.ceil(expiresAtMs - this.#clock.monotonicMs())
  }
}

function firstLineOf({ bytes }: Stored): string {
  return bytes.toString('latin1', 0, PREFIX_LENGTH)
}

function fillIdOf(line: string): string {
  return line.slice(12, 28)
}

function generationIn(line: string): string {
  return line.slice(29, 45)
}
