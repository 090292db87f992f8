/**
 * PostgreSQL as the protocol sees it: ids at the first write, commits in any order, snapshots, READ COMMITTED, locks,
 * a log in the same transaction; a crash that hands ids out again, a restore that starts another history.
 */
import { withoutEnded } from './ends.ts'
import { apply, type Change, type Organisation } from './organisation.ts'
import type { Off } from './protections.ts'

export interface Snapshot {
  readonly xmin: number
  readonly xmax: number
  readonly inProgress: readonly number[]
  /** Identity of the database: history and incarnation. */
  readonly database: number
  /** The judge's truth: how many states had been published. The protocol never looks. */
  readonly seq: number
}

export interface LogRow {
  readonly xid: number
  readonly tags: number
}

export interface Transaction {
  xid: number
  open: boolean
  change: Change | null
  readonly owner: number
  held: Map<string, 'shared' | 'exclusive'>
}

interface Backup {
  readonly state: Organisation
  readonly log: readonly LogRow[]
  readonly horizon: Snapshot | null
  readonly nextXid: number
}

export const FIRST_XID = 10

export function createDatabase(initial: Organisation, off: Off) {
  /** Every state ever published, in commit order; a restore publishes an old one again. */
  const states: Organisation[] = [initial]
  let log: LogRow[] = []
  /** Rows visible in it are gone. */
  let horizon: Snapshot | null = null
  let clock = 1
  const clockAt: number[] = [clock]
  let highestCommitted = FIRST_XID - 1
  let nextXid = FIRST_XID
  let history = 1
  const restoredAt: number[] = []
  let incarnation = 1
  let running: Transaction[] = []
  let logIsLocked = false
  let backup: Backup = { state: initial, log: [], horizon, nextXid }
  const inProgressIgnored = off['in-progress list ignored'] === true

  const latest = () => states[states.length - 1]!
  const identity = () => (off['no history'] ? 0 : history * 100) + (off['no incarnation'] ? 0 : incarnation)

  function snapshot(): Snapshot {
    const inProgress = running.filter(({ xid }) => xid > 0).map(({ xid }) => xid)
    const xmin = inProgress.length > 0 ? Math.min(...inProgress) : nextXid
    return { xmin, xmax: nextXid, inProgress, database: identity(), seq: states.length - 1 }
  }

  function sees(at: Snapshot, xid: number): boolean {
    if (xid < at.xmin) return true
    if (xid >= at.xmax) return false
    return inProgressIgnored || !at.inProgress.includes(xid)
  }

  function end(tx: Transaction): void {
    tx.open = false
    tx.held.clear()
    running = running.filter((other) => other !== tx)
  }

  function stop(): void {
    for (const tx of running) end(tx)
  }

  return {
    states,
    latest,
    /** What its clock shows, and what it showed when a state was published. */
    clock: () => clock,
    clockAt: (seq: number) => clockAt[seq]!,
    tick(): void {
      clock++
    },
    identity,
    snapshot,
    sees,
    /** Every transaction finished in `earlier` is finished in `later`. */
    covers(later: Snapshot, earlier: Snapshot): boolean {
      if (later.database !== earlier.database) return false
      for (let xid = FIRST_XID; xid < earlier.xmax; xid++) if (sees(earlier, xid) && !sees(later, xid)) return false
      return true
    },
    /** Which of the states were put there by a restore. */
    restoredAt: () => restoredAt,
    log: () => log,
    /** Somebody holds a lock on the log's table, or its readers lost a privilege: everything else still answers. */
    logLocked: () => logIsLocked,
    lockLog(locked: boolean): void {
      logIsLocked = locked
    },
    horizon: () => horizon,
    /** What was committed by now is forgotten, as after longer than anything can live. */
    prune(): void {
      const at = snapshot()
      horizon = at
      log = log.filter(({ xid }) => !sees(at, xid))
    },
    begin(owner: number): Transaction {
      const tx: Transaction = { xid: 0, open: true, change: null, owner, held: new Map() }
      running.push(tx)
      return tx
    },
    mayLock(tx: Transaction, name: string, mode: 'shared' | 'exclusive'): boolean {
      return running.every((other) => {
        const held = other === tx ? undefined : other.held.get(name)
        return held === undefined || (held === 'shared' && mode === 'shared')
      })
    },
    write(tx: Transaction, change: Change): void {
      tx.xid = nextXid++
      tx.change = change
    },
    /** What the transaction's own statements see: what is committed now, and its own write. */
    seenBy: (tx: Transaction) => (tx.change ? apply(latest(), tx.change, clock) : latest()),
    commit(tx: Transaction, tags: number): number {
      // Beside each change, rows that ended are removed, and nothing in the log names them.
      states.push(withoutEnded(apply(latest(), tx.change!, clock), clock))
      clockAt.push(clock)
      log = [...log, { xid: tx.xid, tags }]
      highestCommitted = Math.max(highestCommitted, tx.xid)
      end(tx)
      return states.length - 1
    },
    rollback: end,
    /** The server ends what a vanished client left open. */
    disconnect(owner: number): void {
      for (const tx of running) if (tx.owner === owner) end(tx)
    },
    backUp(): void {
      backup = { state: latest(), log, horizon, nextXid }
    },
    /** Ids above the highest commit never reached the WAL for sure; how many of them are handed out again may vary. */
    crash(pick: (n: number) => number): void {
      stop()
      nextXid = highestCommitted + 1 + pick(nextXid - highestCommitted)
      incarnation++
    },
    restore(): void {
      stop()
      states.push(backup.state)
      clockAt.push(clock)
      restoredAt.push(states.length - 1)
      log = [...backup.log]
      horizon = backup.horizon
      nextXid = backup.nextXid
      highestCommitted = nextXid - 1
      history++
    },
  }
}

export type Database = ReturnType<typeof createDatabase>
