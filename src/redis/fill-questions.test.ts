import { describe, expect, it } from 'vitest'
import { type EntryKey, StoreUnavailableError } from '../cache/index.ts'
import { createFillQuestions } from './fill-questions.ts'
import type { Guard } from './guard.ts'
import { createKeys } from './keys.ts'
import type { ScriptedRedis } from './scripts.ts'

interface Asked {
  readonly names: readonly unknown[]
  readonly fillIds: readonly unknown[]
  answer(...leftMs: readonly unknown[]): Promise<void>
  fail(error: Error): Promise<void>
}

/** Until what was to happen at the end of this turn of the event loop has happened, and what follows from it. */
async function turn(): Promise<void> {
  for (let step = 0; step < 2; step++) await new Promise((done) => setImmediate(done))
}

/** A Redis that answers when the test says so, behind a guard that only passes on. */
function scene({ roundsAtOnce = 1 } = {}) {
  const asked: Asked[] = []
  const spent: (number | undefined)[] = []
  const stillCurrent = (keyCount: number, ...rest: (string | number)[]) =>
    new Promise((resolve, reject) => {
      const names = rest.slice(0, keyCount)
      const [echo, joined] = rest.slice(keyCount)
      const fillIds = (String(joined).match(/.{16}/g) ?? []).map((padded) => padded.trimEnd())
      asked.push({
        names,
        fillIds,
        answer: (...leftMs) => {
          resolve([echo, ...leftMs])
          return turn()
        },
        fail: (error) => {
          reject(error)
          return turn()
        },
      })
    })
  const run: Guard['run'] = (_name, send, spentMs) => {
    spent.push(spentMs)
    return send()
  }
  const questions = createFillQuestions({
    redis: { stillCurrent } as unknown as ScriptedRedis,
    guard: { run, check: () => {} } as unknown as Guard,
    keys: createKeys('test:', { names: ['user-groups', 'user-resources'], pattern: () => '*' }),
    roundsAtOnce,
  })
  const about = (user: string, fillId = `fill of ${user}`) => {
    const knownFillId = fillId.padEnd(16)
    return questions.leftOf({ key: `resources:{${user}}` as EntryKey, layer: 'user-resources', knownFillId })
  }
  return { asked, spent, about, questions }
}

describe('questions about fills', () => {
  it('go at the end of the turn when none is on its way, all that came in it together', async () => {
    const { asked, about } = scene()
    void about('ann')
    void about('ben')
    expect(asked).toHaveLength(0)
    await turn()
    expect(asked).toHaveLength(1)
    expect(asked[0]?.fillIds).toEqual(['fill of ann', 'fill of ben'])
  })

  it('name the generation of their layer, and each entry with the fill that is held of it', async () => {
    const { asked, about } = scene()
    void about('ann')
    await turn()
    expect(asked[0]?.names).toEqual(['test:generation:user-resources', 'test:resources:{ann}'])
    expect(asked[0]?.fillIds).toEqual(['fill of ann'])
  })

  it('that come while one is on its way go together, after it came back', async () => {
    const { asked, about } = scene()
    const first = about('ann')
    await turn()
    const [second, third] = [about('ben'), about('cid')]
    expect(asked).toHaveLength(1)
    await asked[0]?.answer(100)
    expect(asked).toHaveLength(2)
    expect(asked[1]?.fillIds).toEqual(['fill of ben', 'fill of cid'])
    await asked[1]?.answer(200, -1)
    expect(await Promise.all([first, second, third])).toEqual([100, 200, null])
  })

  it('of several turns are on their way at once, but not of more than allowed', async () => {
    const { asked, about } = scene({ roundsAtOnce: 2 })
    const answers = [about('ann')]
    await turn()
    answers.push(about('ben'))
    await turn()
    answers.push(about('cid'), about('dee'))
    await turn()
    expect(asked.map(({ fillIds }) => fillIds)).toEqual([['fill of ann'], ['fill of ben']])
    await asked[1]?.answer(2)
    expect(asked[2]?.fillIds).toEqual(['fill of cid', 'fill of dee'])
    await asked[2]?.answer(3, 4)
    await asked[0]?.answer(1)
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4])
  })

  it('are never answered by one that left before they were asked, even about the same fill', async () => {
    const { asked, about } = scene()
    const before = about('ann')
    await turn()
    const after = about('ann')
    await asked[0]?.answer(100)
    expect(await before).toBe(100)
    expect(asked).toHaveLength(2)
    // In between the entry was invalidated.
    await asked[1]?.answer(-1)
    expect(await after).toBeNull()
  })

  it('of two layers do not wait for each other', async () => {
    const { asked, about, questions } = scene()
    void about('ann')
    void questions.leftOf({ key: 'user:groups:{ann}' as EntryKey, layer: 'user-groups', knownFillId: 'other' })
    await turn()
    expect(asked.map(({ names }) => names[0])).toEqual([
      'test:generation:user-resources',
      'test:generation:user-groups',
    ])
  })

  it('fail together with the one that carried them, and the next are asked again', async () => {
    const { asked, about } = scene()
    const first = about('ann').catch((error: unknown) => error)
    await turn()
    const second = about('ben')
    await asked[0]?.fail(new StoreUnavailableError('redis-timeout'))
    expect(await first).toBeInstanceOf(StoreUnavailableError)
    await asked[1]?.answer(5)
    expect(await second).toBe(5)
  })

  it('that had to wait have spent a part of their budget', async () => {
    const { asked, spent, about } = scene()
    void about('ann')
    await turn()
    const second = about('ben')
    const askedAtMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 2))
    const waitedMs = performance.now() - askedAtMs
    await asked[0]?.answer(1)
    expect(spent[1]).toBeGreaterThanOrEqual(waitedMs)
    await asked[1]?.answer(1)
    await second
  })

  it('refuse answers that are not as many as the questions, or no numbers', async () => {
    const { asked, about } = scene()
    const first = about('ann')
    await turn()
    const second = about('ben')
    const refused = expect(first).rejects.toThrow('does not belong')
    await asked[0]?.answer(1, 2)
    await refused
    const alsoRefused = expect(second).rejects.toThrow('does not belong')
    await asked[1]?.answer('soon')
    await alsoRefused
  })
})
