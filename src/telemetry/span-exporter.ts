/** The process's side of the thread that sends spans (span-sender.ts). The first spans start the thread. */
import { Worker } from 'node:worker_threads'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Sent, ToSend } from './span-messages.ts'

const SENDER = new URL('./span-sender.ts', import.meta.url)

export type SpanSerializer = (spans: Parameters<SpanExporter['export']>[0]) => Uint8Array | undefined

/** @param thread the program of the thread; it is told {@link ToSend} and answers {@link Sent} */
export function createSpanExporter(serialize: SpanSerializer, thread: URL = SENDER): SpanExporter {
  const waiting = new Map<number, (failure: Error | undefined) => void>()
  let running: Worker | undefined
  let lastId = 0

  function started(): Worker {
    // What Node was told to load before the program is not the thread's.
    const worker = new Worker(thread, { execArgv: [] })
    worker.on('message', ({ id, failure }: Sent) => settle(id, failure === undefined ? undefined : new Error(failure)))
    const ended = (reason: Error) => {
      // A failing thread is reported twice; spans that wait then may wait for the next thread.
      if (running !== worker) return
      running = undefined
      for (const id of waiting.keys()) settle(id, reason)
    }
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('the thread that sends spans has ended')))
    return worker
  }

  function settle(id: number, failure: Error | undefined): void {
    const done = waiting.get(id)
    waiting.delete(id)
    // Only spans in flight keep the process alive.
    if (waiting.size === 0) running?.unref()
    done?.(failure)
  }

  return {
    export(batch, done) {
      const spans = serialize(batch)
      if (spans === undefined) {
        done({ code: FAILED, error: new Error('the spans cannot be serialised') })
        return
      }
      const id = ++lastId
      waiting.set(id, (error) => done(error ? { code: FAILED, error } : { code: SUCCEEDED }))
      running ??= started()
      running.ref()
      running.postMessage({ id, spans } satisfies ToSend)
    },
    async shutdown() {
      await running?.terminate()
    },
  }
}

/** `ExportResultCode` of `@opentelemetry/core`, which only a process with traces loads. */
const SUCCEEDED = 0
const FAILED = 1
