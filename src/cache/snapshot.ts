/** PostgreSQL snapshots as evidence: which transactions a load saw, decided exactly as the server decides it. */

/** A 64-bit transaction id (xid8). It never wraps; a number holds it exactly for the first 2^53 transactions. */
export type Xid = number & { readonly __brand: 'Xid' }

export interface Snapshot {
  /** Every transaction below had finished. */
  readonly xmin: Xid
  /** No transaction from here on had finished. */
  readonly xmax: Xid
  /** In between: those still in progress, ascending. */
  readonly inProgress: readonly Xid[]
}

export class SnapshotFormatError extends Error {
  readonly code = 'snapshot-format'
}

/** @throws SnapshotFormatError when the text is not a transaction id this process can represent exactly */
export function parseXid(text: string): Xid {
  const value = Number(text)
  if (!/^\d{1,19}$/.test(text) || !Number.isSafeInteger(value))
    throw new SnapshotFormatError(`not a transaction id: ${text}`)
  return value as Xid
}

/**
 * Reads the text form of `pg_snapshot`, `xmin:xmax:xip,xip`.
 * @throws SnapshotFormatError when the text is anything else
 */
export function parseSnapshot(text: string): Snapshot {
  const [xmin, xmax, list, ...rest] = text.split(':')
  if (xmin === undefined || xmax === undefined || list === undefined || rest.length > 0)
    throw new SnapshotFormatError(`not a snapshot: ${text.slice(0, 80)}`)
  const inProgress = list === '' ? [] : list.split(',').map(parseXid)
  const snapshot = { xmin: parseXid(xmin), xmax: parseXid(xmax), inProgress: inProgress.sort((a, b) => a - b) }
  if (snapshot.xmin > snapshot.xmax) throw new SnapshotFormatError(`not a snapshot: ${text.slice(0, 80)}`)
  return snapshot
}

export function formatSnapshot({ xmin, xmax, inProgress }: Snapshot): string {
  return `${xmin}:${xmax}:${inProgress.join(',')}`
}

/** Whether the transaction had finished when the snapshot was taken; ids alone do not tell, they are not commit-ordered. */
export function isVisible(xid: Xid, snapshot: Snapshot): boolean {
  if (xid < snapshot.xmin) return true
  if (xid >= snapshot.xmax) return false
  return !snapshot.inProgress.includes(xid)
}

/** Whether every transaction finished in `earlier` is finished in `later`. A partial order: neither may cover the other. */
export function covers(later: Snapshot, earlier: Snapshot): boolean {
  if (later.xmin >= earlier.xmax) return true
  for (const xid of later.inProgress) {
    if (isVisible(xid, earlier)) return false
  }
  // What `later` has not begun to see must still be in progress in `earlier`.
  for (let xid = later.xmax; xid < earlier.xmax; xid++) {
    if (isVisible(xid as Xid, earlier)) return false
  }
  return true
}

/** What an entry was loaded at: the snapshot, and which database (system, timeline, incarnation) it belongs to. */
export interface Stamp {
  readonly database: string
  readonly snapshot: Snapshot
}

/** A transaction's own identity: in which database it ran, and its id there. */
export interface Committed {
  readonly database: string
  readonly xid: Xid
}
