import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from './entry-store.ts'
import { createSingleFlight, type Seal } from './single-flight.ts'

interface Result {
  readonly id: number
  shareable(): boolean
}

/** Loads that end when the test says so. */
function scripted() {
  const loads: { seal: Seal; resolve(shareable: boolean): void; reject(error: Error): void }[] = []
  const load = (seal: Seal) =>
    new Promise<Result>((resolve, reject) => {
      const id = loads.length
      loads.push({ seal, resolve: (shareable) => resolve({ id, shareable: () => shareable }), reject })
    })
  return { loads, load }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('single flight', () => {
  it('answers all readers that arrive during a load by that load, if its fill was accepted', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const readers = Array.from({ length: 100 }, () => flight.run('k', load))
    loads[0]?.resolve(true)
    expect((await Promise.all(readers)).map(({ id }) => id)).toEqual(readers.map(() => 0))
    expect(loads).toHaveLength(1)
  })

  it('tells all waiting readers that the store cannot be asked, so that none finds out again by waiting', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const readers = Array.from({ length: 3 }, () => flight.run('k', load).catch((error: Error) => error))
    loads[0]?.reject(new StoreUnavailableError('redis-timeout'))
    for (const outcome of await Promise.all(readers)) expect(outcome).toBeInstanceOf(StoreUnavailableError)
    expect(loads).toHaveLength(1)
  })

  it('lets readers that arrived during an unproven load share the next one, and only that', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const first = flight.run('k', load)
    const late = [flight.run('k', load), flight.run('k', load), flight.run('k', load)]
    loads[0]?.resolve(false)
    expect((await first).id).toBe(0)
    await settle()
    expect(loads).toHaveLength(2)
    loads[1]?.resolve(false)
    expect((await Promise.all(late)).map(({ id }) => id)).toEqual([1, 1, 1])
  })

  it('does not answer a reader that arrived after the proof was asked for', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const before = flight.run('k', load)
    const covered = flight.run('k', load)
    loads[0]?.seal()
    const uncovered = flight.run('k', load)
    loads[0]?.resolve(true)
    expect([(await before).id, (await covered).id]).toEqual([0, 0])
    await settle()
    loads[1]?.resolve(false)
    expect((await uncovered).id).toBe(1)
  })

  it('fails only readers that took part from the start; others load for themselves', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const first = flight.run('k', load)
    const late = flight.run('k', load)
    loads[0]?.reject(new Error('database down'))
    await expect(first).rejects.toThrow('database down')
    await settle()
    loads[1]?.resolve(true)
    expect((await late).id).toBe(1)
    expect(flight.size).toBe(0)
  })

  it('keeps keys apart', async () => {
    const { loads, load } = scripted()
    const flight = createSingleFlight<Result>()
    const [a, b] = [flight.run('a', load), flight.run('b', load)]
    loads[1]?.resolve(true)
    loads[0]?.resolve(true)
    expect([(await a).id, (await b).id]).toEqual([0, 1])
  })
})
