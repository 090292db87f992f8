/**
 * The failures of caches in the field, by the numbers of the catalogue they were collected in (docs/scenarios.md).
 * Each stages its hazard with barriers, sees that it occurred, and then that nothing stale is served.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EntryKey, type EntryStore, StoreUnavailableError } from '../../src/cache/index.ts'
import { settle, unavailable } from '../../src/cache/testing/index.ts'
import { userGroupsKey, userResourcesKey } from '../../src/domain/keys.ts'
import { LAYERS } from '../../src/domain/layers.ts'
import type { UserId } from '../../src/domain/model.ts'
import { type Barriers, createBarriers } from './barriers.ts'
import { createFleet, type Fleet, type Instance } from './fleet.ts'

const listKey = userResourcesKey('ann' as UserId)
const groupsKey = userGroupsKey('ann' as UserId)
const VOLATILE_MS = LAYERS.row('user-resources').ttlMs

let barriers: Barriers
let fleet: Fleet
let a: Instance
let b: Instance

beforeEach(async () => {
  barriers = createBarriers()
  fleet = createFleet(barriers.gate)
  a = fleet.start('a')
  // The other instance learns of nothing by itself: what it serves rests on deletes and leases alone.
  b = fleet.start('b', { polls: false })
  await Promise.all([a.followed.whole(), b.followed.whole()])
  await a.join('ann', 'team')
  await a.grant('team', 'plan')
  await b.follower.catchUp(fleet.database.stamp())
})
afterEach(() => fleet.stop())

async function stored(key: EntryKey): Promise<boolean> {
  const layer = key === groupsKey ? 'user-groups' : 'user-resources'
  return (await fleet.store.read([{ key, layer }]))[0]?.kind === 'found'
}

/** Lets instance `b` read the log, as its poll would within milliseconds. */
const follow = (instance: Instance) => instance.follower.catchUp(fleet.database.stamp())

describe('1 a slow reader stores what it loaded before the commit', () => {
  it.each(['load-groups.reply', 'log.read'])('and is refused: %s', async (step) => {
    const held = barriers.hold('b', step)
    const reading = b.list('ann')
    await held.reached
    await (step === 'load-groups.reply' ? a.leave('ann', 'team') : a.revoke('team', 'plan'))
    held.release()
    await reading
    expect(Object.keys(b.counts).filter((what) => what.startsWith('refused'))).not.toEqual([])
    expect((await b.list('ann')).names).toEqual([])
    expect((await a.list('ann')).names).toEqual([])
  })

  it('also when its derived list is the last to arrive', async () => {
    const held = barriers.hold('b', 'fill.send')
    const reading = b.list('ann')
    await held.reached
    held.release()
    await settle()
    await reading
    await fleet.store.invalidate([listKey])
    const last = barriers.hold('b', 'fill.send')
    const again = b.list('ann')
    await last.reached
    await a.revoke('team', 'plan')
    last.release()
    expect((await again).names).toEqual(['plan'])
    expect(await stored(listKey)).toBe(false)
    expect((await b.list('ann')).names).toEqual([])
  })
})

describe('2 a caller arrives after a write and joins a load begun before it', () => {
  it('and is not answered by that load', async () => {
    const held = barriers.hold('b', 'load-groups.reply')
    const early = b.list('ann')
    await held.reached
    await a.leave('ann', 'team')
    const late = b.list('ann')
    await settle()
    held.release()
    await early
    expect(b.counts['refused user-groups']).toBe(1)
    expect((await late).names).toEqual([])
  })

  it('nor when it arrives between the fill and its acknowledgement', async () => {
    await b.list('ann')
    await fleet.store.invalidate([listKey])
    const held = barriers.hold('b', 'fill.reply')
    const early = b.list('ann')
    await held.reached
    await a.leave('ann', 'team')
    const late = b.list('ann')
    await settle()
    held.release()
    await early
    expect((await late).names).toEqual([])
  })

  it('nor without Redis', async () => {
    fleet.store.fault = 'away'
    const held = barriers.hold('b', 'load-groups.reply')
    const early = b.list('ann')
    await held.reached
    await a.leave('ann', 'team')
    const late = b.list('ann')
    await settle()
    held.release()
    expect((await early).cache).toBe('miss')
    expect((await late).names).toEqual([])
  })
})

describe('3 a read between the deletes of two layers', () => {
  it('cannot happen: all keys of an invalidation go at once', async () => {
    await b.list('ann')
    const held = barriers.hold('a', 'invalidate.reply')
    const leaving = a.leave('ann', 'team')
    await held.reached
    expect([await stored(groupsKey), await stored(listKey)]).toEqual([false, false])
    held.release()
    await leaving
  })
})

