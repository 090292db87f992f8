import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks again every `everyMs` until the answer is neither undefined, null nor false; an error counts as "not yet".
 * @throws Error naming `what` and the last error after `timeoutMs`
 */
export async function waitUntil<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false>,
  options: { readonly timeoutMs: number; readonly everyMs?: number },
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs
  let lastError: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== null && answer !== false) return answer
    } catch (error) {
      if (error instanceof Abandoned) throw error.cause
      lastError = error
    }
    if (performance.now() > deadline)
      throw new Error(`${what}: not within ${options.timeoutMs} ms`, lastError ? { cause: lastError } : {})
    await sleep(options.everyMs ?? 50)
  }
}

/** Thrown by a condition that can no longer become true: it ends the wait with its cause. */
export class Abandoned extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause })
  }
}
