/** A mutation: lock, compute who is affected, write, compute again, log, commit; then tell the own index and the store. */
import type { Database, Transaction } from './database.ts'
import type { Instance } from './instance.ts'
import type { Token } from './list-read.ts'
import { type Change, type Extent, type Invalidation, invalidatedBy, KEYS, type Organisation } from './organisation.ts'
import { Unavailable } from './shared-store.ts'
import type { Step, Steps, World } from './world.ts'

export interface Intent {
  readonly change: Change
  readonly extent: Extent
  readonly rollsBack: boolean
}

/** @returns the consistency token, null when it did not commit */
export function* mutate(
  world: World,
  i: Instance,
  { change, extent, rollsBack }: Intent,
): Steps<(Token & { seq: number }) | null> {
  const { db, judge } = world
  const record = judge.begins(i)
  const tx = db.begin(i.id)
  const aborted = () => !tx.open
  if (!world.off['no locks']) yield* lockAround(db, tx, change)
  yield null
  const before = invalidatedBy(db.seenBy(tx), change, extent)
  yield* lock(db, tx, rowOf(change), 'exclusive')
  if (aborted()) return null
  db.write(tx, change)
  yield null
  if (aborted()) return null
  const invalidation = merge(before, invalidatedBy(db.seenBy(tx), change, extent))
  yield null
  if (aborted()) return null
  if (rollsBack) {
    world.trace?.push(`      ${i.id}: ${tx.xid} rolls back`)
    db.rollback(tx)
    return null
  }
  const database = db.identity()
  const seq = db.commit(tx, invalidation.tags)
  world.trace?.push(`      ${i.id}: ${tx.xid} commits state ${seq}: ${JSON.stringify(db.latest())}`)
  judge.commits(record, seq)
  if (world.repliesTravel) yield null
  i.index.note({ xid: tx.xid, tags: invalidation.tags }, database)
  yield* removeFromStore(world, i, invalidation)
  judge.acknowledges(record)
  world.trace?.push(`      ${i.id}: ${tx.xid} acknowledged`)
  return { database, xid: tx.xid, seq }
}

/** Best effort; each command is atomic, one may be the last that arrives. */
function* removeFromStore({ off, trace }: World, i: Instance, { keys, layers }: Invalidation): Steps<void> {
  try {
    if (keys) yield* i.ask((commands) => commands.invalidate(keys))
    if (layers && !off['flush by the log alone']) yield* i.ask((commands) => commands.replaceGenerations(layers))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    trace?.push(`      ${i.id}: the store missed a delete of ${keys.toString(2).padStart(KEYS, '0')}`)
  }
}

/** Membership changes share what grant and tree changes hold alone, so neither misses a user the other brings. */
function* lockAround(db: Database, tx: Transaction, change: Change): Steps<void> {
  const alone = change.kind === 'move' || change.kind === 'import'
  yield* lock(db, tx, 'tree', alone ? 'exclusive' : 'shared')
  if (change.kind === 'grant') yield* lock(db, tx, `group ${change.group}`, 'exclusive')
  if (change.kind === 'membership') {
    for (const group of lineage(db.latest(), change.group)) yield* lock(db, tx, `group ${group}`, 'shared')
  }
}

function* lock(db: Database, tx: Transaction, name: string, mode: 'shared' | 'exclusive'): Generator<Step, void, void> {
  if (!db.mayLock(tx, name, mode)) yield () => !tx.open || db.mayLock(tx, name, mode)
  if (tx.open) tx.held.set(name, mode)
}

function lineage({ parent }: Organisation, group: number): number[] {
  const found: number[] = []
  for (let at = group; at >= 0; at = parent[at]!) found.push(at)
  return found.sort()
}

function rowOf(change: Change): string {
  return change.kind === 'move' ? `row move ${change.group}` : `row ${Object.values(change).join(' ')}`
}

const merge = (a: Invalidation, b: Invalidation): Invalidation => ({
  tags: a.tags | b.tags,
  keys: a.keys | b.keys,
  layers: a.layers | b.layers,
})
