/**
 * Redis as the protocol sees it: entries, leases and generations; every command is atomic. Nothing it returns can be
 * relied upon: it loses its last writes, goes back in time, splits, evicts, runs a command after its caller gave up.
 */

import type { Snapshot } from './database.ts'
import { KEYS, LAYERS, layerOf, nameOf } from './organisation.ts'

export interface Entry {
  readonly fillId: number
  readonly generation: number
  readonly stamp: Snapshot
  readonly tags: number
  /** Groups, grants of a bucket, visible resources, or (manifest) the fill id of each bucket. */
  readonly value: number
  readonly fills?: readonly number[]
}

export interface Lease {
  readonly token: number
  readonly generation: number
}

interface Node {
  entries: (Entry | null)[]
  leases: number[]
  generations: number[]
}

export class Unavailable extends Error {}

export type Command<T> = (commands: Commands) => T
export type Commands = ReturnType<typeof commandsOn>

const copyOf = ({ entries, leases, generations }: Node): Node => ({
  entries: [...entries],
  leases: [...leases],
  generations: [...generations],
})

function commandsOn(node: () => Node, fresh: () => number, onWrite: () => void) {
  return {
    read(at: number): Entry | null {
      const entry = node().entries[at]!
      return entry && entry.generation === node().generations[layerOf(at)] ? entry : null
    },
    takeLease(at: number): Lease | null {
      const { leases, generations } = node()
      if (leases[at]) return null
      onWrite()
      // A generation that was evicted is replaced by a new one, never by an old one.
      generations[layerOf(at)] ||= fresh()
      leases[at] = fresh()
      return { token: leases[at]!, generation: generations[layerOf(at)]! }
    },
    fill(at: number, entry: Entry, lease: Lease): boolean {
      const { entries, leases, generations } = node()
      if (leases[at] !== lease.token || generations[layerOf(at)] !== lease.generation) return false
      onWrite()
      entries[at] = { ...entry, generation: lease.generation }
      leases[at] = 0
      return true
    },
    /** Only without leases. */
    put(at: number, entry: Entry): boolean {
      onWrite()
      node().generations[layerOf(at)] ||= fresh()
      node().entries[at] = { ...entry, generation: node().generations[layerOf(at)]! }
      return true
    },
    release(at: number, { token }: Lease): void {
      if (node().leases[at] === token) node().leases[at] = 0
    },
    invalidate(keys: number): void {
      onWrite()
      for (let at = 0; at < KEYS; at++) {
        if (!((keys >> at) & 1)) continue
        node().entries[at] = null
        node().leases[at] = 0
      }
    },
    replaceGenerations(layers: number): void {
      onWrite()
      for (let layer = 0; layer < LAYERS; layer++) if ((layers >> layer) & 1) node().generations[layer] = fresh()
    },
  }
}

export function createSharedStore(options: { keepsHistory: boolean; trace: string[] | undefined }) {
  const { trace } = options
  let lastId = 0
  const fresh = () => ++lastId
  const empty: Node = {
    entries: new Array<Entry | null>(KEYS).fill(null),
    leases: new Array<number>(KEYS).fill(0),
    generations: [fresh(), fresh(), fresh()],
  }
  let masters = [empty]
  let masterOf = (_instance: number) => 0
  let addressed = 0
  let past: Node[] = []
  let available = true
  let timeouts = 0
  const late: (() => void)[] = []
  const node = () => masters[addressed] ?? masters[0]!
  const commands = commandsOn(node, fresh, () => {
    if (options.keepsHistory && addressed === 0) past.push(copyOf(masters[0]!))
  })

  function run<T>(instance: number, command: Command<T>): T {
    addressed = masterOf(instance)
    return command(commands)
  }

  return {
    fresh,
    /** @throws Unavailable as a client would see it; the command may have run, may never run, or may run later */
    execute<T>(instance: number, command: Command<T>, pick: (n: number) => number): T {
      if (!available) throw new Unavailable()
      if (timeouts > 0 && pick(2) === 1) {
        timeouts--
        const fate = pick(3)
        trace?.push(`      store: times out (${['never runs', 'has run', 'will run later'][fate]})`)
        if (fate === 1) run(instance, command)
        if (fate === 2) late.push(() => run(instance, command))
        throw new Unavailable()
      }
      return run(instance, command)
    },
    arm: () => void timeouts++,
    /** Calls off timeouts that hit nobody, and runs what was given up. */
    disarm(): void {
      timeouts = 0
      for (const command of late.splice(0)) command()
    },
    setAvailable(up: boolean): void {
      available = up
    },
    loseWrites(count: number): void {
      past.push(copyOf(masters[0]!))
      past = past.slice(0, Math.max(1, past.length - count))
      masters[0] = copyOf(past[past.length - 1]!)
    },
    goBack(pick: (n: number) => number): void {
      if (past.length > 0) masters[0] = copyOf(past[pick(past.length)]!)
    },
    /** Instances from `first` on stay with the old master; the others follow a promoted replica. */
    split(first: number): void {
      masters = [copyOf(masters[0]!), masters[0]!]
      masterOf = (instance) => (instance >= first ? 1 : 0)
    },
    heal(): void {
      masters = [masters[0]!]
      masterOf = () => 0
    },
    evict(at: number): void {
      trace?.push(`      store: ${nameOf(at)} evicted`)
      masters[0]!.entries[at] = null
    },
    expireLease(at: number): void {
      trace?.push(`      store: lease of ${nameOf(at)} expires`)
      masters[0]!.leases[at] = 0
    },
    evictGeneration(layer: number): void {
      masters[0]!.generations[layer] = 0
    },
  }
}

export type SharedStore = ReturnType<typeof createSharedStore>
