/** PostgreSQL as the cache sees it: versions, snapshots, commits in any order, the log, restarts. Nothing else. */
import type { InvalidationLog, LogBatch, LogRow, Snapshot, Stamp, Tag, Xid } from '../../src/cache/index.ts'
import { isVisible } from '../../src/cache/index.ts'

interface Version {
  readonly xid: Xid
  readonly order: number
  readonly value: unknown
}

export interface Transaction {
  readonly xid: Xid
  read<T>(key: string, absent: T): T
  write(key: string, value: unknown): void
  append(tags: readonly Tag[]): void
  commit(): void
  rollback(): void
}

export class Database {
  incarnation = 1
  history = '00000001'
  /** How often anything was loaded from it. */
  loads = 0
  /** Throws this from every read, as a database that is down. */
  failure: Error | null = null
  /** Throws this from every read of the log: its connection alone is gone. */
  logFailure: Error | null = null
  /** Called when a row was appended and committed, as NOTIFY would. */
  readonly listeners = new Set<() => void>()
  private nextXid = 100
  private commits = 0
  private readonly running = new Set<number>()
  private readonly versions = new Map<string, Version[]>()
  private readonly log: LogRow[] = []

  begin(): Transaction {
    const xid = this.nextXid++ as Xid
    this.running.add(xid)
    const written = new Map<string, unknown>()
    const appended: Tag[] = []
    return {
      xid,
      read: (key, absent) => (written.has(key) ? (written.get(key) as never) : this.read(key, this.snapshot(), absent)),
      write: (key, value) => written.set(key, value),
      append: (tags) => appended.push(...tags),
      commit: () => {
        const order = this.commits++
        for (const [key, value] of written)
          this.versions.set(key, [...(this.versions.get(key) ?? []), { xid, order, value }])
        if (appended.length > 0) this.log.push({ xid, tags: appended })
        this.running.delete(xid)
        for (const listener of this.listeners) listener()
      },
      rollback: () => this.running.delete(xid),
    }
  }

  get identity(): string {
    return `7.1-${this.history}-${this.incarnation}.0`
  }

  /** What its clock shows, in milliseconds. */
  nowMs: () => number = () => 0

  snapshot(): Snapshot {
    const inProgress = [...this.running].sort((a, b) => a - b) as Xid[]
    const xmax = this.nextXid as Xid
    return { xmin: inProgress[0] ?? xmax, xmax, inProgress }
  }

  stamp(): Stamp {
    return { database: this.identity, snapshot: this.snapshot() }
  }

  /** The value as the snapshot sees it: of the visible versions the one committed last. */
  read<T>(key: string, snapshot: Snapshot, absent: T): T {
    if (this.failure) throw this.failure
    const visible = (this.versions.get(key) ?? []).filter(({ xid }) => isVisible(xid, snapshot))
    const newest = visible.reduce<Version | null>((best, each) => (best && best.order > each.order ? best : each), null)
    return newest ? (newest.value as T) : absent
  }

  keys(prefix: string): string[] {
    return [...this.versions.keys()].filter((key) => key.startsWith(prefix))
  }

  rowsSince(since: Snapshot): LogBatch<never> {
    const failure = this.failure ?? this.logFailure
    if (failure) throw failure
    const position = this.stamp()
    const atMs = this.nowMs()
    return {
      position,
      atMs,
      rows: this.log.filter(({ xid }) => !isVisible(xid, since) && isVisible(xid, position.snapshot)),
    }
  }

  /** The log as one instance follows it; `gate` decides when its reads happen, `statesAt` what the rows' tags name. */
  follow<Change>(
    gate: () => Promise<void>,
    notifications: 'listening' | 'deaf',
    statesAt: (database: Database, stamp: Stamp, tags: readonly Tag[]) => Change[],
  ): InvalidationLog<Change> {
    const fromTheBeginning: Snapshot = { xmin: 1 as Xid, xmax: 1 as Xid, inProgress: [] }
    return {
      readSince: async (since) => {
        await gate()
        const batch = this.rowsSince(since)
        const tags = batch.rows.flatMap((row) => row.tags)
        return { ...batch, changes: statesAt(this, batch.position, tags) }
      },
      readPast: async () => {
        await gate()
        return { ...this.rowsSince(fromTheBeginning), floor: fromTheBeginning }
      },
      subscribe: (listener) => {
        if (notifications === 'listening') this.listeners.add(listener)
        return { close: async () => void this.listeners.delete(listener) }
      },
    }
  }

  /** A crash: what was running is gone, and ids from `firstLost` on, which never reached the WAL, are handed out again. */
  crash(firstLost = this.nextXid): void {
    this.nextXid = Math.min(firstLost, ...this.running)
    this.running.clear()
    this.incarnation++
  }
}
