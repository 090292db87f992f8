/** Which server this is and how old its data are: useful to know after a restart from a snapshot, or a promotion. */
import { withDeadline } from './deadline.ts'
import { echoed } from './replies.ts'
import type { ScriptedRedis } from './scripts.ts'

export interface Heartbeat {
  /** Writes the heartbeat; rejects if the server does not accept it. */
  beat(): Promise<void>
  /** The next beat is the first on a new connection: what it finds there tells how old the data are. */
  reconnected(): void
  /** Whether the present connection has taken one. */
  proven(): boolean
  /** The age of the fleet's last write in the data that the last connection found; null if there was none. */
  dataAgeMs(): number | null | undefined
}

export function createHeartbeat({ redis, key }: { redis: ScriptedRedis; key: string }): Heartbeat {
  let first = true
  let ageMs: number | null | undefined
  return {
    async beat() {
      const [, nowMs, formerMs] = await echoed((echo) => redis.heartbeat(key, echo))
      if (first) ageMs = formerMs === null ? null : Math.max(0, nowMs - Number(formerMs))
      first = false
    },
    reconnected() {
      first = true
    },
    proven: () => !first,
    dataAgeMs: () => ageMs,
  }
}

export type ServerInfo = {
  readonly runId: string
  readonly version: string
  readonly uptimeSeconds: number
  readonly role: string
  readonly connectedReplicas: number
  readonly usedMemoryBytes: number
  readonly maxMemoryBytes: number
  readonly evictionPolicy: string
  readonly lastSaveAt: string
  readonly snapshotAgeSeconds: number
  readonly changesSinceSave: number
}

/** @returns null when the server does not answer within `timeoutMs`, or may not be asked */
export async function readServerInfo(redis: ScriptedRedis, timeoutMs: number): Promise<ServerInfo | null> {
  try {
    const text = await withDeadline(redis.info(), timeoutMs)
    return serverInfoOf(text, Date.now())
  } catch {
    return null
  }
}

export function serverInfoOf(text: string, nowMs: number): ServerInfo {
  const fields = new Map(
    text.split('\r\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
    }),
  )
  const number = (name: string) => Number(fields.get(name) ?? 0)
  const savedMs = number('rdb_last_save_time') * 1000
  return {
    runId: fields.get('run_id') ?? '',
    version: fields.get('redis_version') ?? '',
    uptimeSeconds: number('uptime_in_seconds'),
    role: fields.get('role') ?? '',
    connectedReplicas: number('connected_slaves'),
    usedMemoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    evictionPolicy: fields.get('maxmemory_policy') ?? '',
    lastSaveAt: new Date(savedMs).toISOString(),
    snapshotAgeSeconds: Math.max(0, Math.round((nowMs - savedMs) / 1000)),
    changesSinceSave: number('rdb_changes_since_last_save'),
  }
}
