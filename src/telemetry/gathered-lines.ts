/**
 * Gathers log lines and writes many at once. One write per line took a tenth of a hit. The stream behind it can gather
 * lines too, but measures everything it holds at every line, which costs as much.
 */
import type { DestinationStream } from 'pino'

/** Where the lines are written; after `flushSync` nothing is left in it. */
export interface LineSink {
  write(text: string): unknown
  flushSync(): void
}

export interface GatheredLines extends DestinationStream {
  /** Writes everything gathered and waits for it: called after a fatal line, and when the process ends. */
  flushSync(): void
}

export interface GatheringOptions {
  /** Lines are written once there are this many characters. */
  readonly atLeastChars: number
  /** The longest a line waits, in milliseconds. */
  readonly withinMs: number
}

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
