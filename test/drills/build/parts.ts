/** Which parts of the service a build takes out or adds, as `DRILL_BUILD=stamps-ignored,slow-loads`. */

export const PARTS = [
  /** Entries are served whatever was invalidated since they were loaded. */
  'stamps-ignored',
  /** A load is stored although its lease was taken away meanwhile. */
  'leases-ignored',
  /** The position moves on, but the rows of the log are not looked at. */
  'log-ignored',
  /** Transactions count as known up to the newest one: those that were in progress are not looked for again. */
  'late-commits-ignored',
  /** What ends by itself is served until something else takes it away. */
  'ends-ignored',
  /** The wall clock of the process is two seconds ahead. */
  'wall-ahead',
  /** It is two seconds behind. */
  'wall-behind',
  /** A process that stood still trusts what it knew before, until the log was read again. */
  'pauses-unnoticed',
  /** Time passes between a load and its fill. */
  'slow-fills',
  /** What is read from the log is known only later, as by an instance that is far behind. */
  'slow-log',
  /** After SIGWINCH the next deletion in Redis kills the process instead: the crash between commit and delete. */
  'crash-point',
  /** After SIGWINCH the process stops itself (SIGSTOP) between the next load and its fill, until somebody lets it go on. */
  'pause-point',
  /** A release whose groups and lists have another form, and say so by their shape version. */
  'other-release',
  /** The other release does not say so. */
  'shapes-ignored',
] as const
export type Part = (typeof PARTS)[number]

/** One that the service itself gives no meaning: SIGUSR2, like SIGTERM, would make it end gracefully. */
export const POINT_SIGNAL = 'SIGWINCH'

export const BUILD_VARIABLE = 'DRILL_BUILD'

/** How long `slow-log` takes, in milliseconds. */
export const LOG_DELAY_VARIABLE = 'DRILL_LOG_DELAY_MS'

/** Whether this process was built with the part. */
export function has(part: Part): boolean {
  return (process.env[BUILD_VARIABLE] ?? '').split(',').includes(part)
}
