/**
 * Restarts processes of the running stack that ended, and says so. It keeps trying, less and less often, for as long as
 * the stack runs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exit } from './guarded-processes.ts'

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** A process that ended this often recently is restarted less often. */
const WINDOW_MS = 60_000

export interface Supervisor<Name extends string> {
  onUnexpectedExit(name: Name, exit: Exit): void
  /** From now on nothing is started again. */
  rest(): void
}

export function createSupervisor<Name extends string>(deps: {
  readonly restart: (name: Name) => Promise<void>
  readonly log: (message: string) => void
  readonly monotonicMs?: () => number
  readonly pause?: (ms: number) => Promise<unknown>
}): Supervisor<Name> {
  const { monotonicMs = () => performance.now(), pause = sleep } = deps
  const troubles = new Map<Name, number[]>()
  /** Those that are being started again, and whether they ended once more meanwhile. */
  const underWay = new Map<Name, { endedAgain: boolean }>()
  let resting = false

  /** @returns how often it ended, or failed to start, within the last minute, this time included */
  function recentTroubles(name: Name): number {
    const recent = [...(troubles.get(name) ?? []).filter((atMs) => monotonicMs() - atMs < WINDOW_MS), monotonicMs()]
    troubles.set(name, recent)
    return recent.length
  }

  async function bringBack(name: Name): Promise<void> {
    const attempt = { endedAgain: false }
    underWay.set(name, attempt)
    let lastFailure = ''
    for (let back = false; !back && !resting; ) {
      await pause(Math.min(FIRST_PAUSE_MS * 2 ** (recentTroubles(name) - 1), LONGEST_PAUSE_MS))
      if (resting) break
      attempt.endedAgain = false
      try {
        await deps.restart(name)
        back = !attempt.endedAgain
      } catch (error) {
        const failure = (error as Error).message
        // Once per reason: an attempt every half minute would bury everything else.
        if (failure !== lastFailure && !resting)
          deps.log(`${name} does not start: ${failure}\nTrying again until it does.`)
        lastFailure = failure
      }
    }
    underWay.delete(name)
    if (!resting) deps.log(`${name} is back`)
  }

  return {
    onUnexpectedExit(name, exit) {
      if (resting) return
      const attempt = underWay.get(name)
      if (attempt) {
        attempt.endedAgain = true
        return
      }
      deps.log(`${name} ended (${exit.signal ?? `code ${exit.code}`}); starting it again`)
      void bringBack(name)
    },
    rest() {
      resting = true
    },
  }
}
