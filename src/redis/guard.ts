/**
 * The choke point: every command passes through it, within a budget, named when it fails, and refused at once while the
 * circuit breaker is open. Requests never probe; a heartbeat does, so that an idle service notices too and a sick Redis
 * costs nobody's time but its own.
 */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel'
import { StoreUnavailableError, type StoreWait } from '../cache/index.ts'
import { withDeadline } from './deadline.ts'
import { DeadlineError, GarbledReplyError, unavailable } from './failure.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

export interface GuardEvents {
  /** One command, from sending to its answer or failure, which may concern it alone and leave the breaker closed. */
  command?(
    name: string,
    outcome: 'ok' | 'failed' | 'timeout',
    durationMs: number,
    failure?: StoreUnavailableError,
  ): void
  /** Once per change. `cause` says why it opened; `awayMs` how long it was open when it closes. */
  breaker?(state: 'closed' | 'open', why: { cause?: StoreUnavailableError; awayMs?: number }): void
}

export interface GuardOptions {
  /** The longest a command may take, in milliseconds. */
  readonly budgetMs: number
  /** Time between heartbeats, in milliseconds. */
  readonly heartbeatMs: number
  /** Sends one command that needs everything a request needs; rejects when the server does not do it. */
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

/** One failure may be a hiccup; the heartbeat that follows it at once decides. */
const FAILURES_TO_OPEN = 2
/** Opening again this soon after closing makes heartbeats rarer, so that a server at its limit does not flicker. */
const STABLE_AFTER_MS = 10_000
const LONGEST_PAUSE_MS = 1000

export function createGuard(options: GuardOptions): Guard {
  const { budgetMs, heartbeatMs, heartbeat, events, random = Math.random } = options
  // Only heartbeats pass through the policy, on this file's schedule. A pause of its own would be measured on the wall
  // clock, and a clock set back by an hour would keep the breaker open for an hour.
  const breaker = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: Number.NEGATIVE_INFINITY,
  })
  let cause = unavailable(new Error('not connected yet'))
  let refused: StoreUnavailableError | undefined
  let suspected = false
  let judging = false
  let nudged = false
  let closed = false
  let openedAtMs: number | undefined
  let closedAtMs = Number.NEGATIVE_INFINITY
  let pauseMs = heartbeatMs
  let timer: NodeJS.Timeout | undefined

  /** True when the server is well; why it is not is kept as `cause`, and what follows from it is the breaker's to decide. */
  function beat(): Promise<boolean> {
    const alive = breaker.execute(() => measured('heartbeat', heartbeat))
    return alive.then(
      () => true,
      () => false,
    )
  }

  /** Decides whether Redis is well: a failure counts once, the heartbeat that follows it at once counts again. */
  async function judge(failure?: StoreUnavailableError): Promise<void> {
    if (judging || closed) return
    judging = true
    nudged = false
    suspected = failure !== undefined
    const before = breaker.state
    try {
      if (failure && before === CircuitState.Closed)
        await breaker.execute(() => Promise.reject(failure)).catch(() => {})
      const well = await beat()
      if (!well && breaker.state === CircuitState.Closed) await beat()
    } finally {
      judging = false
      suspected = false
      report(before)
      schedule(nudged ? 0 : breaker.state === CircuitState.Open ? pauseMs : heartbeatMs)
    }
  }

  function report(before: CircuitState): void {
    const after = breaker.state
    if (closed || after === before) return
    if (after === CircuitState.Open) {
      openedAtMs = performance.now()
      const stable = openedAtMs - closedAtMs >= STABLE_AFTER_MS
      pauseMs = stable ? heartbeatMs : Math.min(pauseMs * 2, Math.max(LONGEST_PAUSE_MS, heartbeatMs))
      events?.breaker?.('open', { cause })
    } else if (after === CircuitState.Closed) {
      const away = awayMs()
      closedAtMs = performance.now()
      openedAtMs = undefined
      events?.breaker?.('closed', { awayMs: away })
    }
  }

  function schedule(ms: number): void {
    clearTimeout(timer)
    if (closed) return
    // Jitter: instances that lost one server together do not ask it together.
    timer = setTimeout(() => void judge(), ms * (0.8 + 0.4 * random()))
    timer.unref()
  }

  async function measured<T>(name: string, send: () => Promise<T>, spentMs = 0): Promise<T> {
    const startedMs = performance.now()
    try {
      const sending = send()
      // Also when nobody waits any more: on a connection out of step every further command would time out, for ever.
      sending.catch(distrustIfGarbled)
      const answer = await withDeadline(sending, Math.max(0, budgetMs - spentMs))
      events?.command?.(name, 'ok', performance.now() - startedMs)
      return answer
    } catch (error) {
      const outcome = error instanceof DeadlineError ? 'timeout' : 'failed'
      cause = unavailable(error, options.connectionError?.())
      events?.command?.(name, outcome, performance.now() - startedMs, cause)
      throw cause
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
      // No answer in the little that an earlier wait had left says nothing new about the server.
      const cutShort = failure.detail === 'redis-timeout' && spentMs > budgetMs / 2
      if (!cutShort) void judge(failure)
      throw error
    }
  }

  function awayMs(): number {
    return openedAtMs === undefined ? 0 : performance.now() - openedAtMs
  }

  function nudge(): void {
    nudged = true
    void judge()
  }

  const isClosed = () => breaker.state === CircuitState.Closed
  /** The same for everybody while the breaker is open: a thousand a second need not each record a stack. */
  function refusal(): StoreUnavailableError {
    if (isClosed()) return cause
    if (refused?.cause !== cause) refused = new StoreUnavailableError('breaker-open', { cause })
    return refused
  }

  schedule(heartbeatMs)
  return {
    async run(name, send, spentMs) {
      if (!isClosed() || suspected) throw refusal()
      return sent(name, send, spentMs)
    },
    async runAnyway(name, send) {
      if (isClosed()) return sent(name, send)
      if (!options.connected?.()) throw refusal()
      const answer = await measured(name, send)
      nudge()
      return answer
    },
    admits: () => isClosed() && !suspected,
    check() {
      if (!isClosed() || suspected) throw refusal()
    },
    state: () => (isClosed() ? 'closed' : breaker.state === CircuitState.HalfOpen ? 'half-open' : 'open'),
    awayMs,
    nudge,
    close() {
      closed = true
      clearTimeout(timer)
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
