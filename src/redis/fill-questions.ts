/**
 * Asks whether fills that this process holds are still the current ones, many in one round trip: what comes in one turn
 * of the event loop goes together, and while one round is on its way the next gathers. An idle service asks at once, a
 * busy one asks seldom, and each question leaves after it was asked, never before: no answer is older than who gets it.
 */
import type { EntryKey, LayerName } from '../cache/index.ts'
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
   * @throws StoreUnavailableError
   */
  leftMs(entry: KnownEntry): Promise<number | null>
}

interface Question {
  readonly entry: KnownEntry
  readonly askedAtMs: number
  readonly answer: (leftMs: number | null) => void
  readonly fail: (error: unknown) => void
}

/** Redis answers so many within a millisecond; others' commands pass in between. */
const QUESTIONS_PER_SCRIPT = 256

export function createFillQuestions({
  redis,
  guard,
  keys,
}: {
  readonly redis: ScriptedRedis
  readonly guard: Guard
  readonly keys: Keys
}): FillQuestions {
  const waiting = new Map<LayerName, Question[]>()
  const asking = new Set<LayerName>()

  async function ask(layer: LayerName, questions: readonly Question[]): Promise<void> {
    try {
      // Who waited for the round before this one has less of the budget left.
      const spentMs = performance.now() - (questions[0]?.askedAtMs ?? 0)
      const answers = await guard.run('still-current', () => send(layer, questions), spentMs)
      for (const [index, { answer }] of questions.entries()) answer(answers[index] ?? null)
    } catch (error) {
      for (const { fail } of questions) fail(error)
    } finally {
      if (waiting.has(layer)) setImmediate(next, layer)
      else asking.delete(layer)
    }
  }

  async function send(layer: LayerName, questions: readonly Question[]): Promise<readonly (number | null)[]> {
    const echo = nextEcho()
    const names = questions.map(({ entry }) => keys.entry(entry.key))
    const fillIds = questions.map(({ entry }) => entry.knownFillId)
    const reply = await redis.stillCurrent(names.length + 1, keys.generation(layer), ...names, echo, ...fillIds)
    const [, ...answers] = verified(reply, echo)
    if (answers.length !== questions.length) throw new GarbledReplyError()
    return answers.map(leftOf)
  }

  function next(layer: LayerName): void {
    const questions = waiting.get(layer) ?? []
    const some = questions.splice(0, QUESTIONS_PER_SCRIPT)
    if (questions.length === 0) waiting.delete(layer)
    void ask(layer, some)
  }

  return {
    leftMs: (entry) =>
      new Promise((answer, fail) => {
        const { layer } = entry
        const question = { entry, askedAtMs: performance.now(), answer, fail }
        const queue = waiting.get(layer)
        if (queue) queue.push(question)
        else waiting.set(layer, [question])
        if (asking.has(layer)) return
        asking.add(layer)
        // After what else has arrived in this turn, before the process waits for anything.
        setImmediate(next, layer)
      }),
  }
}

function leftOf(answer: unknown): number | null {
  if (typeof answer !== 'number') throw new GarbledReplyError()
  return answer >= 0 ? answer : null
}
