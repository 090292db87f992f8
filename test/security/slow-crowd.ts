/** A process of slow clients: half of them never finish their headers, half never their body; who is put off comes again. */
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { drip, openRaw, SLOW_HEADERS, slowBody } from './raw-http.ts'

export interface Crowd {
  readonly port: number
  readonly connections: number
  readonly authorization: string
  /** How long they take to arrive, in milliseconds; 0: all in one burst. */
  readonly arriveWithinMs: number
}

export interface CrowdReport {
  readonly held: number
  /** `headers 408`, `body 408`: how each was put off, and how often. */
  readonly statuses: Readonly<Record<string, number>>
}

const DRIP_MS = 1000
/** Sleeps are no finer than this. */
const STEP_MS = 10

/** Slow clients are on machines of their own: what a thousand of them cost this one is not taken from who is timed. */
const LEAST_PRIORITY = 19
setPriority(LEAST_PRIORITY)

process.once('message', (crowd: Crowd) => void hold(crowd))

async function hold({ port, connections, authorization, arriveWithinMs }: Crowd): Promise<void> {
  const statuses: Record<string, number> = {}
  const open = new Set<ReturnType<typeof openRaw>>()
  let ending = false

  function come(kind: 'headers' | 'body'): void {
    const exchange = openRaw(port, kind === 'headers' ? SLOW_HEADERS : slowBody(authorization))
    open.add(exchange)
    drip(exchange, DRIP_MS)
    void exchange.status.then((status) => {
      if (!ending) statuses[`${kind} ${status}`] = (statuses[`${kind} ${status}`] ?? 0) + 1
    })
    void exchange.closed.then(() => {
      open.delete(exchange)
      if (!ending) come(kind)
    })
  }

  const perStep = arriveWithinMs === 0 ? connections : Math.ceil((connections * STEP_MS) / arriveWithinMs)
  for (let opened = 0; opened < connections; opened++) {
    if (opened > 0 && opened % perStep === 0) await sleep(STEP_MS)
    come(opened % 2 === 0 ? 'headers' : 'body')
  }
  process.once('message', () => {
    const report: CrowdReport = { held: open.size, statuses: { ...statuses } }
    ending = true
    for (const { socket } of open) socket.destroy()
    process.send?.(report, () => process.disconnect())
  })
  process.send?.('here')
}
