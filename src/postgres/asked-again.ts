import { isConnectionLost } from './failures.ts'

/** Both attempts fit into a request's time. In milliseconds. */
const AGAIN_WITHIN_MS = 1500

/**
 * Asks once more where a connection was closed by the server, or was not made in time on a busy machine. Only for what
 * can be repeated: a read, or the connection itself.
 *
 * @param askedMs when it was first asked for, by the monotonic clock
 * @throws what the second attempt throws, or the first if it took too long or failed for another reason
 */
export async function askedAgain<T>(ask: () => Promise<T>, askedMs: number = performance.now()): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!isConnectionLost(error) || performance.now() - askedMs > AGAIN_WITHIN_MS) throw error
    return ask()
  }
}
