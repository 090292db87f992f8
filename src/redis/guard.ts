/**
 * The choke point of all commands. Each has a budget, its failures are named, and it is refused at once while the
 * breaker is open.
 */
import type { StoreUnavailableError, StoreWait } from '../cache/index.ts'
import { type BreakerListener, type BreakerState, createBreaker } from './breaker.ts'
import { DeadlineError, withDeadline } from './deadline.ts'
import { GarbledReplyError, unavailable } from './failure.ts'

export interface GuardEvents {
  /** Each command, from sending to its answer or failure, which may concern it alone and leave the breaker closed. */
  command?: ((name: string, outcome: 'ok' | 'failed' | 'timeout', durationMs: number) => void) | undefined
  failed?(name: string, failure: StoreUnavailableError): void
  /** The first success of a command after a failure. */
  recovered?(name: string): void
  breaker?: BreakerListener
}

export interface GuardOptions {
  /** The longest a command may take, in milliseconds. */
  readonly budgetMs: number
  /** Time between heartbeats, in milliseconds. */
  readonly heartbeatMs: number
  /** Sends one command that needs everything a request needs; rejects if the server does not carry it out. */
  readonly heartbeat: () => Promise<unknown>
  /** Whether there is a connection at all; absent: never while the breaker is open. */
  readonly connected?: () => boolean
  /** Why there is no connection, where a command does not say. */
  readonly connectionError?: () => Error | undefined
  /** Called when a reply was not the one to its request: nothing that comes over this connection can be trusted. */
  readonly distrust?: () => void
  readonly events?: GuardEvents
  readonly random?: () => number
}

export interface Guard {
  /**
   * @param spentMs how much of its budget was used up before, in milliseconds
   * @throws StoreUnavailableError, whatever happened
   */
  run<T>(name: string, send: () => Promise<T>, spentMs?: number): Promise<T>
  /**
   * As `run`, but tried wherever there is a connection: what is not removed now is seen by others until they have read
   * the log, and they may have found Redis well again before this instance did.
   */
  runAnyway<T>(name: string, send: () => Promise<T>): Promise<T>
  /** Whether `run` would send. */
  admits(): boolean
  /** @throws StoreUnavailableError where `run` would not send */
  check(): void
  state(): BreakerState
  /** How long the breaker has been open, in milliseconds; 0 while it is not. */
  awayMs(): number
  /** The connection is there (again): look now instead of at the next heartbeat. */
  nudge(): void
  close(): void
}

export function createGuard(options: GuardOptions): Guard {
  const { budgetMs, heartbeatMs, events, random = Math.random } = options
  const breaker = createBreaker({
    heartbeatMs,
    heartbeat: () => measured('heartbeat', options.heartbeat),
    onChange: events?.breaker,
    random,
  })
  /** The commands whose last run failed. */
  const failing = new Set<string>()

  async function measured<T>(name: string, send: () => Promise<T>, spentMs = 0): Promise<T> {
    const startedMs = performance.now()
    try {
      const sending = send()
      // Also after the deadline: on a connection that is out of step every further command would time out, for ever.
      sending.catch(distrustIfGarbled)
      const answer = await withDeadline(sending, Math.max(0, budgetMs - spentMs))
      events?.command?.(name, 'ok', performance.now() - startedMs)
      if (failing.size > 0 && failing.delete(name)) events?.recovered?.(name)
      return answer
    } catch (error) {
      const failure = unavailable(error, options.connectionError?.())
      failing.add(name)
      events?.command?.(name, error instanceof DeadlineError ? 'timeout' : 'failed', performance.now() - startedMs)
      events?.failed?.(name, failure)
      throw failure
    }
  }

  function distrustIfGarbled(error: unknown): void {
    if (error instanceof GarbledReplyError) options.distrust?.()
  }

  async function sent<T>(name: string, send: () => Promise<T>, spentMs = 0): Promise<T> {
    try {
      return await measured(name, send, spentMs)
    } catch (error) {
      const failure = error as StoreUnavailableError
      // A timeout within what little an earlier wait left says nothing new about the server.
      const cutShort = failure.detail === 'redis-timeout' && spentMs > budgetMs / 2
      if (!cutShort) breaker.suspect(failure)
      throw error
    }
  }

  return {
    admits: () => breaker.admits,
    state: () => breaker.state(),
    awayMs: () => breaker.awayMs(),
    nudge: () => breaker.nudge(),
    close: () => breaker.close(),
    async run(name, send, spentMs) {
      if (!breaker.admits) throw breaker.refusal()
      return sent(name, send, spentMs)
    },
    async runAnyway(name, send) {
      if (breaker.state() === 'closed') return sent(name, send)
      if (!options.connected?.()) throw breaker.refusal()
      const answer = await measured(name, send)
      breaker.nudge()
      return answer
    },
    check() {
      if (!breaker.admits) throw breaker.refusal()
    },
  }
}

/**
 * Within what is left of the budget of the request that this command is sent for.
 * @throws StoreUnavailableError
 */
export async function runWithin<T>(
  guard: Guard,
  wait: StoreWait | undefined,
  name: string,
  send: () => Promise<T>,
): Promise<T> {
  if (!wait) return guard.run(name, send)
  const spentMs = wait.begin(performance.now())
  try {
    return await guard.run(name, send, spentMs)
  } finally {
    wait.end(performance.now())
  }
}
