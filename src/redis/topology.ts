/** What the Sentinels say about the cluster, for administrators: never throws, never takes long, never asks twice a second. */
import { Redis } from 'ioredis'
import { withDeadline } from './deadline.ts'
import { type RedisSettings, sentinelQuestionOptions } from './options.ts'
import type { Endpoint } from './sentinel-connector.ts'

export type ServerView = {
  readonly address: string
  /** As Sentinel names them: `master`, `slave`, `s_down`, `o_down`, `disconnected`, `failover_in_progress`. */
  readonly flags: readonly string[]
  readonly subjectivelyDown: boolean
  readonly objectivelyDown: boolean
}

export type ReplicaView = ServerView & {
  readonly linkUp: boolean
  /** Bytes of the replication stream that it has not received, as far as the asked Sentinel knows; null when unknown. */
  readonly lagBytes: number | null
  /** Milliseconds since the Sentinel last heard of its role; null when unknown. */
  readonly lastHeardMs: number | null
}

export type SentinelView = {
  readonly address: string
  readonly reachable: boolean
  /** The master it names; null when it names none. */
  readonly master: string | null
  readonly configEpoch: number | null
  readonly why?: string
}

export type Topology = {
  readonly masterName: string
  readonly master: ServerView | null
  readonly replicas: readonly ReplicaView[]
  readonly sentinels: readonly SentinelView[]
  /** How many Sentinels must call the master down, how many are known and how many answered. */
  readonly quorum: {
    readonly needed: number | null
    readonly known: number
    readonly reachable: number
    readonly held: boolean
  }
  readonly configEpoch: number | null
  /** Whether all Sentinels that answer name the same master. */
  readonly agreed: boolean
  readonly askedAt: string
}

export interface TopologyReader {
  /** The last answer while it is fresh, else a new one; null where a single Redis is configured. */
  read(): Promise<Topology | null>
}

export interface TopologyOptions {
  readonly settings: RedisSettings
  /** The longest the Sentinels together may take, in milliseconds. */
  readonly timeoutMs?: number
  readonly freshMs?: number
}

type Fields = Readonly<Record<string, string>>
interface Answer {
  readonly endpoint: Endpoint
  readonly master?: Fields
  readonly replicas?: readonly Fields[]
  readonly why?: string
}

export function createTopologyReader({ settings, timeoutMs = 500, freshMs = 1000 }: TopologyOptions): TopologyReader {
  const { sentinels, masterName = 'mymaster' } = settings
  let current: { readonly askedAtMs: number; readonly topology: Promise<Topology> } | undefined

  async function ask(endpoint: Endpoint): Promise<Answer> {
    const redis = new Redis(sentinelQuestionOptions(settings, endpoint, timeoutMs))
    let heard: Error | undefined
    redis.on('error', (error: Error) => {
      heard = error
    })
    try {
      const answers = async () => {
        await redis.connect()
        return Promise.all([
          redis.call('SENTINEL', 'MASTER', masterName),
          redis.call('SENTINEL', 'REPLICAS', masterName),
        ])
      }
      const [master, replicas] = await withDeadline(answers(), timeoutMs)
      return { endpoint, master: fieldsOf(master), replicas: Array.isArray(replicas) ? replicas.map(fieldsOf) : [] }
    } catch (error) {
      return { endpoint, why: (heard ?? (error as Error)).message }
    } finally {
      redis.disconnect()
    }
  }

  return {
    async read() {
      if (!sentinels) return null
      const nowMs = performance.now()
      if (!current || nowMs - current.askedAtMs >= freshMs) {
        const topology = Promise.all(sentinels.map(ask)).then((answers) => summarise(masterName, answers))
        current = { askedAtMs: nowMs, topology }
      }
      return current.topology
    },
  }
}

/** From the Sentinel with the newest configuration; the others are listed with what they say differently. */
function summarise(masterName: string, answers: readonly Answer[]): Topology {
  const views = answers.map(viewOf)
  const best = answers.reduce<Answer | undefined>(
    (newest, each) => (each.master && epochOf(each.master) > epochOf(newest?.master) ? each : newest),
    undefined,
  )
  const reachable = views.filter((view) => view.reachable)
  const needed = number(best?.master?.quorum)
  const known = best?.master ? (number(best.master['num-other-sentinels']) ?? 0) + 1 : answers.length
  const offsets = (best?.replicas ?? []).map((replica) => number(replica['slave-repl-offset']) ?? 0)
  return {
    masterName,
    master: best?.master ? serverOf(best.master) : null,
    replicas: (best?.replicas ?? []).map((replica) => replicaOf(replica, Math.max(...offsets))),
    sentinels: views,
    quorum: { needed, known, reachable: reachable.length, held: holds(reachable.length, known, needed) },
    configEpoch: best?.master ? epochOf(best.master) : null,
    agreed: reachable.length > 0 && new Set(reachable.map((view) => view.master)).size === 1,
    askedAt: new Date().toISOString(),
  }
}

/** To start a failover the quorum must call the master down, and a majority of all Sentinels must elect a leader. */
function holds(reachable: number, known: number, needed: number | null): boolean {
  return reachable >= (needed ?? Number.POSITIVE_INFINITY) && reachable > known / 2
}

function viewOf({ endpoint, master, why }: Answer): SentinelView {
  return {
    address: `${endpoint.host}:${endpoint.port}`,
    reachable: why === undefined,
    master: master?.ip ? `${master.ip}:${master.port}` : null,
    configEpoch: master ? epochOf(master) : null,
    ...(why !== undefined && { why }),
  }
}

function serverOf(fields: Fields): ServerView {
  const flags = (fields.flags ?? '').split(',').filter((flag) => flag !== '')
  return {
    address: `${fields.ip}:${fields.port}`,
    flags,
    subjectivelyDown: flags.includes('s_down'),
    objectivelyDown: flags.includes('o_down'),
  }
}

function replicaOf(fields: Fields, newestOffset: number): ReplicaView {
  const offset = number(fields['slave-repl-offset'])
  return {
    ...serverOf(fields),
    linkUp: fields['master-link-status'] === 'ok',
    lagBytes: offset === null ? null : newestOffset - offset,
    lastHeardMs: number(fields['role-reported-time']) === null ? null : number(fields['info-refresh']),
  }
}

function epochOf(fields: Fields | undefined): number {
  return number(fields?.['config-epoch']) ?? -1
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null
}

/** A flat list of names and values. */
function fieldsOf(answer: unknown): Fields {
  if (!Array.isArray(answer)) return { ...(answer as Fields) }
  const fields: Record<string, string> = {}
  for (let index = 0; index + 1 < answer.length; index += 2) fields[String(answer[index])] = String(answer[index + 1])
  return fields
}
