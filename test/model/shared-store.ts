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
  /** When it stops being true by itself. */
  readonly until: number
  /** When the first of what it shows does. */
  readonly shownUntil: number
  /** The release whose shape the value has. */
  readonly shape: number
  /** Groups, the first page of a list, or the grants of a bucket, in that shape. */
  readonly value: number
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

/** What one script says of a key: what it holds, or the lease that was free, or neither. */
export interface Opened {
  readonly entry: Entry | null
  readonly lease: Lease | null
}

export interface Fill {
  readonly at: number
  readonly entry: Entry
  readonly lease: Lease
}

export class Unavailable extends Error {}

export type Command<T> = (commands: Commands) => T
export type Commands = ReturnType<typeof commandsOn>
export type ReplicaCommand<T> = (commands: Pick<Commands, 'read'>) => T

const copyOf = ({ entries, leases, generations }: Node): Node => ({
  entries: [...entries],
  leases: [...leases],
  generations: [...generations],
})

const NEITHER: Opened = { entry: null, lease: null }

function commandsOn(node: () => Node, fresh: () => number, onWrite: () => void) {
  function read(at: number): Entry | null {
    const entry = node().entries[at]!
    return entry && entry.generation === node().generations[layerOf(at)] ? entry : null
  }

  function openKey(at: number, refuses: (entry: Entry) => boolean): Opened {
    const entry = read(at)
    if (entry && !refuses(entry)) return { entry, lease: null }
    const { leases, generations } = node()
    if (leases[at]) return NEITHER
    onWrite()
    // A generation that was evicted is replaced by a new one, never by an old one.
    generations[layerOf(at)] ||= fresh()
    leases[at] = fresh()
    return { entry: null, lease: { token: leases[at]!, generation: generations[layerOf(at)]! } }
  }

  return {
    read,
    /** List and groups in one script: the groups are only asked for, and leased, where the list is absent. */
    open(list: number, groups: number, refuses: (entry: Entry) => boolean): { list: Opened; groups: Opened } {
      const found = openKey(list, refuses)
      return { list: found, groups: found.entry ? NEITHER : openKey(groups, refuses) }
    },
    /** Each only under its own lease. @returns which were stored */
    fill(fills: readonly Fill[]): boolean[] {
      return fills.map(({ at, entry, lease }) => {
        const { entries, leases, generations } = node()
        if (leases[at] !== lease.token || generations[layerOf(at)] !== lease.generation) return false
        onWrite()
        entries[at] = { ...entry, generation: lease.generation }
        leases[at] = 0
        return true
      })
    },
    /** Without a lease: for the checkpoint, which is judged whenever it is read. */
    put(at: number, entry: Entry): void {
      onWrite()
      node().generations[layerOf(at)] ||= fresh()
      node().entries[at] = { ...entry, generation: node().generations[layerOf(at)]! }
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

/** A replica is at most so many writes behind. */
const REPLICA_LAG = 6

export function createSharedStore(options: { keepsHistory: boolean; replicas: boolean; trace: string[] | undefined }) {
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

  const replicaCommands = (copy: Node) =>
    commandsOn(
      () => copy,
      fresh,
      () => {},
    )

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
    /** A replica answers while the master is away, with what it had heard by then. @throws Unavailable */
    askReplica<T>(command: ReplicaCommand<T>, pick: (n: number) => number): T {
      if (!options.replicas || past.length === 0) throw new Unavailable()
      const lag = pick(Math.min(past.length, REPLICA_LAG))
      return command(replicaCommands(past[past.length - 1 - lag]!))
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
