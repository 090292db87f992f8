/** Reads entries from one Redis, master or replica; the only place that knows what `read.lua` answers. */
import { type EntryRead, LARGEST_ENTRY_BYTES, type ReadRequest } from '../cache/index.ts'
import { GarbledReplyError } from './failure.ts'
import type { Keys } from './keys.ts'
import { echoed, nextEcho, repliesOf } from './replies.ts'
import type { ReadReply, ScriptedPipeline, ScriptedRedis } from './scripts.ts'

/**
 * Few enough entries at a time that other commands, and the heartbeat, get their turn while a catalogue of many
 * megabytes is read.
 */
export const READS_PER_ROUND_TRIP = 16

const KINDS = { absent: 0, flushed: 1, same: 2, found: 3, tooLarge: 4 } as const
const ABSENT: EntryRead = Object.freeze({ kind: 'absent' })
const FLUSHED: EntryRead = Object.freeze({ kind: 'flushed' })
const TOO_LARGE: EntryRead = Object.freeze({ kind: 'too-large' })
/** The answer to one request, in one command. */
export async function readEntry(redis: ScriptedRedis, keys: Keys, request: ReadRequest): Promise<EntryRead> {
  const { key, layer, knownFillId = '' } = request
  const [entry, generation] = [keys.remembered(key), keys.generation(layer)]
  return answerOf(
    await echoed((echo) => redis.readEntryBuffer(entry, generation, echo, knownFillId, LARGEST_ENTRY_BYTES)),
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
  return (await repliesOf<ReadReply>(pipeline, echoes)).map(answerOf)
}

function answerOf([, kind, ttlMs, bytes]: ReadReply): EntryRead {
  if (kind === KINDS.absent) return ABSENT
  if (kind === KINDS.flushed) return FLUSHED
  if (kind === KINDS.tooLarge) return TOO_LARGE
  if (typeof ttlMs !== 'number') throw new GarbledReplyError()
  if (kind === KINDS.same) return { kind: 'same', ttlMs }
  if (kind !== KINDS.found || !Buffer.isBuffer(bytes)) throw new GarbledReplyError()
  return { kind: 'found', bytes, ttlMs }
}
