/** Compares servers, or one server under different circumstances, in slices of closed-loop load that alternate between them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ChangeSlice } from './changes.ts'
import type { Slice, SliceOrder, Target, TargetResult } from './closed-loop.ts'
import { type Place, pinned } from './processor.ts'
import type { Server } from './servers.ts'
import { type LatencyMs, type Spread, spreadOf } from './statistics.ts'
import { onTheWire, type WireRequest } from './wire.ts'

const program = fileURLToPath(new URL('closed-loop.ts', import.meta.url))

export interface Contender {
  readonly server: Server
  /** More instances of the same service: connections go round all of them. */
  readonly otherServers?: readonly Server[]
  readonly name: string
  /** Used in turn. */
  readonly requests: readonly WireRequest[]
  /** `once`: none is asked twice, over all slices. */
  readonly order?: 'in-turn' | 'once'
  readonly expectedStatus?: number
  readonly connections?: number
  readonly changes?: ChangesBeside
}

export interface ChangesBeside {
  /** Each lane's requests are asked in their order, one at a time. */
  readonly lanes: readonly (readonly WireRequest[])[]
  /** Over all lanes; without it each lane asks again when it has its answer. */
  readonly perSecond?: number
}

export interface Standing {
  readonly name: string
  /** From the beginning of its first slice to the end of its last, in milliseconds of the system's clock. */
  readonly span: { readonly fromMs: number; readonly toMs: number }
  readonly requests: number
  readonly failures: number
  /** Requests per second while it was its turn, over the slices. */
  readonly perSecond: Spread
  /** Processor time of the server's main thread per request, in microseconds, over the slices. */
  readonly serverUs: Spread | null
  readonly latencyMs: LatencyMs
  readonly statuses: Readonly<Record<string, number>>
  /** Share of the answers by their `Cache-Status`. */
  readonly answeredAs: Readonly<Record<string, number>>
  readonly changes: ChangeStanding | null
  /** Slice by slice, beside the first contender's slice of the same round: throughput, and requests per processor time. */
  readonly toFirst: { readonly throughput: Spread; readonly processor: Spread | null }
}

export interface ChangeStanding {
  /** Answered with 2xx, per second. */
  readonly perSecond: Spread
  /** Of those that were asked for, how many got through, at the rate at which they were asked for. */
  readonly share: number
  readonly latencyMs: LatencyMs
  readonly statuses: Readonly<Record<string, number>>
}

export interface Comparison {
  readonly connections?: number
  readonly sliceMs?: number
  /** A slice ends after so many requests, if that comes first. */
  readonly sliceRequests?: number
  readonly slices: number
  readonly warmUpRequests: number
  readonly warmUpMaxMs?: number
  /** Asked before each slice and not measured: where a slice leaves something behind that the next one would pay for. */
  readonly settleRequests?: number
  /** Where the load is made. */
  readonly place?: Place
}

export async function compare(contenders: readonly Contender[], options: Comparison): Promise<Standing[]> {
  const { connections = 32, sliceMs = 400, sliceRequests = Number.MAX_SAFE_INTEGER, slices, warmUpRequests } = options
  const { warmUpMaxMs = 20_000, settleRequests = 0, place = 'load' } = options
  const [command, args] = pinned(place, process.execPath, [program])
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const targets = contenders.map((contender) => targetOf(contender, connections))
    const order: SliceOrder = { targets, sliceMs, sliceRequests, slices, warmUpRequests, warmUpMaxMs, settleRequests }
    child.send(order)
    const ended = once(child, 'exit').then(() => {
      throw new Error('the load generator ended; its reason is above')
    })
    const [results] = (await Promise.race([once(child, 'message'), ended])) as [TargetResult[]]
    return results.map((result) => standingOf(result, results[0] ?? result, sliceMs))
  } finally {
    if (child.connected) child.disconnect()
  }
}

function targetOf(contender: Contender, connections: number): Target {
  const { server, otherServers = [], name, order = 'in-turn', expectedStatus = 200, changes } = contender
  const servers = [server, ...otherServers]
  const ports = servers.map(({ url }) => new URL(url).port)
  const text = (request: WireRequest) => onTheWire(request, ports[0] ?? '')
  return {
    name,
    ports: ports.map(Number),
    pids: servers.map(({ pid }) => pid),
    requests: contender.requests.map(text),
    order,
    expectedStatus,
    connections: contender.connections ?? connections,
    changes: changes
      ? { lanes: changes.lanes.map((lane) => lane.map(text)), perSecond: changes.perSecond ?? null }
      : null,
  }
}

function standingOf(result: TargetResult, first: TargetResult, sliceMs: number): Standing {
  const { name, slices, latencyMs, statuses, answeredAs } = result
  const costs = slices.flatMap((slice) => usOf(slice) ?? [])
  const relative = slices.flatMap((slice, round) => {
    const [ours, theirs] = [usOf(slice), first.slices[round] && usOf(first.slices[round])]
    return ours && theirs ? [theirs / ours] : []
  })
  const last = slices.at(-1)
  return {
    name,
    span: { fromMs: slices[0]?.atMs ?? Number.NaN, toMs: last ? last.atMs + last.ms : Number.NaN },
    requests: slices.reduce((sum, { requests }) => sum + requests, 0),
    failures: slices.reduce((sum, { failures }) => sum + failures, 0),
    perSecond: spreadOf(slices.map(rateOf)),
    serverUs: costs.length > 0 ? spreadOf(costs) : null,
    latencyMs,
    statuses,
    answeredAs: shares(answeredAs),
    changes: changesOf(result, sliceMs),
    toFirst: {
      throughput: spreadOf(slices.map((slice, round) => rateOf(slice) / rateOf(first.slices[round] ?? slice))),
      processor: relative.length > 0 ? spreadOf(relative) : null,
    },
  }
}

function changesOf({ slices, changeLatencyMs, changeStatuses }: TargetResult, sliceMs: number): ChangeStanding | null {
  const each = slices.flatMap(({ changes }) => changes ?? [])
  if (changeLatencyMs === null || each.length === 0) return null
  const sum = (of: (slice: ChangeSlice) => number) => each.reduce((total, slice) => total + of(slice), 0)
  return {
    perSecond: spreadOf(each.map(({ done, ms }) => (done / ms) * 1000)),
    share: (sum(({ done }) => done) / sum(({ asked }) => asked)) * ((each.length * sliceMs) / sum(({ ms }) => ms)),
    latencyMs: changeLatencyMs,
    statuses: changeStatuses,
  }
}

function shares(counts: Readonly<Record<string, number>>): Record<string, number> {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const sorted = Object.entries(counts).sort(([, one], [, other]) => other - one)
  return Object.fromEntries(sorted.map(([name, count]) => [name, count / total]))
}

/** The standing of this name. @throws Error where there is none */
export function standingNamed(standings: readonly Standing[], name: string): Standing {
  const found = standings.find((standing) => standing.name === name)
  if (!found) throw new Error(`nothing was measured under the name ${name}`)
  return found
}

const rateOf = ({ requests, ms }: Slice) => (requests / ms) * 1000
const usOf = ({ serverUs, requests }: Slice) => (serverUs === null || requests === 0 ? null : serverUs / requests)
