/** Entries that stop being true by themselves, at an instant of the database's clock. */
import { describe, expect, it, vi } from 'vitest'
import { fillIdOf, key, listKey, setUp, TTL_MS } from './read-through.fixture.ts'

const AHEAD_MS = 5_000_000

/** The log tells the time; `inMs` is so long from now, by the database's clock. */
async function setUpClock() {
  const setting = await setUp()
  const { log, clock, follower } = setting
  log.clock = () => clock.nowMs + AHEAD_MS
  const reading = follower.barrier()
  await clock.advance(2)
  await reading
  return { ...setting, inMs: (ms: number) => clock.nowMs + AHEAD_MS + ms }
}

describe('an entry with an end', () => {
  it('is served until then, by this process and by others, and loaded again from then on', async () => {
    const { read, instance, loading, never, clock, inMs, soon } = await setUpClock()
    const other = instance()
    const until = inMs(100)
    expect(await read(loading('one', { until }))).toMatchObject({ outcome: 'stored', until })
    expect(await other.read(never)).toMatchObject({ value: 'one', until })
    await clock.advance(95)
    expect(await read(never)).toMatchObject({ value: 'one' })
    expect(await other.read(never)).toMatchObject({ value: 'one' })
    clock.nowMs = until - AHEAD_MS
    expect(await soon(other.read(loading('two')))).toMatchObject({ value: 'two', until: null })
    expect(await read(never)).toMatchObject({ value: 'two' })
  })

  it('lives no longer than that in the store', async () => {
    const { read, loading, inMs, leftMs } = await setUpClock()
    await read(loading('one', { until: inMs(700) }))
    expect(leftMs(key)).toBeGreaterThan(690)
    expect(leftMs(key)).toBeLessThanOrEqual(700)
  })

  it('is not believed by how long the store kept it: the end is judged', async () => {
    const { read, loading, clock, inMs, store, seen } = await setUpClock()
    await read(loading('one', { until: inMs(100) }))
    const bytes = store.entries.get(key)?.bytes ?? Buffer.alloc(0)
    clock.nowMs += 100
    store.faults.overwrite(key, bytes, TTL_MS)
    expect(await read(loading('two'))).toMatchObject({ value: 'two' })
    expect(seen).toContain('rejected user-groups ended')
  })

  it('that came between load and fill: only the caller that loaded gets the old value', async () => {
    const { read, clock, inMs, store, loading } = await setUpClock()
    const until = inMs(5)
    const load = loading('one', { until })
    const slow = vi.fn(async () => {
      const loaded = await load()
      clock.nowMs += 6
      return loaded
    })
    const joined = [read(slow), read(loading('two'))]
    expect((await Promise.all(joined)).map((each) => 'value' in each && each.value)).toEqual(['one', 'two'])
    expect(fillIdOf(store)).not.toBe('')
    expect(await read(async () => Promise.reject(new Error('not loaded again')))).toMatchObject({ value: 'two' })
  })

  it('that came while the fill was on its way: those who joined load again', async () => {
    const { read, clock, inMs, store, loading } = await setUpClock()
    const fill = store.fill
    vi.spyOn(store, 'fill').mockImplementationOnce(async (fills) => {
      const accepted = await fill(fills)
      clock.nowMs += 10
      return accepted
    })
    const first = read(loading('one', { until: inMs(5) }))
    const second = read(loading('two'))
    expect(await first).toMatchObject({ value: 'one', outcome: 'stored' })
    expect(await second).toMatchObject({ value: 'two' })
  })

  it('is neither stored nor served while the database’s clock is not known well enough; others are', async () => {
    const { read, loading, never, clock, store, log, inMs } = await setUpClock()
    const until = inMs(TTL_MS)
    await read(loading('one', { until }))
    log.failure = new Error('the log cannot be read')
    // The clocks may drift apart by a thousandth: half of two seconds in so many.
    clock.nowMs += 700
    expect(await read(never)).toMatchObject({ value: 'one' })
    log.clock = undefined
    log.failure = null
    const setting = await setUp()
    expect(await setting.read(setting.loading('one', { until }))).toMatchObject({ outcome: 'not-stored' })
    expect(setting.store.entries.size).toBe(0)
    expect(await setting.read(setting.loading('two'))).toMatchObject({ outcome: 'stored' })
    expect(store.entries.size).toBeGreaterThan(0)
  })

  it('is judged where the store is away, and where a replica answers', async () => {
    const { read, loading, clock, store, inMs, soon } = await setUpClock()
    await read(loading('one', { until: inMs(100) }))
    store.fault = 'away'
    expect(await soon(read(loading('unused')))).toMatchObject({ value: 'one', detail: 'memory' })
    clock.nowMs += 100
    expect(await soon(read(loading('two', { until: inMs(50) })))).toMatchObject({ value: 'two' })
    expect(await soon(read(loading('unused')))).toMatchObject({ value: 'two', detail: 'memory' })
    clock.nowMs += 50
    expect(await soon(read(loading('three')))).toMatchObject({ value: 'three' })
  })
})

describe('a derived entry', () => {
  it('ends with its input, though the derivation says nothing of it', async () => {
    const { readList, deriving, loading, store, clock, inMs, leftMs, soon } = await setUpClock()
    const until = inMs(100)
    expect(await readList(deriving, loading('groups', { until }))).toMatchObject({ outcome: 'stored', until })
    expect(leftMs(listKey)).toBeLessThanOrEqual(100)
    clock.nowMs += 100
    store.calls.length = 0
    expect(await soon(readList(deriving, loading('fewer')))).toMatchObject({ value: 'list of fewer', until: null })
  })

  it('ends before its input, where it says so', async () => {
    const { readList, never, loading, inMs } = await setUpClock()
    const [early, late] = [inMs(100), inMs(200)]
    const load = async (input: () => Promise<{ value: string }>) => {
      const { value } = await input()
      return { ...(await loading(value)()), until: early }
    }
    expect(await readList(load, loading('groups', { until: late }))).toMatchObject({ until: early })
    expect(await readList(never, never)).toMatchObject({ until: early })
  })
})
