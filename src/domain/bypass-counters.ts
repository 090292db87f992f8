import type { JsonObject } from './model.ts'

/** How often reads were answered by SQL since this instance started, by the reason that `Cache-Status` gives. */
export function createBypassCounters() {
  const counts: Record<string, number> = {}
  return {
    bypassed: (detail: string) => {
      counts[detail] = (counts[detail] ?? 0) + 1
    },
    snapshot: (): JsonObject => ({ ...counts }),
  }
}
