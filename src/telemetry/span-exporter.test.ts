import type { ExportResult } from '@opentelemetry/core'
import { expect, it } from 'vitest'
import { createSpanExporter } from './span-exporter.ts'

/** A thread of a few lines: it dies of the first spans of each life that say so, and answers all others. */
const THREAD = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', ({ id, spans }) => {
      const said = Buffer.from(spans).toString()
      if (said === 'die') throw new Error('out of memory')
      parentPort.postMessage({ id, failure: said === 'refuse' ? 'refused' : undefined })
    })`)}`,
)

function exporter() {
  let next = ''
  const spans = createSpanExporter(() => (next === '' ? undefined : Buffer.from(next)), THREAD)
  const send = (said: string) =>
    new Promise<ExportResult>((done) => {
      next = said
      spans.export([], done)
    })
  return { send, shutdown: () => spans.shutdown() }
}

it('says what became of each batch', async () => {
  const { send, shutdown } = exporter()
  const [first, second, third] = await Promise.all([send('one'), send('refuse'), send('three')])
  expect([first.code, second.code, third.code]).toEqual([0, 1, 0])
  expect(second.error?.message).toBe('refused')
  expect((await send('')).error?.message).toBe('the spans cannot be serialised')
  await shutdown()
})

it('what waits for a thread that dies has failed, and the next spans start another', async () => {
  const { send, shutdown } = exporter()
  const failed = await Promise.all([send('die'), send('after it')])
  expect(failed.map(({ code }) => code)).toEqual([1, 1])
  expect(failed[0]?.error?.message).toBe('out of memory')
  expect((await send('again')).code).toBe(0)
  await shutdown()
})

it('what is on its way when it is shut down has failed', async () => {
  const { send, shutdown } = exporter()
  const last = send('one')
  await shutdown()
  expect((await last).code).toBe(1)
})
