/** The process's logger: JSON lines, with everything that could be a credential taken out. */
import { type DestinationStream, destination as destinationOf, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** Wherever a header object or a token may be logged, one level deep or two. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'set-cookie',
  'token',
  'password',
  'secret',
  'idempotency-key',
].flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])

/**
 * One write per line cost a tenth of the hot path, and waits for whoever reads the pipe. Lines leave together instead:
 * after a tenth of a second, when there are enough of them, with the first fatal one, and when the process ends. Behind
 * a reader that has stopped, lines are dropped at last rather than memory filled.
 */
const BUFFERED = { sync: false, minLength: 15 * 1024, periodicFlush: 100, maxLength: 16 * 1024 * 1024 } as const

export interface LoggerOptions {
  readonly level: string
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream
}

export function createLogger({ level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: isoTime,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, destination ?? destinationOf(BUFFERED))
}

let lastMs = 0
let lastText = ''

/** Under load many lines share a millisecond; making its text once is enough. */
function isoTime(): string {
  const nowMs = Date.now()
  if (nowMs !== lastMs) {
    lastMs = nowMs
    lastText = `,"time":"${new Date(nowMs).toISOString()}"`
  }
  return lastText
}
