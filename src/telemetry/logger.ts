/** The process's logger: JSON lines, with everything that could be a credential taken out. */
import { type DestinationStream, destination as destinationOf, type Logger, pino } from 'pino'
import { createGatheredLines } from './gathered-lines.ts'

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

/** Behind a reader that has stopped, lines are dropped at last rather than memory filled. */
const OUTPUT = { sync: false, maxLength: 16 * 1024 * 1024 } as const
const GATHERED = { atLeastChars: 32 * 1024, withinMs: 100 } as const

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
  return pino(options, destination ?? standardOutput())
}

/**
 * Writes lines whose fields are JSON already. For the line that each request costs: an object on its way through pino
 * took a twentieth of the hot path. Level, time and output are the logger's own; nothing is looked for to be taken out.
 */
export function readyLines(logger: Logger): (level: 'debug' | 'info' | 'warn' | 'error', fields: string) => void {
  const output = (logger as unknown as Record<symbol, DestinationStream>)[pino.symbols.streamSym]
  return (level, fields) => {
    if (logger.isLevelEnabled(level)) output?.write(`{"level":"${level}"${isoTime()},${fields}}\n`)
  }
}

/** Lines that still wait when the process ends go out before its output is closed. */
function standardOutput(): DestinationStream {
  const lines = createGatheredLines(destinationOf(OUTPUT), GATHERED)
  process.once('beforeExit', lines.flushSync)
  process.once('exit', lines.flushSync)
  return lines
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
