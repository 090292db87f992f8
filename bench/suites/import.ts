/**
 * A million memberships in one import, beside readers of the same instance at a fixed pace: how long, how much memory, and
 * what the readers notice. Each reader's latency counts from the time at which it should have asked.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Bench } from '../harness/bench.ts'
import { readerOf, withCopies } from '../harness/data-set.ts'
import { createLatencies } from '../harness/latencies.ts'
import { residentBytes } from '../harness/processor.ts'
import { newPrefix, startService } from '../harness/servers.ts'
import type { LatencyMs } from '../harness/statistics.ts'
import { createClient } from '../harness/timed.ts'

export interface ImportResult {
  readonly memberships: number
  readonly bodyBytes: number
  readonly seconds: number
  readonly residentBytes: { readonly before: number; readonly most: number }
  readonly readers: { readonly before: LatencyMs; readonly meanwhile: LatencyMs; readonly failed: number }
  /** The longest that the event loop of the instance did nothing else; absent in results of before it was asked. */
  readonly longestPauseMs?: { readonly before: number; readonly meanwhile: number }
}

const RESOURCES = 1000
const GROUPS = 100
const READERS = 16
const EVERY_MS = 40

export async function measureImport(bench: Bench): Promise<ImportResult> {
  const memberships = bench.extent === 'quick' ? 50_000 : 1_000_000
  const dataSet = await bench.dataSet(RESOURCES)
  return withCopies(bench.stack.local.databaseUrl, dataSet, ['import'], ([copy = '']) =>
    measure(bench, copy, memberships),
  )
}

async function measure(bench: Bench, databaseUrl: string, memberships: number): Promise<ImportResult> {
  const server = await startService(bench.stack, { databaseUrl, prefix: newPrefix() })
  const headers = await bench.stack.headersOf(Array.from({ length: READERS }, (_, n) => readerOf(50, n)))
  const [admin = {}] = await bench.stack.headersOf(['root'])
  const sender = createClient(server.url)
  const body = organisation(memberships)
  const memory = watchMemory(server.pid)
  try {
    await readBeside(server.url, headers, delay(2000))
    bench.log('the readers alone')
    await pauseSinceLastAsked(server.url)
    const before = await readBeside(server.url, headers, delay(bench.seconds * 1000))
    const pauseBefore = await pauseSinceLastAsked(server.url)
    const residentBefore = memory.now()
    bench.log(`an import of ${memberships} memberships beside them`)
    const startedMs = performance.now()
    const imported = sender.ask('POST', '/import', admin, body).then((answer) => {
      if (answer.status !== 200) throw new Error(`the import was answered ${answer.status}: ${answer.body}`)
      return (performance.now() - startedMs) / 1000
    })
    const [seconds, meanwhile] = await Promise.all([imported, readBeside(server.url, headers, imported)])
    return {
      memberships,
      bodyBytes: body.length,
      seconds,
      residentBytes: { before: residentBefore, most: memory.most() },
      readers: { before: before.latency, meanwhile: meanwhile.latency, failed: before.failed + meanwhile.failed },
      longestPauseMs: { before: pauseBefore, meanwhile: await pauseSinceLastAsked(server.url) },
    }
  } finally {
    memory.stop()
    sender.close()
    await server.stop()
  }
}

/** As bytes: a million objects would keep the garbage collector of the readers' process busy. */
function organisation(memberships: number): Buffer {
  const users = memberships / GROUPS
  const user = (n: number) => `imported-user-${n}`
  const group = (n: number) => `imported/group-${n}`
  const all = {
    users: Array.from({ length: users }, (_, n) => ({ id: user(n) })),
    groups: Array.from({ length: GROUPS }, (_, n) => ({ name: group(n) })),
    memberships: Array.from({ length: memberships }, (_, n) => ({
      group: group(Math.floor(n / users)),
      user: user(n % users),
      role: 'member',
    })),
  }
  return Buffer.from(JSON.stringify(all))
}

/** As the instance's own metrics have it, in milliseconds. */
async function pauseSinceLastAsked(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(/^nodejs_eventloop_lag_max_seconds ([\d.e-]+)$/m.exec(metrics)?.[1]) * 1000
}

async function readBeside(url: string, headers: readonly Readonly<Record<string, string>>[], until: Promise<unknown>) {
  const latencies = createLatencies()
  let failed = 0
  let running = true
  const end = () => {
    running = false
  }
  until.then(end, end)
  await Promise.all(
    headers.map(async (each, number) => {
      const client = createClient(url)
      const firstMs = performance.now() + (EVERY_MS * number) / headers.length
      for (let turn = 0; running; turn++) {
        const dueMs = firstMs + turn * EVERY_MS
        if (dueMs > performance.now()) await delay(dueMs - performance.now())
        const { status } = await client.ask('GET', '/resources', each)
        latencies.add(performance.now() - dueMs)
        if (status !== 200) failed++
      }
      client.close()
    }),
  )
  return { latency: latencies.summary(), failed }
}

function watchMemory(pid: number) {
  let most = 0
  const now = () => residentBytes(pid) ?? 0
  const timer = setInterval(() => {
    most = Math.max(most, now())
  }, 50)
  return { now, most: () => most, stop: () => clearInterval(timer) }
}
