/**
 * Asks whether fills that this process holds are still current, many in one round trip: the questions of one turn of
 * the event loop are sent together, and while some rounds are in flight the next one gathers. An idle service asks at
 * once, a busy one seldom, and each question leaves after it was asked, never before: no answer is older than the
 * question.
 */
import type { EntryStore, LayerName, ReadRequest, StoreWait } from '../cache/index.ts'
import { GarbledReplyError } from './failure.ts'
import type { Guard } from './guard.ts'
import type { Keys } from './keys.ts'
import { echoed } from './replies.ts'
import type { ScriptedRedis } from './scripts.ts'

interface Question {
  readonly entry: Required<ReadRequest>
  readonly askedAtMs: number
  readonly wait: StoreWait | undefined
  readonly answer: (leftMs: number | null) => void
  readonly fail: (error: unknown) => void
}

/** The questions of one layer. */
interface Queue {
  /** The name of the layer's generation in Redis. */
  readonly generation: string
  readonly waiting: Question[]
  /** How many rounds are on their way. */
  rounds: number
  /** Whether a round leaves at the end of this turn. */
  gathering: boolean
}

/** Redis answers this many within a millisecond; other commands pass in between. */
const QUESTIONS_PER_SCRIPT = 256
/** A request that has waited longer for earlier commands opens its entry alone: a shared round must not end with the budget of one. */
const SHARED_UNTIL_MS = 10
/** Enough that an idle processor never waits for the answer to other questions; few enough to gather questions. */
const ROUNDS_AT_ONCE = 2

export interface FillQuestionsOptions {
  readonly redis: ScriptedRedis
  readonly guard: Guard
  readonly keys: Keys
  /** How many rounds of one layer are on their way at most; what comes then waits for the first to return. */
  readonly roundsAtOnce?: number
}

export function createFillQuestions(options: FillQuestionsOptions): Pick<EntryStore, 'leftOf'> {
  return new GatheredQuestions(options)
}

class GatheredQuestions implements Pick<EntryStore, 'leftOf'> {
  readonly #options: FillQuestionsOptions
  readonly #roundsAtOnce: number
  readonly #queues = new Map<LayerName, Queue>()

  constructor(options: FillQuestionsOptions) {
    this.#options = options
    this.#roundsAtOnce = options.roundsAtOnce ?? ROUNDS_AT_ONCE
  }

  leftOf(entry: Required<ReadRequest>, wait?: StoreWait): Promise<number | null> {
    return new Promise((answer, fail) => {
      this.#options.guard.check()
      if (wait && wait.spentMs > SHARED_UNTIL_MS) {
        answer(null)
        return
      }
      const askedAtMs = performance.now()
      wait?.begin(askedAtMs)
      const queue = this.#queueOf(entry.layer)
      queue.waiting.push({ entry, askedAtMs, wait, answer, fail })
      this.#gather(queue)
    })
  }

  #queueOf(layer: LayerName): Queue {
    const known = this.#queues.get(layer)
    if (known) return known
    const generation = this.#options.keys.generation(layer)
    const queue: Queue = { generation, waiting: [], rounds: 0, gathering: false }
    this.#queues.set(layer, queue)
    return queue
  }

  /** After what else arrives in this turn, before the process waits for anything. */
  #gather(queue: Queue): void {
    if (queue.gathering || queue.rounds >= this.#roundsAtOnce) return
    queue.gathering = true
    setImmediate(this.#leave, queue)
  }

  readonly #leave = (queue: Queue): void => {
    queue.gathering = false
    const some = queue.waiting.splice(0, QUESTIONS_PER_SCRIPT)
    queue.rounds++
    void this.#ask(queue, some)
    if (queue.waiting.length > 0) this.#gather(queue)
  }

  async #ask(queue: Queue, questions: readonly Question[]): Promise<void> {
    try {
      // Those that waited for the round before this one have less of their budget left.
      const spentMs = performance.now() - (questions[0]?.askedAtMs ?? 0)
      const send = () => this.#send(queue.generation, questions)
      const answers = await this.#options.guard.run('still-current', send, spentMs)
      for (const [index, { answer }] of questions.entries()) answer(answers[index] ?? null)
    } catch (error) {
      for (const { fail } of questions) fail(error)
    } finally {
      const nowMs = performance.now()
      for (const { wait } of questions) wait?.end(nowMs)
      queue.rounds--
      if (queue.waiting.length > 0) this.#gather(queue)
    }
  }

  async #send(generation: string, questions: readonly Question[]): Promise<readonly (number | null)[]> {
    const { redis, keys } = this.#options
    const names = questions.map(({ entry }) => keys.remembered(entry.key))
    const fillIds = questions.map(({ entry }) => entry.knownFillId).join('')
    const [, ...answers] = await echoed((echo) =>
      redis.stillCurrent(names.length + 1, generation, ...names, echo, fillIds),
    )
    if (answers.length !== questions.length) throw new GarbledReplyError()
    return answers.map(leftOf)
  }
}

function leftOf(answer: unknown): number | null {
  if (typeof answer !== 'number') throw new GarbledReplyError()
  return answer >= 0 ? answer : null
}
