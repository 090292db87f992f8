/** The Lua scripts, loaded once and typed. Each echoes a number of the caller's, see {@link Echoed}. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { GarbledReplyError } from './failure.ts'

/**
 * A reply begins with the number that its request carried. Replies are matched to requests by order alone, and a
 * connection that is out of step by one answers with somebody else's permissions (it has happened to others: a client
 * library that cancelled requests mixed up users' data). So a reply with another number is not looked at.
 */
export type Echoed<Rest extends readonly unknown[]> = readonly [echo: number, ...rest: Rest]

const LARGEST_ECHO = 2 ** 31
let lastEcho = 0

/** A number that no other request in flight carries. */
export function nextEcho(): number {
  lastEcho = (lastEcho + 1) % LARGEST_ECHO
  return lastEcho
}

/**
 * Sends one script with an echo.
 * @throws GarbledReplyError when the reply is not the one to this request
 */
export async function echoed<Reply extends readonly unknown[]>(send: (echo: number) => Promise<Reply>): Promise<Reply> {
  const echo = nextEcho()
  return verified(await send(echo), echo)
}

function verified<Reply extends readonly unknown[]>(reply: Reply, echo: number | undefined): Reply {
  if (!Array.isArray(reply) || reply[0] !== echo) throw new GarbledReplyError()
  return reply
}

/**
 * The replies to scripts that were sent together, each with its own echo.
 * @throws the first error among the replies, or GarbledReplyError when they are not those to these requests
 */
export async function repliesOf<Reply extends readonly unknown[]>(
  pipeline: ScriptedPipeline,
  echoes: readonly number[],
): Promise<Reply[]> {
  const replies = await pipeline.exec()
  if (replies?.length !== echoes.length) throw new GarbledReplyError()
  return replies.map(([error, reply], index) => {
    if (error) throw error
    return verified(reply as Reply, echoes[index])
  })
}

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
