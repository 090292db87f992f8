/** Reads at a fixed rate, however slow the answers are: what clients see while something breaks. */
import { Agent, request } from 'node:http'

export interface Sample {
  /** Milliseconds since the load began, when the answer was complete. */
  readonly endedMs: number
  readonly latencyMs: number
  /** How late it was sent, in milliseconds: on a busy processor the load itself falls behind its rate. */
  readonly lateMs: number
  /** The HTTP status, or what went wrong before there was one. */
  readonly outcome: number | string
  readonly source: Source
}

/** From `Cache-Status`: where the answer came from. */
export type Source = 'hit' | 'miss' | 'bypass' | 'unknown'

const ANSWER_WITHIN_MS = 10_000
const TICK_MS = 5

export interface Target {
  readonly url: string
  readonly headers: Record<string, string>
}

export interface ReadLoad {
  /** Milliseconds since it began, as samples count them. */
  nowMs(): number
  /** Stops asking; resolves when the last answer is in. */
  stop(): Promise<void>
}

export function startReadLoad(options: {
  /** What the next request asks; the same each time, or another. */
  readonly target: () => Target
  readonly perSecond: number
  readonly onSample: (sample: Sample) => void
}): ReadLoad {
  const agent = new Agent({ keepAlive: true })
  const beganMs = performance.now()
  const pending = new Set<Promise<void>>()
  let asked = 0
  // Catches up after a late tick, so that the rate holds.
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - beganMs) / 1_000) * options.perSecond)
    for (; asked < due; asked++) {
      const dueMs = beganMs + ((asked + 1) / options.perSecond) * 1_000
      const one = read(options.target(), agent, { beganMs, dueMs }).then(options.onSample)
      pending.add(one)
      void one.finally(() => pending.delete(one))
    }
  }, TICK_MS)
  return {
    nowMs: () => performance.now() - beganMs,
    async stop() {
      clearInterval(timer)
      await Promise.all(pending)
      agent.destroy()
    },
  }
}

function read(target: Target, agent: Agent, at: { beganMs: number; dueMs: number }): Promise<Sample> {
  const askedMs = performance.now()
  const lateMs = askedMs - at.dueMs
  return new Promise((resolve) => {
    const end = (outcome: number | string, source: Source) => {
      const nowMs = performance.now()
      resolve({ endedMs: nowMs - at.beganMs, latencyMs: nowMs - askedMs, lateMs, outcome, source })
    }
    const asking = request(target.url, { agent, headers: target.headers, timeout: ANSWER_WITHIN_MS }, (response) => {
      response.resume()
      response.once('end', () =>
        end(response.statusCode ?? 0, sourceOf(String(response.headers['cache-status'] ?? ''))),
      )
      response.once('error', (error) => end(error.message, 'unknown'))
    })
    asking.once('timeout', () => asking.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
    asking.once('error', (error) => end(error.message, 'unknown'))
    asking.end()
  })
}

/** `portcullis; hit; ttl=812`, `portcullis; fwd=miss; stored`, `portcullis; fwd=bypass; detail=…`. */
export function sourceOf(cacheStatus: string): Source {
  const words = cacheStatus.split(';').map((word) => word.trim())
  if (words.includes('hit')) return 'hit'
  if (words.includes('fwd=miss')) return 'miss'
  return words.includes('fwd=bypass') ? 'bypass' : 'unknown'
}
