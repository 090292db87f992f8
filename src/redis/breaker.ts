/**
 * Whether Redis is well. Heartbeats decide it, never requests: an idle service notices too, and a sick Redis costs nobody's
 * time but its own.
 *
 * - closed: commands are sent; a heartbeat looks every `heartbeatMs`.
 * - suspected: closed, but a command has failed. The heartbeat that follows at once decides; commands are refused meanwhile.
 * - open: commands are refused until a heartbeat is answered. After opening again soon, heartbeats come less often.
 */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel'
import { StoreUnavailableError } from '../cache/index.ts'
import { unavailable } from './failure.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

/** Once per change. `cause` says why it opened; `awayMs` how long it was open when it closes. */
export type BreakerListener = (
  state: 'closed' | 'open',
  why: { cause?: StoreUnavailableError; awayMs?: number },
) => void

export interface BreakerOptions {
  /** Time between heartbeats, in milliseconds. */
  readonly heartbeatMs: number
  /** Rejects with a StoreUnavailableError when the server is not well. */
  readonly heartbeat: () => Promise<unknown>
  readonly onChange?: BreakerListener | undefined
  readonly random: () => number
}

export interface Breaker {
  /** Whether commands are to be sent. */
  admits(): boolean
  state(): BreakerState
  /** How long it has been open, in milliseconds; 0 while it is not. */
  awayMs(): number
  /** The error of a command that is not sent. */
  refusal(): StoreUnavailableError
  /** A command has failed: that counts once, and a heartbeat is sent at once. */
  suspect(failure: StoreUnavailableError): void
  /** The connection is there (again): a heartbeat is sent now instead of at its time. */
  nudge(): void
  close(): void
}

/** One failure may be a hiccup; the heartbeat that follows it at once decides. */
const FAILURES_TO_OPEN = 2
/** Opening again this soon after closing makes heartbeats rarer, so that a server at its limit does not flicker. */
const STABLE_AFTER_MS = 10_000
const LONGEST_PAUSE_MS = 1000

export function createBreaker({ heartbeatMs, heartbeat, onChange, random }: BreakerOptions): Breaker {
  // Only heartbeats pass through the policy, on this file's schedule. A pause of its own would be measured on the wall
  // clock, and a clock set back by an hour would keep the breaker open for an hour.
  const policy = circuitBreaker(handleAll, {
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

  const isClosed = () => policy.state === CircuitState.Closed

  /** True when the server is well. Why it is not is kept as `cause`; what follows from it is the policy's to decide. */
  function beat(): Promise<boolean> {
    const alive = policy.execute(() =>
      heartbeat().catch((failure: StoreUnavailableError) => {
        cause = failure
        throw failure
      }),
    )
    return alive.then(
      () => true,
      () => false,
    )
  }

  async function judge(failure?: StoreUnavailableError): Promise<void> {
    if (judging || closed) return
    judging = true
    nudged = false
    suspected = failure !== undefined
    const before = policy.state
    try {
      if (failure && before === CircuitState.Closed) await policy.execute(() => Promise.reject(failure)).catch(() => {})
      const well = await beat()
      if (!well && isClosed()) await beat()
    } finally {
      judging = false
      suspected = false
      report(before)
      schedule(nudged ? 0 : policy.state === CircuitState.Open ? pauseMs : heartbeatMs)
    }
  }

  function report(before: CircuitState): void {
    const after = policy.state
    if (closed || after === before) return
    if (after === CircuitState.Open) {
      openedAtMs = performance.now()
      const stable = openedAtMs - closedAtMs >= STABLE_AFTER_MS
      pauseMs = stable ? heartbeatMs : Math.min(pauseMs * 2, Math.max(LONGEST_PAUSE_MS, heartbeatMs))
      onChange?.('open', { cause })
    } else if (after === CircuitState.Closed) {
      const away = awayMs()
      closedAtMs = performance.now()
      openedAtMs = undefined
      onChange?.('closed', { awayMs: away })
    }
  }

  function schedule(ms: number): void {
    clearTimeout(timer)
    if (closed) return
    // Jitter: instances that lost one server together do not ask it together.
    timer = setTimeout(() => void judge(), ms * (0.8 + 0.4 * random()))
    timer.unref()
  }

  function awayMs(): number {
    return openedAtMs === undefined ? 0 : performance.now() - openedAtMs
  }

  schedule(heartbeatMs)
  return {
    admits: () => isClosed() && !suspected,
    state: () => (isClosed() ? 'closed' : policy.state === CircuitState.HalfOpen ? 'half-open' : 'open'),
    awayMs,
    refusal() {
      if (isClosed()) return cause
      // One error for all commands while the breaker is open: a thousand a second need not each record a stack.
      if (refused?.cause !== cause) refused = new StoreUnavailableError('breaker-open', { cause })
      return refused
    },
    suspect(failure) {
      cause = failure
      void judge(failure)
    },
    nudge() {
      nudged = true
      void judge()
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
