/** Whether a change would change anything: the version, and with it everybody's tags, must not move for nothing. */
import { isDeepStrictEqual } from 'node:util'

export function isUnchanged<T extends object>(found: T, changes: Partial<T>): boolean {
  return Object.entries(changes).every(([name, value]) => isDeepStrictEqual(found[name as keyof T], value))
}
