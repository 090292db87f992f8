/**
 * Loaded into a measured instance (`--import`): writes down twenty times a second how long its event loop was kept from
 * its timers at most. Asked over the network, an instance would seem to stand still while the load does.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

const VARIABLE = 'BENCH_PAUSES'
const EVERY_MS = 50
const RESOLUTION_MS = 1

/** What an instance is started with to write its pauses to this file. */
export const pausesTo = (file: string) => ({
  nodeOptions: ['--import', fileURLToPath(import.meta.url)],
  environment: { [VARIABLE]: file },
})

/** The longest that began in this time, in milliseconds. */
export function longestPause(file: string, fromMs: number, toMs: number): number {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const pauses = lines
    .map((line) => line.split(' ').map(Number))
    .filter(([at = 0]) => at >= fromMs && at < toMs + EVERY_MS)
  return Math.max(...pauses.map(([, ms = Number.NaN]) => ms))
}

/** The same of this process, until it is stopped. */
export function writePauses(file: string): { stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  const timer = setInterval(() => {
    appendFileSync(file, `${Date.now()} ${delays.max / 1e6 - RESOLUTION_MS}\n`)
    delays.reset()
  }, EVERY_MS).unref()
  return { stop: () => clearInterval(timer) }
}

const file = process.env[VARIABLE]
if (file !== undefined) writePauses(file)
