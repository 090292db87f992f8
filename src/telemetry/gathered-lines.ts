/**
 * Gathers log lines and hands many over at once. One write per line cost a tenth of the hot path; letting the stream
 * behind it gather costs as much again, because it measures all that it has gathered at every line.
 */
import type { DestinationStream } from 'pino'

/** Where lines go in the end; `flushSync` leaves nothing behind. */
export interface LineSink {
  write(text: string): unknown
  flushSync(): void
}

export interface GatheredLines extends DestinationStream {
  /** Hands over what was gathered and waits until it is out: called for a fatal line, and as the process ends. */
  flushSync(): void
}

export interface GatheringOptions {
  /** Handed over as soon as there are so many characters. */
  readonly atLeastChars: number
  /** The longest a line waits, in milliseconds. */
  readonly withinMs: number
}

export function createGatheredLines(sink: LineSink, { atLeastChars, withinMs }: GatheringOptions): GatheredLines {
  let lines = ''
  let timer: NodeJS.Timeout | undefined

  function handOver(): void {
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
      if (lines.length >= atLeastChars) handOver()
      // A process with nothing else to do ends; `flushSync` sees to the last lines.
      else timer ??= setTimeout(handOver, withinMs).unref()
    },
    flushSync() {
      handOver()
      sink.flushSync()
    },
  }
}
