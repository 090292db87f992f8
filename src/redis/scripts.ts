/** The Lua scripts, loaded once and typed. Each reply begins with a number of its request, see {@link Echoed}. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { Echoed } from './replies.ts'

export type ReadReply = Echoed<[kind: number, leftMs?: number, bytes?: Buffer]>
export type LeaseReply = Echoed<[taken: number, generation?: Buffer]>
export type CountReply = Echoed<[count: number]>
/** `{0}`, `{1, generation, why}` or `{2, milliseconds left, bytes}` for each request that was looked at. */
export type OpenedReply = readonly [kind: number, first?: number | Buffer, second?: number | Buffer]

/** As `defineCommand` makes them: keys first, then arguments; the suffix asks for Buffers. */
interface EntryScripts<Result extends 'promise' | 'pipeline'> {
  readEntryBuffer(
    ...args: [entry: string, generation: string, echo: number, knownFillId: string, bytesMax: number]
  ): Result extends 'promise' ? Promise<ReadReply> : unknown
  takeLeaseBuffer(
    ...args: [lease: string, generation: string, echo: number, token: string, leaseMs: number, fresh: string]
  ): Result extends 'promise' ? Promise<LeaseReply> : unknown
}

/** Where the number of keys varies, it comes first. */
export interface Scripted extends EntryScripts<'promise'> {
  /** The fill ids are one string. */
  stillCurrent(keyCount: number, ...keysThenEchoThenFillIds: (string | number)[]): Promise<Echoed<unknown[]>>
  openEntriesBuffer(
    keyCount: number,
    ...keysThenArguments: (string | number | Buffer)[]
  ): Promise<Echoed<OpenedReply[]>>
  fillEntries(keyCount: number, ...keysThenArguments: (string | number | Buffer)[]): Promise<Echoed<number[]>>
  releaseLease(lease: string, echo: number, token: string, generation: string): Promise<CountReply>
  invalidateEntries(keyCount: number, ...keysThenEcho: (string | number)[]): Promise<CountReply>
  replaceGenerations(keyCount: number, ...keysThenEchoThenValues: (string | number)[]): Promise<CountReply>
  /** The layer's generation, then the names. */
  sweepEntries(keyCount: number, ...keysThenEcho: (string | number | Buffer)[]): Promise<CountReply>
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
  inspectEntry: { lua: lua('inspect'), numberOfKeys: 2, readOnly: true },
  takeLease: { lua: lua('take-lease'), numberOfKeys: 2 },
  openEntries: { lua: lua('open') },
  fillEntries: { lua: lua('fill') },
  releaseLease: { lua: lua('release-lease'), numberOfKeys: 1 },
  invalidateEntries: { lua: lua('invalidate') },
  sweepEntries: { lua: lua('sweep') },
  replaceGenerations: { lua: lua('replace-generations') },
  heartbeat: { lua: lua('heartbeat'), numberOfKeys: 1 },
} as const
