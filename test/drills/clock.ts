/** Milliseconds of the one monotonic clock that every record of a drill carries. */
export const nowMs = (): number => performance.now()
