/** The process's logger: JSON lines without anything that could be a credential, written many at a time. */
import { type DestinationStream, destination as destinationOf, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

const SECRETS = ['authorization', 'cookie', 'set-cookie', 'token', 'password', 'secret', 'idempotency-key']
const censor = '[redacted]'
/** In a line itself, and in objects one level or two below it. */
const REDACT = { paths: SECRETS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]), censor }
/** For a logger whose serializers already choose what the objects of a line contain. */
export const REDACT_TOP_LEVEL = { paths: SECRETS.map((name) => `["${name}"]`), censor }

/** If the reader has stopped, lines are dropped beyond this much memory. */
const OUTPUT = { sync: false, maxLength: 16 * 1024 * 1024 } as const
const GATHERED = { atLeastChars: 32 * 1024, withinMs: 100 } as const

export interface LoggerOptions {
  readonly level: string
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream
  /** Of the request in progress; each line carries it. */
  readonly traceId?: (() => string | undefined) | undefined
}

export function createLogger({ level, destination, traceId }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: isoTime,
    redact: REDACT,
    ...(traceId && mixedIn(traceId)),
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, destination ?? standardOutput())
}

const UNTRACED = Object.freeze({})

/** Most lines belong to no trace, and stay the objects that they are. */
function mixedIn(traceId: () => string | undefined) {
  return {
    mixin() {
      const trace = traceId()
      return trace === undefined ? UNTRACED : { traceId: trace }
    },
    mixinMergeStrategy: (line: object, mixed: object) => (mixed === UNTRACED ? line : Object.assign(mixed, line)),
  }
}

/** Lines that still wait when the process ends are written before its output is closed. */
function standardOutput(): DestinationStream {
  const lines = createGatheredLines(destinationOf(OUTPUT), GATHERED)
  process.once('beforeExit', lines.flushSync)
  process.once('exit', lines.flushSync)
  return lines
}

/** Where the lines are written; after `flushSync` its buffer is empty. */
interface LineSink {
  write(text: string): unknown
  flushSync(): void
}

interface GatheredLines extends DestinationStream {
  /** Writes everything gathered and waits for it: called after a fatal line, and when the process ends. */
  flushSync(): void
}

interface GatheringOptions {
  /** Lines are written once there are this many characters. */
  readonly atLeastChars: number
  /** The longest a line waits, in milliseconds. */
  readonly withinMs: number
}

/**
 * Gathers log lines and writes many at once. One write per line took a tenth of a hit. The stream behind it can gather
 * lines too, but measures everything it holds at every line, which costs as much.
 */
export function createGatheredLines(sink: LineSink, { atLeastChars, withinMs }: GatheringOptions): GatheredLines {
  let lines = ''
  let timer: NodeJS.Timeout | undefined

  function writeAll(): void {
    clearTimeout(timer)
    timer = undefined
    if (lines === '') return
    const gathered = lines
    lines = ''
    sink.write(gathered)
  }

  return {
    write(line) {
      lines += line
      if (lines.length >= atLeastChars) writeAll()
      // The timer must not keep the process alive; `flushSync` writes the last lines.
      else timer ??= setTimeout(writeAll, withinMs).unref()
    },
    flushSync() {
      writeAll()
      sink.flushSync()
    },
  }
}

let lastMs = 0
let lastText = ''

/** Under load many lines share a millisecond: its text is made once. */
function isoTime(): string {
  const nowMs = Date.now()
  if (nowMs !== lastMs) {
    lastMs = nowMs
    lastText = `,"time":"${new Date(nowMs).toISOString()}"`
  }
  return lastText
}
