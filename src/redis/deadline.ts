/** Ends the wait for an answer, not the command: it may still run, so everything sent is safe to run late. */

/** No answer within the budget. */
export class DeadlineError extends Error {
  readonly code = 'deadline'
  constructor(ms: number) {
    super(`Redis did not answer within ${Math.round(ms)} ms`)
    this.name = 'DeadlineError'
  }
}

/**
 * Settles as the promise does, or rejects after `ms` milliseconds.
 * @throws DeadlineError
 */
export function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new DeadlineError(ms))
    // Timers run before sockets are read. When this process itself stood still (a long collection, a busy processor),
    // the answer lies in the socket already: one more turn reads it, and the server is not blamed for our pause.
    const timer = setTimeout(() => setImmediate(expire), ms)
    promise.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
