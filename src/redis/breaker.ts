/**
 * Whether Redis is healthy. Heartbeats decide that, never requests: so an idle service notices too, and no request waits
 * for the answer.
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
  /** Whether commands are to be sent; changed by heartbeats and by `suspect` only. */
  readonly admits: boolean
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

/** @returns a breaker that is closed, and sends heartbeats until `close` */
export function createBreaker(options: BreakerOptions): Breaker {
  return new HeartbeatBreaker(options)
}

class HeartbeatBreaker implements Breaker {
  admits = true
  readonly #options: BreakerOptions
  // Only heartbeats pass through the policy, on this file's schedule. A pause of its own would be measured on the wall
  // clock, and a clock set back by an hour would keep the breaker open for an hour.
  readonly #policy = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: Number.NEGATIVE_INFINITY,
  })
  /** The next heartbeat has its time; one is on its way; one is, and another follows it at once; none will be sent any more. */
  #heartbeats: 'scheduled' | 'running' | 'running-again' | 'ended' = 'scheduled'
  #timer: NodeJS.Timeout | undefined
  /** Of the last failure. */
  #cause = unavailable(new Error('not connected yet'))
  #refusal: StoreUnavailableError | undefined
  #openedAtMs: number | undefined
  #closedAtMs = Number.NEGATIVE_INFINITY
  #pauseMs: number

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#pauseMs = options.heartbeatMs
    this.#schedule(options.heartbeatMs)
  }

  state(): BreakerState {
    if (this.#isClosed()) return 'closed'
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open'
  }

  awayMs(): number {
    return this.#openedAtMs === undefined ? 0 : performance.now() - this.#openedAtMs
  }

  refusal(): StoreUnavailableError {
    if (this.#isClosed()) return this.#cause
    // One error for all commands while the breaker is open: a thousand a second need not each record a stack.
    if (this.#refusal?.cause !== this.#cause)
      this.#refusal = new StoreUnavailableError('breaker-open', { cause: this.#cause })
    return this.#refusal
  }

  suspect(failure: StoreUnavailableError): void {
    this.#cause = failure
    void this.#judge(failure)
  }

  nudge(): void {
    if (this.#heartbeats === 'running') this.#heartbeats = 'running-again'
    else void this.#judge()
  }

  close(): void {
    this.#heartbeats = 'ended'
    clearTimeout(this.#timer)
  }

  #isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed
  }

  async #judge(failure?: StoreUnavailableError): Promise<void> {
    if (this.#heartbeats !== 'scheduled') return
    this.#heartbeats = 'running'
    const before = this.#policy.state
    if (failure) this.admits = false
    try {
      if (failure && this.#isClosed()) await this.#policy.execute(() => Promise.reject(failure)).catch(() => {})
      const well = await this.#beat()
      if (!well && this.#isClosed()) await this.#beat()
    } finally {
      this.admits = this.#isClosed()
      this.#report(before)
      this.#scheduleNext()
    }
  }

  /** True when the server is well. Why it is not is kept as `#cause`; what follows from it is the policy's to decide. */
  #beat(): Promise<boolean> {
    const alive = this.#policy.execute(() =>
      this.#options.heartbeat().catch((failure: StoreUnavailableError) => {
        this.#cause = failure
        throw failure
      }),
    )
    return alive.then(
      () => true,
      () => false,
    )
  }

  #report(before: CircuitState): void {
    const { heartbeatMs, onChange } = this.#options
    const after = this.#policy.state
    if (this.#heartbeats === 'ended' || after === before) return
    if (after === CircuitState.Open) {
      this.#openedAtMs = performance.now()
      const stable = this.#openedAtMs - this.#closedAtMs >= STABLE_AFTER_MS
      this.#pauseMs = stable ? heartbeatMs : Math.min(this.#pauseMs * 2, Math.max(LONGEST_PAUSE_MS, heartbeatMs))
      onChange?.('open', { cause: this.#cause })
    } else if (after === CircuitState.Closed) {
      const awayMs = this.awayMs()
      this.#closedAtMs = performance.now()
      this.#openedAtMs = undefined
      onChange?.('closed', { awayMs })
    }
  }

  #scheduleNext(): void {
    if (this.#heartbeats === 'ended') return
    const atOnce = this.#heartbeats === 'running-again'
    this.#heartbeats = 'scheduled'
    const pauseMs = this.#policy.state === CircuitState.Open ? this.#pauseMs : this.#options.heartbeatMs
    this.#schedule(atOnce ? 0 : pauseMs)
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer)
    // Jitter: instances that lost one server together do not ask it together.
    this.#timer = setTimeout(() => void this.#judge(), ms * (0.8 + 0.4 * this.#options.random()))
    this.#timer.unref()
  }
}
