/**
 * Faults one after the other in one process. What could not be staged is tried once more on new servers; what still
 * cannot be says nothing about the promises, so the others go on and the end says so.
 */
import type { Part } from './build/parts.ts'
import type { runDrill } from './drill.ts'
import type { Environment } from './environment.ts'
import type { Fault } from './faults/fault.ts'
import type { Random } from './random.ts'
import type { Summary } from './summary.ts'

/** No two faults share a world. */
const WORLDS = 32
const ATTEMPTS = 2
/** Beside the time for which it is held: two recoveries of a minute each, and then some. In milliseconds. */
const FAULT_MARGIN_MS = 300_000
/** The longest fault is held this many times as long as the others. */
const LONGEST_HOLD = 5
const CLOSE_WITHIN_MS = 60_000

export interface SeriesOptions {
  readonly faults: readonly Fault[]
  readonly rounds: number
  /** The faults are repeated from the first on until so many reads were judged. */
  readonly judgedAtLeast: number
  readonly random: Random
  readonly holdMs: number
  readonly readsPerSecond: number
  readonly updatesPerSecond: number
  readonly without: readonly Part[]
  readonly createEnvironment: () => Promise<Environment>
  readonly drill: typeof runDrill
  readonly say: (message: string) => void
  readonly onSummary: (summary: Summary) => void
}

export interface Series {
  /** Faults that could not be staged, as often as that was. */
  readonly failed: readonly string[]
}

export async function runSeries(options: SeriesOptions): Promise<Series> {
  const { say } = options
  const failed: string[] = []
  const stray = watchStrayErrors()
  let environment: Environment | null = null
  let worlds = 0
  let judged = 0

  async function prepared(): Promise<Environment> {
    environment ??= await options.createEnvironment()
    return environment
  }

  async function stage(fault: Fault): Promise<Summary> {
    const staging = await prepared()
    stray.clear()
    const { holdMs } = options
    const staged = options.drill(fault, { ...options, environment: staging, firstWorld: WORLDS * worlds++ })
    const summary = await within(LONGEST_HOLD * holdMs + FAULT_MARGIN_MS, `${fault.name} does not end`, staged)
    stray.rethrow()
    return summary
  }

  async function renew(): Promise<void> {
    const broken = environment
    environment = null
    if (broken) await within(CLOSE_WITHIN_MS, 'the servers do not end', broken.close()).catch(console.error)
  }

  async function attempt(fault: Fault): Promise<void> {
    for (let left = ATTEMPTS; left > 0; left--) {
      try {
        const missing = await fault.missing?.(prepared)
        if (missing) return say(`${fault.name} is left out: ${missing}`)
        say(`${fault.name}: ${fault.title}`)
        const summary = await stage(fault)
        judged += summary.judged
        options.onSummary(summary)
        return
      } catch (error) {
        console.error(error)
        say(`${fault.name} could not be staged${left > 1 ? ' and is tried again on new servers' : ''}`)
        await renew()
      }
    }
    failed.push(fault.name)
  }

  async function round(isOver: () => boolean): Promise<void> {
    for (const fault of options.faults) {
      if (isOver()) return
      await attempt(fault)
    }
  }

  try {
    for (let rounds = 0; rounds < options.rounds; rounds++) await round(() => false)
    for (let before = -1; before < judged && judged < options.judgedAtLeast; ) {
      before = judged
      await round(() => judged >= options.judgedAtLeast)
    }
  } finally {
    stray.close()
    await renew()
  }
  return { failed }
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(what)), ms)
  // The one that loses reports nothing more.
  work.catch(() => {})
  return Promise.race([work, tooLong]).finally(() => clearTimeout(timer))
}

/** Errors that nobody waits for (a client in a timer, a server that ended) are the fault's failure, not the process's end. */
function watchStrayErrors() {
  let first: { readonly error: unknown } | null = null
  const note = (error: unknown) => {
    first ??= { error }
  }
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  return {
    clear() {
      first = null
    },
    rethrow() {
      if (first) throw first.error
    },
    close() {
      process.off('uncaughtException', note)
      process.off('unhandledRejection', note)
    },
  }
}
