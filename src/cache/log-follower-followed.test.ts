/** What follows the log beside the index, step by step with it. */
import { describe, expect, it, vi } from 'vitest'
import { createInvalidationIndex, type LogRow } from './invalidation-index.ts'
import { alice, BOUND_MS, GRACE_MS, MINUTE_MS, opened, POLL_MS } from './log-follower.fixture.ts'
import { createLogFollower } from './log-follower.ts'
import { formatSnapshot } from './snapshot.ts'
import { createFakeClock, snapshot, stamp, xid } from './testing/index.ts'

describe('state that follows the log beside the index', () => {
  type Change = { readonly name: string }

  function following() {
    const clock = createFakeClock()
    const index = createInvalidationIndex({ retentionOf: () => 'volatile', maxTags: 1000 })
    const steps: string[] = []
    const log = {
      position: stamp('20:20:'),
      rows: [] as LogRow[],
      changes: null as Change[] | null,
      gap: false,
      atMs: 0,
    }
    const answer = async () => {
      const { position, rows, changes, gap, atMs } = log
      return {
        position,
        rows,
        changes,
        ...(atMs > 0 && { atMs }),
        ...(gap && { gap: true as const }),
        floor: snapshot('5:5:'),
      }
    }
    const note = (what: string) =>
      steps.push(`${what} at ${formatSnapshot(index.position?.snapshot ?? snapshot('0:0:'))}`)
    const follower = createLogFollower<Change>({
      log: {
        readSince: answer,
        readPast: answer,
        // The next transaction id, and nothing else.
        divide: async () => {
          steps.push('divide')
          const xmax = xid(log.position.snapshot.xmax + 1)
          log.position = { ...log.position, snapshot: { xmin: xmax, xmax, inProgress: [] } }
        },
        subscribe: () => ({ close: async () => {} }),
      },
      index,
      clock,
      pollMs: POLL_MS,
      boundMs: BOUND_MS,
      graceMs: GRACE_MS,
      retentionMs: { volatile: MINUTE_MS, lasting: MINUTE_MS },
      followed: {
        apply: ({ rows, changes }) =>
          note(
            `apply ${changes?.map(({ name }) => name)}, ${index.judge(stamp('20:20:'), rows[0]?.tags ?? [], 'volatile')}`,
          ),
        reset: () => note('reset'),
      },
      onBatch: () => note('told'),
    })
    opened.push(follower)
    async function read() {
      clock.nowMs += 2
      expect(await follower.refresh(100)).toBe(true)
    }
    return { clock, index, steps, log, follower, read }
  }

  it('has the changes applied in the step in which the position moves, before any listener is called', async () => {
    const { index, steps, log, read } = following()
    await read()
    steps.length = 0
    log.position = stamp('21:21:')
    log.rows = [{ xid: xid(20), tags: [alice] }]
    log.changes = [{ name: 'one' }, { name: 'two' }]
    const advance = index.advance.bind(index)
    let turns = 0
    vi.spyOn(index, 'advance').mockImplementation((...args) => {
      advance(...args)
      steps.push('advanced')
      // Whatever could run in between would find the position without its changes.
      queueMicrotask(() => steps.push(`a turn later ${++turns}`))
    })
    await read()
    expect(steps).toEqual(['advanced', 'apply one,two, invalidated at 21:21:', 'told at 21:21:', 'a turn later 1'])
  })

  it('is applied each batch, also one that names too much for one read', async () => {
    const { steps, log, read } = following()
    await read()
    steps.length = 0
    log.position = stamp('21:21:')
    log.changes = null
    await read()
    expect(steps).toEqual(['apply undefined, servable at 21:21:', 'told at 21:21:'])
  })

  it('starts over where the database’s clock was set back: it may have dropped rows that had ended', async () => {
    const { steps, log, read, follower } = following()
    log.atMs = 1_000_000
    await read()
    steps.length = 0
    log.atMs = 1_005_000
    await read()
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['apply', 'told'])
    steps.length = 0
    // Loaded by the clock that was ahead. No transaction tells it from what is loaded later.
    const entry = { stamp: stamp('20:20:'), tags: [alice] }
    expect(follower.judge(entry, 'volatile')).toBe('servable')
    log.atMs = 1_000_000
    await read()
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['divide', 'reset', 'told'])
    // What was removed at its end is in no row of the log for those who hold it.
    expect(follower.judge(entry, 'volatile')).toBe('below-floor')
    expect(follower.judge({ ...entry, stamp: log.position }, 'volatile')).toBe('servable')
    steps.length = 0
    log.atMs += 2
    await read()
    expect(steps.map((step) => step.split(' ')[0])).toEqual(['apply', 'told'])
  })

  it('is at the position at the time that came with it', async () => {
    const { follower, log, read } = following()
    expect(follower.positionMs()).toBeNull()
    log.atMs = 1_000_000
    await read()
    expect(follower.positionMs()).toBe(1_000_000)
    log.atMs = 0
    await read()
    expect(follower.positionMs()).toBeNull()
  })

  it.each<[string, (setting: ReturnType<typeof following>) => void]>([
    ['the log has a gap', ({ log }) => Object.assign(log, { gap: true })],
    ['the database is another', ({ log }) => Object.assign(log, { position: stamp('9:9:', 'restored') })],
    ['an own commit was in another database', ({ index }) => index.note({ xid: xid(9), tags: [alice] }, 'restarted')],
  ])('is reset with the position, and nothing of that batch is applied: %s', async (_what, happens) => {
    const setting = following()
    await setting.read()
    expect(setting.steps).toEqual(['reset at 20:20:', 'told at 20:20:'])
    setting.steps.length = 0
    setting.log.changes = [{ name: 'one' }]
    happens(setting)
    await setting.read()
    expect(setting.steps.map((step) => step.split(' ')[0])).toEqual(['reset', 'told'])
  })
})
