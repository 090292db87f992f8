/**
 * Asks whether fills that this process holds are still the current ones, many in one round trip: what comes in one turn
 * of the event loop goes together, and while some rounds are on their way the next gathers. An idle service asks at once,
 * a busy one seldom, and each question leaves after it was asked, never before: no answer is older than the question.
 */
import type { EntryKey, LayerName, StoreWait } from '../cache/index.ts'
import { nextEcho, verified } from './entry-reader.ts'
import { GarbledReplyError } from './failure.ts'
import type { Guard } from './guard.ts'
import type { Keys } from './keys.ts'
import type { ScriptedRedis } from './scripts.ts'

/** An entry of which the caller holds a copy, and which fill that copy is. */
export interface KnownEntry {
  readonly key: EntryKey
  readonly layer: LayerName
  readonly knownFillId: string
}

export interface FillQuestions {
  /**
   * Milliseconds the entry has left when it is the very fill, null when it must be read.
   * @param wait is told how long the answer was waited for
   * @throws StoreUnavailableError
   */
  leftMs(entry: KnownEntry, wait?: StoreWait): Promise<number | null>
}

interface Question {
  readonly entry: KnownEntry
  readonly askedAtMs: number
  readonly wait: StoreWait | undefined
  readonly answer: (leftMs: number | null) => void
  readonly fail: (error: unknown) => void
}

/** The questions of one layer. */
interface Queue {
  readonly layer: LayerName
  readonly waiting: Question[]
  /** How many rounds are on their way. */
  rounds: number
  /** Whether a round leaves at the end of this turn. */
  gathering: boolean
}

/** Redis answers so many within a millisecond; others' commands pass in between. */
const QUESTIONS_PER_SCRIPT = 256
/** Enough that nobody waits for an answer to others' questions while the processor has nothing to do; few enough to gather. */
const ROUNDS_AT_ONCE = 2

export function createFillQuestions({
  redis,
  guard,
  keys,
  roundsAtOnce = ROUNDS_AT_ONCE,
}: {
  readonly redis: ScriptedRedis
  readonly guard: Guard
  readonly keys: Keys
  /** How many rounds of one layer are on their way at most; what comes then waits for the first to return. */
  readonly roundsAtOnce?: number
}): FillQuestions {
  const queues = new Map<LayerName, Queue>()

  function queueOf(layer: LayerName): Queue {
    const known = queues.get(layer)
    if (known) return known
    const queue: Queue = { layer, waiting: [], rounds: 0, gathering: false }
    queues.set(layer, queue)
    return queue
  }

  async function ask(queue: Queue, questions: readonly Question[]): Promise<void> {
    try {
      // A question that waited for the round before this one has less of its budget left.
      const spentMs = performance.now() - (questions[0]?.askedAtMs ?? 0)
      const answers = await guard.run('still-current', () => send(queue.layer, questions), spentMs)
      for (const [index, { answer }] of questions.entries()) answer(answers[index] ?? null)
    } catch (error) {
      for (const { fail } of questions) fail(error)
    } finally {
      const nowMs = performance.now()
      for (const { wait } of questions) wait?.end(nowMs)
      queue.rounds--
      if (queue.waiting.length > 0) gather(queue)
    }
  }

  async function send(layer: LayerName, questions: readonly Question[]): Promise<readonly (number | null)[]> {
    const echo = nextEcho()
    const names = questions.map(({ entry }) => keys.remembered(entry.key))
    const fillIds = questions.map(({ entry }) => entry.knownFillId).join('')
    const reply = await redis.stillCurrent(names.length + 1, keys.generation(layer), ...names, echo, fillIds)
    const [, ...answers] = verified(reply, echo)
    if (answers.length !== questions.length) throw new GarbledReplyError()
    return answers.map(leftOf)
  }

  /** After what else arrives in this turn, before the process waits for anything. */
  function gather(queue: Queue): void {
    if (queue.gathering || queue.rounds >= roundsAtOnce) return
    queue.gathering = true
    setImmediate(leave, queue)
  }

  function leave(queue: Queue): void {
    queue.gathering = false
    const some = queue.waiting.splice(0, QUESTIONS_PER_SCRIPT)
    queue.rounds++
    void ask(queue, some)
    if (queue.waiting.length > 0) gather(queue)
  }

  return {
    leftMs: (entry, wait) =>
      new Promise((answer, fail) => {
        const askedAtMs = performance.now()
        wait?.begin(askedAtMs)
        const queue = queueOf(entry.layer)
        queue.waiting.push({ entry, askedAtMs, wait, answer, fail })
        gather(queue)
      }),
  }
}

function leftOf(answer: unknown): number | null {
  if (typeof answer !== 'number') throw new GarbledReplyError()
  return answer >= 0 ? answer : null
}
