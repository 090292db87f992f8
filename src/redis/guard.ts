/**
 * The choke point of all commands. Each has a budget, its failures are named, and it is refused at once while the
 * breaker is open.
 */
import type { StoreUnavailableError, StoreWait } from '../cache/index.ts'
import { type Breaker, type BreakerListener, type BreakerState, createBreaker } from './breaker.ts'
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

/** @returns a guard whose breaker is closed, and which sends heartbeats until `close` */
export function createGuard(options: GuardOptions): Guard {
  return new BudgetGuard(options)
}

class BudgetGuard implements Guard {
  readonly #options: GuardOptions
  readonly #breaker: Breaker
  /** The commands whose last run failed. */
  readonly #failing = new Set<string>()

  constructor(options: GuardOptions) {
    this.#options = options
    const { heartbeatMs, heartbeat, events, random = Math.random } = options
    this.#breaker = createBreaker({
      heartbeatMs,
      heartbeat: () => this.#measured('heartbeat', heartbeat),
      onChange: events?.breaker,
      random,
    })
  }

  async run<T>(name: string, send: () => Promise<T>, spentMs?: number): Promise<T> {
    this.check()
    return this.#sent(name, send, spentMs)
  }

  async runAnyway<T>(name: string, send: () => Promise<T>): Promise<T> {
    if (this.#breaker.state() === 'closed') return this.#sent(name, send)
    if (!this.#options.connected?.()) throw this.#breaker.refusal()
    const answer = await this.#measured(name, send)
    this.#breaker.nudge()
    return answer
  }

  admits(): boolean {
    return this.#breaker.admits
  }

  check(): void {
    if (!this.#breaker.admits) throw this.#breaker.refusal()
  }

  state(): BreakerState {
    return this.#breaker.state()
  }

  awayMs(): number {
    return this.#breaker.awayMs()
  }

  nudge(): void {
    this.#breaker.nudge()
  }

  close(): void {
    this.#breaker.close()
  }

  async #sent<T>(name: string, send: () => Promise<T>, spentMs = 0): Promise<T> {
    try {
      return await this.#measured(name, send, spentMs)
    } catch (error) {
      const failure = error as StoreUnavailableError
      // A timeout within what little an earlier wait left says nothing new about the server.
      const cutShort = failure.detail === 'redis-timeout' && spentMs > this.#options.budgetMs / 2
      if (!cutShort) this.#breaker.suspect(failure)
      throw error
    }
  }

  async #measured<T>(name: string, send: () => Promise<T>, spentMs = 0): Promise<T> {
    const { budgetMs, events } = this.#options
    const startedMs = performance.now()
    try {
      const sending = send()
      // Also after the deadline: on a connection that is out of step every further command would time out, for ever.
      sending.catch(this.#distrustIfGarbled)
      const answer = await withDeadline(sending, Math.max(0, budgetMs - spentMs))
      events?.command?.(name, 'ok', performance.now() - startedMs)
      if (this.#failing.size > 0 && this.#failing.delete(name)) events?.recovered?.(name)
      return answer
    } catch (error) {
      const failure = unavailable(error, this.#options.connectionError?.())
      this.#failing.add(name)
      events?.command?.(name, error instanceof DeadlineError ? 'timeout' : 'failed', performance.now() - startedMs)
      events?.failed?.(name, failure)
      throw failure
    }
  }

  /** One function for all commands, rather than one for each. */
  readonly #distrustIfGarbled = (error: unknown): void => {
    if (error instanceof GarbledReplyError) this.#options.distrust?.()
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
