/** Which parts of the service a build takes out or adds, as `DRILL_BUILD=stamps-ignored,slow-loads`. */

export const PARTS = [
  /** Entries are served whatever was invalidated since they were loaded. */
  'stamps-ignored',
  /** A load is stored although its lease was taken away meanwhile. */
  'leases-ignored',
  /** The position moves on, but the rows of the log are not looked at. */
  'log-ignored',
  /** Time passes between a load and its fill. */
  'slow-fills',
  /** What is read from the log is known only later, as by an instance that is far behind. */
  'slow-log',
  /** After SIGUSR2 the next deletion in Redis kills the process instead: the crash between commit and delete. */
  'crash-point',
] as const
export type Part = (typeof PARTS)[number]

export const BUILD_VARIABLE = 'DRILL_BUILD'

/** Whether this process was built with the part. */
export function has(part: Part): boolean {
  return (process.env[BUILD_VARIABLE] ?? '').split(',').includes(part)
}