describe('3 a derived layer and its input', () => {
  it('go in the order in which neither can be refilled from the other', async () => {
    await b.list('ann')
    const held = barriers.hold('a', 'generations.reply')
    const revoking = a.revokeFromMany('team', 'plan')
    await held.reached
    // The layer has gone: this read derives again, and what it stores outlives the acknowledgement.
    expect((await b.list('ann')).cache).toBe('miss')
    held.release()
    await revoking
    expect((await b.list('ann')).names).toEqual([])
  })
})

describe('4 an invalidation and its commit', () => {
  it('a read between write and commit caches nothing that survives it', async () => {
    const held = barriers.hold('a', 'tx.commit')
    const leaving = a.leave('ann', 'team')
    await held.reached
    expect((await b.list('ann')).names).toEqual(['plan'])
    held.release()
    await leaving
    expect((await b.list('ann')).names).toEqual([])
  })

  it('a rollback invalidates nothing', async () => {
    await b.list('ann')
    const tx = fleet.database.begin()
    tx.write('m:ann', [])
    tx.rollback()
    expect(await b.list('ann')).toEqual({ names: ['plan'], cache: 'hit' })
  })
})

describe('5 the process dies between commit and delete', () => {
  it('and the log tells the others', async () => {
    await b.list('ann')
    const death = barriers.die('a', 'tx.committed')
    void a.leave('ann', 'team')
    await death.reached
    expect(await stored(listKey)).toBe(true)
    // The hazard is real: nobody deleted anything, and without the log the entry would be served.
    expect((await b.list('ann')).names).toEqual(['plan'])
    await follow(b)
    expect((await b.list('ann')).names).toEqual([])
    expect(b.counts['rejected user-resources invalidated']).toBe(1)
  })
})

describe('6 and 7 Redis is away exactly at the invalidation', () => {
  it('the entry comes back with it and is refused', async () => {
    await b.list('ann')
    fleet.store.fault = unavailable('breaker-open')
    await a.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    await fleet.clock.advance(2000)
    expect(await stored(listKey)).toBe(true)
    expect((await a.list('ann')).names).toEqual([])
    await follow(b)
    expect((await b.list('ann')).names).toEqual([])
  })
})

describe('8 and 9 the delete is acknowledged and lost in a failover', () => {
  it('the promoted replica has the old value and it is refused', async () => {
    await b.list('ann')
    const old = await fleet.store.inspect(listKey, 'user-resources')
    await a.leave('ann', 'team')
    fleet.store.faults.overwrite(listKey, old?.bytes ?? Buffer.alloc(0), VOLATILE_MS)
    expect(await stored(listKey)).toBe(true)
    expect((await a.list('ann')).names).toEqual([])
    fleet.store.faults.overwrite(listKey, old?.bytes ?? Buffer.alloc(0), VOLATILE_MS)
    await follow(b)
    expect((await b.list('ann')).names).toEqual([])
  })

  it('an old catalogue resurrected under a new list is refused as well', async () => {
    await b.list('ann')
    const keys = ['resources:all', 'resources:all:00', 'resources:all:01'] as EntryKey[]
    const old = await Promise.all(keys.map((key) => fleet.store.inspect(key, 'resources')))
    await a.revoke('team', 'plan')
    for (const [i, key] of keys.entries())
      fleet.store.faults.overwrite(key, old[i]?.bytes ?? Buffer.alloc(0), LAYERS.row('resources').ttlMs)
    await follow(b)
    expect((await b.list('ann')).names).toEqual([])
  })
})

describe('10 a command runs later than its sender waited', () => {
  it('a late fill finds its lease gone', async () => {
    const late: Parameters<EntryStore['fill']>[0][] = []
    const c = fleet.start('c', {
      wrapStore: (store) => ({
        ...store,
        fill: async (fills) => {
          late.push(fills)
          throw new StoreUnavailableError('redis-timeout')
        },
      }),
    })
    await c.follower.ready
    await c.list('ann')
    expect(late.length).toBeGreaterThan(0)
    await a.leave('ann', 'team')
    const runs = await Promise.all(late.map((fills) => fleet.store.fill(fills)))
    const ofAnn = late.flatMap((fills, i) =>
      fills.some(({ key }) => key === listKey || key === groupsKey) ? runs[i] : [],
    )
    expect(ofAnn.length).toBeGreaterThan(0)
    expect(ofAnn).not.toContain(true)
    expect((await b.list('ann')).names).toEqual([])
  })
})

