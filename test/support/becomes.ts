/** Waits for a fact about the outside world, which announces nothing. */
import { expect } from 'vitest'

/** Fails with the difference when `read` does not return `expected` within `timeoutMs`. */
export async function becomes<T>(read: () => T | Promise<T>, expected: T, timeoutMs = 5000): Promise<void> {
  await expect.poll(read, { timeout: timeoutMs, interval: 5 }).toEqual(expected)
}
