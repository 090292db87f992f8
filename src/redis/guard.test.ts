import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGuard, type Guard, type GuardEvents } from './guard.ts'

const BUDGET_MS = 100
const HEARTBEAT_MS = 250
const never = () => new Promise<never>(() => {})

/** A server that answers, hangs or refuses, and counts what it was asked. */
function createServer() {
  return {
    health: 'well' as 'well' | 'hung' | Error,
    asked: 0,
    answer: async function (this: { health: unknown; asked: number }): Promise<string> {
      this.asked++
      if (this.health === 'hung') return never()
      if (this.health instanceof Error) throw this.health
      return 'answer'
    },
  }
}

describe('the guard', () => {
  let server: ReturnType<typeof createServer>
  let heart: ReturnType<typeof createServer>
  let changes: string[]
  let commands: string[]
  let guard: Guard
  let connected: boolean
  const read = () => guard.run('read', () => server.answer())
  const outcome = (promise: Promise<unknown>) =>
    promise.then(
      () => 'ok',
      (error: { code: string; detail: string }) => `${error.code}/${error.detail}`,
    )
  const hang = () => {
    server.health = heart.health = 'hung'
  }
  const recover = () => {
    server.health = heart.health = 'well'
  }

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'],
    })
    server = createServer()
    heart = createServer()
    connected = false
    changes = []
    commands = []
    const events: GuardEvents = {
      breaker: (state, { cause }) => changes.push(cause ? `${state}: ${cause.detail}` : state),
      command: (name, how) => commands.push(`${name} ${how}`),
    }
    guard = createGuard({
      budgetMs: BUDGET_MS,
      heartbeatMs: HEARTBEAT_MS,
      heartbeat: () => heart.answer(),
      connected: () => connected,
      events,
      random: () => 0.5,
    })
  })
  afterEach(() => {
    guard.close()
    vi.useRealTimers()
  })

  it('lets commands through and reports each', async () => {
    expect(await read()).toBe('answer')
    expect(commands).toEqual(['read ok'])
    expect(guard.state()).toBe('closed')
  })

  it('ends the wait for a command at the budget', async () => {
    hang()
    const answer = outcome(read())
    await vi.advanceTimersByTimeAsync(BUDGET_MS - 1)
    expect(commands).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(await answer).toBe('store-unavailable/redis-timeout')
  })

  it('does not blame the server for an answer that came while this process stood still', async () => {
    vi.useRealTimers()
    const slow = createGuard({ budgetMs: 20, heartbeatMs: 60_000, heartbeat: () => heart.answer() })
    const { promise, resolve } = Promise.withResolvers<string>()
    // The answer is there before the timer is looked at, as bytes in a socket are; it is only read afterwards.
    const answer = outcome(slow.run('read', () => promise))
    setTimeout(() => setImmediate(resolve, 'late to be read'), 0)
    const stoppedUntilMs = performance.now() + 60
    while (performance.now() < stoppedUntilMs);
    expect(await answer).toBe('ok')
    slow.close()
  })

  it.each(['busy', 'idle'])('opens within a second of a hang when it is %s', async (load) => {
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS / 2)
    hang()
    const waiting = load === 'busy' ? Array.from({ length: 100 }, () => outcome(read())) : []
    await vi.advanceTimersByTimeAsync(1000)
    expect(new Set(await Promise.all(waiting))).toEqual(
      new Set(load === 'busy' ? ['store-unavailable/redis-timeout'] : []),
    )
    expect(changes).toEqual(['open: redis-timeout'])
  })

  it('refuses at once while it is open', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    const asked = server.asked
    expect(await outcome(read())).toBe('store-unavailable/breaker-open')
    expect(await outcome(guard.runAnyway('invalidate', () => server.answer()))).toBe('store-unavailable/breaker-open')
    expect(server.asked).toBe(asked)
  })

  it('invalidates over a connection that is there again, before the heartbeat has found out; reads wait for that', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    recover()
    connected = true
    expect(await outcome(read())).toBe('store-unavailable/breaker-open')
    expect(await guard.runAnyway('invalidate', () => server.answer())).toBe('answer')
    await vi.advanceTimersByTimeAsync(1)
    expect([guard.state(), await read()]).toEqual(['closed', 'answer'])
  })

  it('lets an invalidation wait no longer than its budget for a server that still hangs', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    connected = true
    const tried = outcome(guard.runAnyway('invalidate', () => server.answer()))
    await vi.advanceTimersByTimeAsync(BUDGET_MS + 1)
    expect(await tried).toBe('store-unavailable/redis-timeout')
  })

  it('stays closed after one slow command when the heartbeat that follows is answered', async () => {
    server.health = 'hung'
    const slow = outcome(read())
    await vi.advanceTimersByTimeAsync(BUDGET_MS + 1)
    expect(await slow).toBe('store-unavailable/redis-timeout')
    expect(guard.state()).toBe('closed')
    expect(heart.asked).toBe(1)
    recover()
    expect(await read()).toBe('answer')
    expect(changes).toEqual([])
  })

  it('stays closed after one slow heartbeat when the next is answered', async () => {
    heart.health = 'hung'
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + BUDGET_MS - 1)
    heart.health = 'well'
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS)
    expect(changes).toEqual([])
    expect(heart.asked).toBe(2)
  })

  it('makes no further request wait while a first failure is looked into, but lets invalidations try', async () => {
    hang()
    const first = outcome(read())
    await vi.advanceTimersByTimeAsync(BUDGET_MS + 1)
    await first
    const asked = server.asked
    expect(guard.admits()).toBe(false)
    expect(await outcome(read())).toBe('store-unavailable/redis-timeout')
    expect(server.asked).toBe(asked)
    server.health = 'well'
    expect(await guard.runAnyway('invalidate', () => server.answer())).toBe('answer')
  })

  it('counts many failures at once as one', async () => {
    server.health = new Error('Connection is closed.')
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => outcome(read()))))).toEqual(
      new Set(['store-unavailable/redis-unavailable']),
    )
    await vi.advanceTimersByTimeAsync(1)
    expect(heart.asked).toBe(1)
    expect(changes).toEqual([])
  })

  it('opens without waiting where both fail without waiting', async () => {
    server.health = heart.health = new Error('Connection is closed.')
    await outcome(read())
    await vi.advanceTimersByTimeAsync(0)
    expect(changes).toEqual(['open: redis-unavailable'])
  })

  it('closes by a heartbeat, never by a request', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    recover()
    expect(await outcome(read())).toBe('store-unavailable/breaker-open')
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + BUDGET_MS + 1)
    expect(guard.state()).toBe('closed')
    expect(await read()).toBe('answer')
    expect(changes).toEqual(['open: redis-timeout', 'closed'])
    expect(guard.awayMs()).toBe(0)
  })

  it('closes as soon as there is a connection again', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    recover()
    await vi.advanceTimersByTimeAsync(BUDGET_MS)
    guard.nudge()
    await vi.advanceTimersByTimeAsync(1)
    expect(guard.state()).toBe('closed')
  })

  it('sends another heartbeat when a connection comes up while one is on its way', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + 2 * BUDGET_MS + HEARTBEAT_MS + 10)
    expect(guard.state()).toBe('half-open')
    recover()
    guard.nudge()
    await vi.advanceTimersByTimeAsync(BUDGET_MS)
    expect(guard.state()).toBe('closed')
  })

  it('says each change once, however long the outage', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(changes).toEqual(['open: redis-timeout'])
    expect(guard.awayMs()).toBeGreaterThan(59_000)
  })

  it('closes although the wall clock was set back', async () => {
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    vi.setSystemTime(Date.now() - 3_600_000)
    recover()
    await vi.advanceTimersByTimeAsync(1000)
    expect(guard.state()).toBe('closed')
  })

  it('looks less often at a server that flickers', async () => {
    for (let round = 0; round < 4; round++) {
      hang()
      await vi.advanceTimersByTimeAsync(1000)
      recover()
      await vi.advanceTimersByTimeAsync(2000)
    }
    hang()
    await vi.advanceTimersByTimeAsync(1000)
    const asked = heart.asked
    await vi.advanceTimersByTimeAsync(4400)
    expect(heart.asked - asked).toBe(4)
  })

  it('distrusts the connection after a reply to another request', async () => {
    const { GarbledReplyError } = await import('./failure.ts')
    const distrust = vi.fn()
    const strict = createGuard({ budgetMs: BUDGET_MS, heartbeatMs: 60_000, heartbeat: () => heart.answer(), distrust })
    const garbled = () => Promise.reject(new GarbledReplyError())
    expect(await outcome(strict.run('read', garbled))).toBe('store-unavailable/redis-garbled')
    expect(distrust).toHaveBeenCalledOnce()
    strict.close()
  })

  it('sends nothing after it was closed', async () => {
    guard.close()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(heart.asked).toBe(0)
  })
})