describe('14 the load fails', () => {
  it('all who wait get the error, the lease is free, nothing is cached', async () => {
    fleet.database.failure = new Error('the database is down')
    const readers = await Promise.allSettled([b.list('ann'), b.list('ann'), b.list('ann')])
    expect(readers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    fleet.database.failure = null
    const loadsBefore = fleet.database.loads
    expect(await b.list('ann')).toEqual({ names: ['plan'], cache: 'miss' })
    expect(fleet.database.loads).toBeGreaterThan(loadsBefore)
    expect(b.counts['waited user-resources'] ?? 0).toBe(0)
  })
})

describe('15 the lease holder dies', () => {
  it('others wait no longer than the lease lasts, and the dead one can neither fill nor release', async () => {
    const death = barriers.hold('b', 'load-groups.reply')
    const dead = b.list('ann')
    await death.reached
    const waiting = a.list('ann')
    await settle()
    const startedMs = fleet.clock.nowMs
    let waitedMs = Number.POSITIVE_INFINITY
    void waiting.then(() => {
      waitedMs = fleet.clock.nowMs - startedMs
    })
    for (let step = 0; step < 100 && waitedMs === Number.POSITIVE_INFINITY; step++) await fleet.clock.advance(64)
    expect(waitedMs).toBeLessThanOrEqual(2200)
    expect((await waiting).names).toEqual(['plan'])
    await a.leave('ann', 'team')
    expect((await a.list('ann')).names).toEqual([])
    death.release()
    await dead
    expect((await a.list('ann')).names).toEqual([])
  })
})

describe('16 the lease is lost in mid-load', () => {
  it.each([
    ['evicted', () => fleet.store.faults.evictLease(groupsKey)],
    ['expired', () => fleet.clock.advance(2001)],
    ['flushed', () => fleet.store.replaceGenerations(['user-groups'])],
    ['lost with everything else', async () => fleet.store.faults.loseEverything()],
  ])('%s: the fill fails', async (_how, lose) => {
    const held = barriers.hold('b', 'load-groups.reply')
    const reading = b.list('ann')
    await held.reached
    await lose()
    held.release()
    await settle()
    await fleet.clock.advance(1)
    expect((await reading).names).toEqual(['plan'])
    expect(b.counts['refused user-groups']).toBe(1)
  })
})

describe('17 and 18 an entry that lives longer than the memory of invalidations', () => {
  it('is refused by the floor, whatever its clock says', async () => {
    await a.list('ann')
    const old = await fleet.store.inspect(listKey, 'user-resources')
    await a.leave('ann', 'team')
    for (let minute = 0; minute < 40; minute++) {
      await fleet.clock.advance(60_000)
      // Traffic moves the position; in an idle database nothing would be forgotten.
      await a.join('someone', `group-${minute}`)
    }
    expect(
      a.index.judge(
        { database: fleet.database.identity, snapshot: { xmin: 100, xmax: 100, inProgress: [] } as never },
        [],
        'volatile',
      ),
    ).toBe('below-floor')
    fleet.store.faults.overwrite(listKey, old?.bytes ?? Buffer.alloc(0), VOLATILE_MS)
    await fleet.store.replaceGenerations([])
    expect((await a.list('ann')).names).toEqual([])
    // Forty minutes of polls are many turns of the loop, and a busy machine takes its time for them.
  }, 30_000)
})

describe('19 a flush', () => {
  it('is strict on every instance as soon as it is acknowledged', async () => {
    await b.list('ann')
    const loads = fleet.database.loads
    await a.flush()
    expect((await b.list('ann')).cache).toBe('miss')
    expect(fleet.database.loads).toBeGreaterThan(loads)
  })

  it('also against a load in flight', async () => {
    const held = barriers.hold('b', 'load-groups.reply')
    const reading = b.list('ann')
    await held.reached
    await a.flush()
    held.release()
    await reading
    expect(b.counts['refused user-groups']).toBe(1)
  })

  it('fails whole when the database is down', async () => {
    await b.list('ann')
    fleet.database.failure = new Error('down')
    const stuck = barriers.hold('a', 'tx.commit')
    const flushing = a.flush()
    await stuck.reached
    fleet.database.failure = null
    stuck.release()
    await flushing
    expect((await b.list('ann')).cache).toBe('miss')
  })
})

describe('20 and 22 what is empty is cached and invalidated like anything else', () => {
  it('an unknown user who joins sees at once what the group sees', async () => {
    expect(await b.list('new')).toEqual({ names: [], cache: 'miss' })
    expect(await b.list('new')).toEqual({ names: [], cache: 'hit' })
    await a.join('new', 'team')
    expect((await b.list('new')).names).toEqual(['plan'])
  })

  it('leaving clears both layers of the user and none of another', async () => {
    await a.join('ben', 'team')
    await Promise.all([b.list('ann'), b.list('ben')])
    await a.leave('ann', 'team')
    expect([await stored(groupsKey), await stored(listKey)]).toEqual([false, false])
    expect((await b.list('ben')).cache).toBe('hit')
  })
})

describe('21 polling faster than the TTL', () => {
  it('keeps no entry alive', async () => {
    await b.list('ann')
    for (let minute = 0; minute < 14; minute++) {
      await fleet.clock.advance(60_000)
      expect((await b.list('ann')).cache).toBe('hit')
    }
    await fleet.clock.advance(60_000)
    expect((await b.list('ann')).cache).toBe('miss')
  })
})

describe('23 and 27 bytes of another format', () => {
  it.each([
    ['another version', Buffer.from('portcullis9 0000000000000000 0000000000000000\n{}\n{"data":[]}')],
    ['random', Buffer.from('\x00\xff\x13garbage')],
    ['nothing', Buffer.alloc(0)],
    ['a header cut short', Buffer.from('portcullis1 0000000000000000 00000')],
  ])('%s: a miss, and overwritten', async (_what, bytes) => {
    fleet.store.faults.overwrite(listKey, bytes, VOLATILE_MS)
    fleet.store.faults.overwrite(groupsKey, bytes, VOLATILE_MS)
    expect(await b.list('ann')).toEqual({ names: ['plan'], cache: 'miss' })
    expect(await b.list('ann')).toEqual({ names: ['plan'], cache: 'hit' })
  })

  it('a damaged header under a valid first line is counted', async () => {
    await b.list('ann')
    const whole = (await fleet.store.inspect(listKey, 'user-resources'))?.bytes ?? Buffer.alloc(0)
    fleet.store.faults.overwrite(listKey, Buffer.concat([whole.subarray(0, 46), Buffer.from('{"db":\n')]), VOLATILE_MS)
    const c = fleet.start('c')
    await c.follower.ready
    expect((await c.list('ann')).names).toEqual(['plan'])
    expect(c.counts['rejected user-resources damaged']).toBe(1)
  })
})

describe('25 one user’s load', () => {
  it('never answers another', async () => {
    await a.join('ben', 'other')
    const held = barriers.hold('b', 'load-groups.reply')
    const ann = b.list('ann')
    await held.reached
    const ben = b.list('ben')
    await settle()
    held.release()
    expect([(await ann).names, (await ben).names]).toEqual([['plan'], []])
  })
})

describe('26 lives that stack', () => {
  it('a list derived from groups 14 minutes old lives one minute', async () => {
    await b.list('ann')
    await fleet.clock.advance(14 * 60_000)
    await fleet.store.invalidate([listKey])
    expect((await b.list('ann')).cache).toBe('miss')
    const entry = await fleet.store.inspect(listKey, 'user-resources')
    expect(entry?.ttlMs).toBeLessThanOrEqual(60_000)
    expect(entry?.ttlMs).toBeGreaterThan(0)
  })

  it('also counts the time that the derivation itself takes', async () => {
    await b.list('ann')
    await fleet.clock.advance(14 * 60_000)
    await fleet.store.invalidate([listKey])
    await a.grant('others', 'elsewhere')
    const held = barriers.hold('b', 'log.read')
    const reading = b.list('ann')
    await held.reached
    // Not so long that the reader is answered past the cache.
    await fleet.clock.advance(200)
    held.release()
    expect((await reading).cache).toBe('miss')
    const [list, input] = [
      await fleet.store.inspect(listKey, 'user-resources'),
      await fleet.store.inspect(groupsKey, 'user-groups'),
    ]
    expect(list?.ttlMs).toBeGreaterThan(0)
    expect(list?.ttlMs).toBeLessThanOrEqual(input?.ttlMs ?? 0)
  })
})

describe('the new enemy', () => {
  it('never shows the old membership with the new grant', async () => {
    // `b` has the membership cached and reads no log; then ann leaves (the delete is lost), and a secret is added.
    await b.list('ann')
    const old = await fleet.store.inspect(groupsKey, 'user-groups')
    await a.leave('ann', 'team')
    await a.grant('team', 'secret')
    fleet.store.faults.overwrite(groupsKey, old?.bytes ?? Buffer.alloc(0), VOLATILE_MS)
    expect(await stored(groupsKey)).toBe(true)
    expect((await b.list('ann')).names).not.toContain('secret')
  })
})

describe('a consistency token', () => {
  it('makes a read wait for the log where no delete arrived', async () => {
    await b.list('ann')
    fleet.store.fault = 'away'
    const after = await a.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    expect(await stored(listKey)).toBe(true)
    expect((await b.list('ann', { after })).names).toEqual([])
  })

  it('of another history is refused, of a former incarnation is not', async () => {
    const after = await a.leave('ann', 'team')
    fleet.database.crash()
    expect((await b.list('ann', { after })).names).toEqual([])
    fleet.database.history = '00000002'
    await follow(b)
    await expect(b.list('ann', { after })).rejects.toMatchObject({ code: 'token-other-history' })
  })

  it('of a history that began a moment ago is good on an instance that has not heard of it', async () => {
    await b.list('ann')
    fleet.database.history = '00000002'
    await follow(a)
    fleet.store.fault = 'away'
    const after = await a.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    expect(b.index.position?.database).toContain('00000001')
    expect((await b.list('ann', { after })).names).toEqual([])
  })
})

describe('a process that was stopped for two seconds', () => {
  it('asks the log before it serves what no delete reached', async () => {
    const c = fleet.start('c')
    await c.follower.ready
    await c.list('ann')
    expect((await c.list('ann')).cache).toBe('hit')
    // Stopped: the notification finds nobody, no timer fires, and the delete is lost.
    const held = barriers.hold('c', 'log.read')
    fleet.store.fault = 'away'
    await a.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    await held.reached
    fleet.clock.nowMs += 2000
    // Running again, a request is the first that it sees.
    const reading = c.list('ann')
    await settle()
    expect(await stored(listKey)).toBe(true)
    held.release()
    expect((await reading).names).toEqual([])
  })
})

describe('a log that cannot be read', () => {
  it('costs a miss its derivation, not its answer: one statement loads the list, and it is stored', async () => {
    await b.list('ann')
    await a.grant('team', 'more')
    fleet.database.logFailure = new Error('the connection of the log was cut')
    expect(await b.list('ann')).toEqual({ names: ['more', 'plan'], cache: 'miss' })
    expect(await b.list('ann')).toEqual({ names: ['more', 'plan'], cache: 'hit' })
    await a.revoke('team', 'plan')
    expect((await b.list('ann')).names).toEqual(['more'])
  })
})

describe('a database that crashed', () => {
  it('may hand out an id again that an instance counts as finished: a token of it still waits', async () => {
    const lost = fleet.database.begin()
    lost.rollback()
    await b.list('ann')
    await follow(b)
    fleet.database.crash(lost.xid)
    fleet.store.fault = 'away'
    const after = await a.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    expect(await stored(listKey)).toBe(true)
    expect((await b.list('ann', { after })).names).toEqual([])
  })

  it('is noticed by the first own commit after it, though the log was not read yet', async () => {
    await b.list('ann')
    fleet.database.crash()
    fleet.store.fault = 'away'
    await b.leave('ann', 'team')
    fleet.store.fault = 'nothing'
    expect(await stored(listKey)).toBe(true)
    expect((await b.list('ann')).names).toEqual([])
  })

  it('may hand out ids again: entries of the former incarnation are misses', async () => {
    await b.list('ann')
    const ghost = fleet.database.begin()
    ghost.rollback()
    await fleet.store.invalidate([listKey])
    await b.list('ann')
    fleet.database.crash()
    expect(await stored(listKey)).toBe(true)
    await follow(b)
    expect((await b.list('ann')).cache).toBe('miss')
    expect(b.counts['rejected user-resources other-database']).toBe(1)
  })
})

describe('a thousand concurrent misses on two instances', () => {
  it('load each entry once', async () => {
    const loadsBefore = fleet.database.loads
    const readers = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? a : b).list('ann'))
    let done = false
    const all = Promise.all(readers).finally(() => {
      done = true
    })
    for (let step = 0; step < 100 && !done; step++) await fleet.clock.advance(5)
    expect(new Set((await all).map(({ names }) => names.join()))).toEqual(new Set(['plan']))
    // The groups, once; the list is derived from the catalogue that each instance follows.
    expect(fleet.database.loads - loadsBefore).toBe(1)
    expect([a.counts['loaded user-resources'], b.counts['loaded user-resources']].filter(Boolean)).toEqual([1])
  })
})
