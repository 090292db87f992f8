/** Waits for a fact about the outside world, which announces nothing. */
import { expect } from 'vitest'
import { waitUntil } from '../../src/local/wait-until.ts'

/** Fails with the difference when `read` does not return `expected` within `timeoutMs`. */
export async function becomes<T>(read: () => T | Promise<T>, expected: T, timeoutMs = 5000): Promise<void> {
  await expect.poll(read, { timeout: timeoutMs, interval: 5 }).toEqual(expected)
}

/** The same in hooks, where `expect` cannot wait. @throws Error when the condition does not come true within `timeoutMs` */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
  await waitUntil(String(condition), async () => condition(), { timeoutMs, everyMs: 20 })
}
