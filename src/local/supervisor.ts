/** Starts a server of the running stack again after it ended, and says so; gives up on one that keeps ending. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Exit } from './guarded-processes.ts'
import type { ServerName } from './stack.ts'

const PAUSE_MS = 1_000
const WINDOW_MS = 60_000
const MOST_ENDS_IN_WINDOW = 5

export interface Supervisor {
  onUnexpectedExit(name: ServerName, exit: Exit): void
  /** From now on nothing is started again. */
  rest(): void
}

export function createSupervisor(deps: {
  readonly restart: (name: ServerName) => Promise<void>
  readonly log: (message: string) => void
  readonly giveUp: (message: string) => void
  readonly monotonicMs?: () => number
  readonly pause?: () => Promise<unknown>
}): Supervisor {
  const { monotonicMs = () => performance.now(), pause = () => sleep(PAUSE_MS) } = deps
  const ends = new Map<ServerName, number[]>()
  let resting = false

  async function bringBack(name: ServerName, exit: Exit): Promise<void> {
    const recent = [...(ends.get(name) ?? []).filter((atMs) => monotonicMs() - atMs < WINDOW_MS), monotonicMs()]
    ends.set(name, recent)
    const how = exit.signal ?? `code ${exit.code}`
    if (recent.length > MOST_ENDS_IN_WINDOW)
      return deps.giveUp(
        `${name} ended (${how}) ${recent.length} times within a minute; its log is in .portcullis/logs/${name}.log`,
      )
    deps.log(`${name} ended (${how}); starting it again`)
    await pause()
    if (resting) return
    await deps.restart(name)
    if (!resting) deps.log(`${name} is back`)
  }

  return {
    onUnexpectedExit(name, exit) {
      if (resting) return
      bringBack(name, exit).catch((error: Error) => {
        if (!resting) deps.giveUp(`${name} does not start again: ${error.message}`)
      })
    },
    rest() {
      resting = true
    },
  }
}
