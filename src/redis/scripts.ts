/** The Lua scripts, loaded once and typed. Each echoes a number of the caller's, see {@link Echoed}. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

/**
 * A reply begins with the number that its request carried. Replies are matched to requests by order alone, and a
 * connection that is out of step by one answers with somebody else's permissions (it has happened to others: a client
 * library that cancelled requests mixed up users' data). So a reply with another number is not looked at.
 */
export type Echoed<Rest extends readonly unknown[]> = readonly [echo: number, ...rest: Rest]

export type ReadReply = Echoed<[kind: number, leftMs?: number, bytes?: Buffer]>
export type LeaseReply = Echoed<[taken: number, generation?: Buffer]>
export type CountReply = Echoed<[count: number]>

/** As `defineCommand` makes them: keys first, then arguments; the suffix asks for Buffers. */
interface EntryScripts<Result extends 'promise' | 'pipeline'> {
  readEntryBuffer(
    ...args: [entry: string, generation: string, echo: number, knownFillId: string, bytesMax: number]
  ): Result extends 'promise' ? Promise<ReadReply> : unknown
  takeLeaseBuffer(
    ...args: [lease: string, generation: string, echo: number, token: string, leaseMs: number, fresh: string]
  ): Result extends 'promise' ? Promise<LeaseReply> : unknown
  fillEntryBuffer(
    ...args: [
      ...keys: [entry: string, parts: string, lease: string, generation: string],
      ...fill: [echo: number, token: string, leased: string, ttlMs: number, bytes: Buffer, fillId: string],
      ...parts: Buffer[],
    ]
  ): Result extends 'promise' ? Promise<CountReply> : unknown
}

export interface Scripted extends EntryScripts<'promise'> {
  /** The number of keys comes first: it varies. The fill ids are one string. */
  stillCurrent(keyCount: number, ...keysThenEchoThenFillIds: (string | number)[]): Promise<Echoed<unknown[]>>
  readPartBuffer(
    ...args: [parts: string, echo: number, fillId: string, part: number, bytesMax: number]
  ): Promise<Echoed<[bytes: Buffer | null]>>
  releaseLease(lease: string, echo: number, token: string, generation: string): Promise<CountReply>
  /** The number of keys comes first: it varies. */
  invalidateEntries(keyCount: number, ...keysThenEcho: (string | number)[]): Promise<CountReply>
  replaceGenerations(keyCount: number, ...keysThenEchoThenValues: (string | number)[]): Promise<CountReply>
  inspectEntryBuffer(
    entry: string,
    generation: string,
    echo: number,
    bytesMax: number,
  ): Promise<Echoed<[bytes: Buffer | null, leftMs?: number, current?: number]>>
  heartbeat(key: string, echo: number): Promise<Echoed<[nowMs: number, formerMs: string | null]>>
}

export type ScriptedRedis = Redis & Scripted
export type ScriptedPipeline = EntryScripts<'pipeline'> & { exec(): Promise<[Error | null, unknown][] | null> }

const lua = (name: string) => readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')

/** ioredis sends a script whole the first time on each connection, by its hash afterwards, and whole again after NOSCRIPT. */
export const SCRIPTS = {
  readEntry: { lua: lua('read'), numberOfKeys: 2, readOnly: true },
  stillCurrent: { lua: lua('still-current'), readOnly: true },
  readPart: { lua: lua('read-part'), numberOfKeys: 1, readOnly: true },
  inspectEntry: { lua: lua('inspect'), numberOfKeys: 2, readOnly: true },
  takeLease: { lua: lua('take-lease'), numberOfKeys: 2 },
  fillEntry: { lua: lua('fill'), numberOfKeys: 4 },
  releaseLease: { lua: lua('release-lease'), numberOfKeys: 1 },
  invalidateEntries: { lua: lua('invalidate') },
  replaceGenerations: { lua: lua('replace-generations') },
  heartbeat: { lua: lua('heartbeat'), numberOfKeys: 1 },
} as const
