/** Compares servers under closed-loop load, in slices that alternate between them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Slice, SliceOrder, Target } from './closed-loop.ts'
import { pinned } from './processor.ts'
import type { Server } from './servers.ts'
import { median, percentile, type Spread, spreadOf } from './statistics.ts'

const program = fileURLToPath(new URL('closed-loop.ts', import.meta.url))

export interface Contender {
  readonly server: Server
  readonly name: string
  /** Method, path and headers of each request, used in turn. */
  readonly requests: readonly { readonly path: string; readonly headers: Readonly<Record<string, string>> }[]
  readonly expectedStatus?: number
}

export interface Standing {
  readonly name: string
  readonly requests: number
  readonly failures: number
  /** Requests per second while it was its turn, over the slices. */
  readonly perSecond: Spread
  /** Processor time of the server's main thread per request, in microseconds, over the slices. */
  readonly serverUs: Spread | null
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  /** Slice by slice, beside the first contender's slice of the same round: throughput, and requests per processor time. */
  readonly toFirst: { readonly throughput: Spread; readonly processor: Spread | null }
}

export interface Comparison {
  readonly connections?: number
  readonly sliceMs?: number
  readonly slices: number
  readonly warmUpRequests: number
  readonly warmUpMaxMs?: number
}

export async function compare(contenders: readonly Contender[], options: Comparison): Promise<Standing[]> {
  const { connections = 32, sliceMs = 400, slices, warmUpRequests, warmUpMaxMs = 20_000 } = options
  const [command, args] = pinned('load', process.execPath, [program])
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const targets = contenders.map(targetOf)
    const order: SliceOrder = { targets, connections, sliceMs, slices, warmUpRequests, warmUpMaxMs }
    child.send(order)
    const ended = once(child, 'exit').then(() => {
      throw new Error('the load generator ended; its reason is above')
    })
    const [all] = (await Promise.race([once(child, 'message'), ended])) as [Slice[]]
    return contenders.map(({ name }) => standingOf(name, all, contenders[0]?.name ?? name))
  } finally {
    if (child.connected) child.disconnect()
  }
}

function targetOf({ server, name, requests, expectedStatus = 200 }: Contender): Target {
  const { hostname, port } = new URL(server.url)
  const texts = requests.map(({ path, headers }) => {
    const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`)
    return `GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${lines.join('')}\r\n`
  })
  return { name, port: Number(port), pid: server.pid, requests: texts, expectedStatus }
}

function standingOf(name: string, all: readonly Slice[], firstName: string): Standing {
  const own = all.filter((slice) => slice.name === name)
  const first = all.filter((slice) => slice.name === firstName)
  const latencies = own.flatMap(({ latenciesMs }) => latenciesMs)
  const costs = own.flatMap((slice) => usOf(slice) ?? [])
  const relative = own.flatMap((slice, round) => {
    const [ours, theirs] = [usOf(slice), first[round] && usOf(first[round])]
    return ours && theirs ? [theirs / ours] : []
  })
  return {
    name,
    requests: own.reduce((sum, { requests }) => sum + requests, 0),
    failures: own.reduce((sum, { failures }) => sum + failures, 0),
    perSecond: spreadOf(own.map(rateOf)),
    serverUs: costs.length > 0 ? spreadOf(costs) : null,
    latencyMs: { p50: median(latencies), p99: percentile(latencies, 0.99) },
    toFirst: {
      throughput: spreadOf(own.map((slice, round) => rateOf(slice) / rateOf(first[round] ?? slice))),
      processor: relative.length > 0 ? spreadOf(relative) : null,
    },
  }
}

const rateOf = ({ requests, ms }: Slice) => (requests / ms) * 1000
const usOf = ({ serverUs, requests }: Slice) => (serverUs === null || requests === 0 ? null : serverUs / requests)
