/** Logs why requests are answered with 503: once when a reason appears, not once per request. */
import type { Logger } from '../telemetry/index.ts'

export interface Refusal {
  /** The problem's code. */
  readonly problem: string
  readonly error: unknown
  readonly route: string
}

export type RefusalLog = (refusal: Refusal) => void

/** A reason that has not occurred for this long is over: the next time it is logged again. */
const OVER_AFTER_MS = 60_000
/** Reasons contain messages of drivers; nothing bounds how many there are. */
const REASONS_MAX = 100

export function createRefusalLog(logger: Logger): RefusalLog {
  const lastSeenMs = new Map<string, number>()

  return ({ problem, error, route }) => {
    const cause = rootOf(error)
    const reason = `${problem}: ${nameOf(cause)}`
    const nowMs = performance.now()
    const lastMs = lastSeenMs.get(reason)
    if (lastMs === undefined && lastSeenMs.size >= REASONS_MAX) lastSeenMs.clear()
    lastSeenMs.set(reason, nowMs)
    if (lastMs !== undefined && nowMs - lastMs < OVER_AFTER_MS) return
    logger.info({ problem, route, err: cause }, 'requests are refused')
  }
}

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error
}

/** A driver's code stays the same where its message names a host or a port. */
function nameOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}
