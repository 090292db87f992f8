/** Reads entries from one Redis, master or replica; the only place that knows what `read.lua` answers. */
import { type EntryRead, LARGEST_ENTRY_BYTES, type ReadRequest } from '../cache/index.ts'
import { GarbledReplyError } from './failure.ts'
import type { Keys } from './keys.ts'
import type { ReadReply, ScriptedPipeline, ScriptedRedis } from './scripts.ts'

/** So few entries at a time that a catalogue of many megabytes leaves room for others' commands, and for the heartbeat, in between. */
export const READS_PER_ROUND_TRIP = 16

const KINDS = { absent: 0, flushed: 1, same: 2, found: 3, tooLarge: 4 } as const
const ABSENT: EntryRead = Object.freeze({ kind: 'absent' })
const FLUSHED: EntryRead = Object.freeze({ kind: 'flushed' })
const TOO_LARGE: EntryRead = Object.freeze({ kind: 'too-large' })
const LARGEST_ECHO = 2 ** 31

let lastEcho = 0

/** A number that no other request in flight carries. */
export function nextEcho(): number {
  lastEcho = (lastEcho + 1) % LARGEST_ECHO
  return lastEcho
}

/** @throws GarbledReplyError when the reply is not the one to the request that carried `echo` */
export function verified<Reply extends readonly unknown[]>(reply: Reply, echo: number): Reply {
  if (!Array.isArray(reply) || reply[0] !== echo) throw new GarbledReplyError()
  return reply
}

/** The answer to one request, in one command. */
export async function readEntry(redis: ScriptedRedis, keys: Keys, request: ReadRequest): Promise<EntryRead> {
  const echo = nextEcho()
  const { key, layer, knownFillId = '' } = request
  return answerOf(
    await redis.readEntryBuffer(keys.remembered(key), keys.generation(layer), echo, knownFillId, LARGEST_ENTRY_BYTES),
    echo,
  )
}

/** The answers to at most {@link READS_PER_ROUND_TRIP} requests, in one round trip, in their order. */
export async function readEntries(
  redis: ScriptedRedis,
  keys: Keys,
  requests: readonly ReadRequest[],
): Promise<EntryRead[]> {
  const pipeline = redis.pipeline() as unknown as ScriptedPipeline
  const echoes = requests.map(({ key, layer, knownFillId = '' }) => {
    const echo = nextEcho()
    pipeline.readEntryBuffer(keys.remembered(key), keys.generation(layer), echo, knownFillId, LARGEST_ENTRY_BYTES)
    return echo
  })
  const replies = await repliesOf<ReadReply>(pipeline, echoes)
  return replies.map((reply, index) => answerOf(reply, echoes[index] ?? -1))
}

/** @throws the first error among the replies, or GarbledReplyError when there are not as many as requests */
export async function repliesOf<Reply extends readonly unknown[]>(
  pipeline: ScriptedPipeline,
  echoes: readonly number[],
): Promise<Reply[]> {
  const replies = await pipeline.exec()
  if (replies?.length !== echoes.length) throw new GarbledReplyError()
  return replies.map(([error, reply], index) => {
    if (error) throw error
    return verified(reply as Reply, echoes[index] ?? -1)
  })
}

function answerOf(reply: ReadReply, echo: number): EntryRead {
  const [, kind, ttlMs, bytes] = verified(reply, echo)
  if (kind === KINDS.absent) return ABSENT
  if (kind === KINDS.flushed) return FLUSHED
  if (kind === KINDS.tooLarge) return TOO_LARGE
  if (typeof ttlMs !== 'number') throw new GarbledReplyError()
  if (kind === KINDS.same) return { kind: 'same', ttlMs }
  if (kind !== KINDS.found || !Buffer.isBuffer(bytes)) throw new GarbledReplyError()
  return { kind: 'found', bytes, ttlMs }
}
