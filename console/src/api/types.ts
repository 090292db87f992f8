/** The answers of the API, as `/openapi.json` describes them, as far as the console shows them. */

export const PERMISSIONS = ['read', 'triage', 'write', 'maintain', 'admin'] as const
export type Permission = (typeof PERMISSIONS)[number]

export interface Page<Item> {
  readonly data: readonly Item[]
  readonly nextCursor: string | null
}

export interface Me {
  readonly id: string
  readonly roles: readonly string[]
}

export interface User {
  readonly id: string
  readonly displayName: string | null
  readonly disabled: boolean
}

export interface EffectiveGroup {
  readonly id: string
  readonly name: string
  readonly parentId: string | null
  readonly via: 'direct' | readonly string[]
  readonly role: string | null
}

export interface Resource {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly description: string | null
  readonly permission: Permission | null
}

export interface Path {
  readonly groups: readonly { readonly id: string; readonly name: string }[]
  readonly permission: Permission
  readonly wins: boolean
}

export interface Explanation {
  readonly permission: Permission | null
  readonly paths: readonly Path[]
}

export interface AccessEntry {
  readonly userId: string
  readonly permission: Permission
  readonly paths: readonly Path[]
}

export interface LayerCounts {
  readonly hits: number
  readonly replicaHits: number
  readonly memoryHits: number
  readonly misses: number
  readonly loads: number
  readonly fillsRefused: number
  readonly rejections: Readonly<Record<string, number>>
}

export interface RedisNode {
  readonly address: string
  readonly flags: readonly string[]
  readonly subjectivelyDown: boolean
  readonly objectivelyDown: boolean
  readonly linkUp?: boolean
  readonly lagBytes?: number
  readonly lastHeardMs?: number
}

export interface Topology {
  readonly masterName: string
  readonly master: RedisNode | null
  readonly replicas: readonly RedisNode[]
  readonly sentinels: readonly {
    readonly address: string
    readonly reachable: boolean
    readonly master: string | null
    readonly configEpoch: number | null
  }[]
  readonly quorum: {
    readonly needed: number | null
    readonly known: number
    readonly reachable: number
    readonly held: boolean
  }
  readonly configEpoch: number | null
  readonly agreed: boolean
  readonly askedAt: string
}

export interface Outage {
  readonly startedAt: string
  readonly endedAt: string
  readonly tier: string
  readonly [more: string]: unknown
}

export interface CacheStatus {
  readonly log: { readonly trust: string; readonly lagMs: number | null; readonly rememberedTags: number }
  readonly redis: {
    readonly breaker: string
    readonly awayMs: number
    readonly connected: boolean
    readonly replicaReads?: string
    readonly server?: { readonly version?: string; readonly usedMemoryBytes?: number; readonly maxMemoryBytes?: number }
    readonly topology?: Topology | null
  }
  readonly outages: { readonly currentMs: number; readonly history: readonly Outage[] | 'unavailable' }
  readonly catalogue: { readonly resources: number; readonly whole: boolean }
  readonly layers: Readonly<Record<string, LayerCounts>>
  readonly bypasses?: Readonly<Record<string, number>>
}

export interface UserEntry {
  readonly key: string
  readonly present: boolean
  readonly bytes?: number
  readonly ttlSeconds?: number
  readonly loadedAt?: string
  readonly stamp?: { readonly database: string; readonly snapshot: string }
  readonly dependsOn?: readonly string[]
  readonly wouldBeServed?: boolean
  readonly why?: string
}

export interface UserEntries {
  readonly user: string
  readonly store: 'available' | 'unavailable'
  readonly detail?: string
  readonly entries: readonly UserEntry[]
}

export interface Flushed {
  readonly scope: string
  readonly dryRun: boolean
  readonly keys: readonly string[] | null
  readonly layers: readonly string[]
  readonly store: 'flushed' | 'unavailable' | 'untouched'
  /** How many entries Redis holds in what the scope names; null where it could not be asked. */
  readonly entries?: number | null
}

export interface AuditEntry {
  readonly id: string
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly target: string | null
  readonly before: unknown
  readonly after: unknown
  readonly reason: string | null
  readonly requestId: string | null
}

export interface Change {
  readonly event: string
  readonly at: string
  readonly users: readonly string[]
  readonly places: readonly string[]
  readonly grants: readonly string[]
  readonly resources: readonly string[]
  readonly layers: readonly string[]
}
