import { describe, expect, it, vi } from 'vitest'
import type { Environment } from './environment.ts'
import type { Fault } from './faults/fault.ts'
import { createRandom } from './random.ts'
import { runSeries, type SeriesOptions } from './series.ts'
import type { Summary } from './summary.ts'

const fault = (name: string, given: Partial<Fault> = {}): Fault => ({
  name,
  title: name,
  clientsMayNotice: 'nothing',
  run: async () => {},
  ...given,
})

/** Servers that are counted, and a drill that judges ten reads unless the fault is told to fail so often. */
function setUp(failing: Record<string, number> = {}, given: Partial<SeriesOptions> = {}) {
  const log: string[] = []
  let made = 0
  const left = { ...failing }
  const options: SeriesOptions = {
    faults: ['one', 'two', 'three'].map((name) => fault(name)),
    rounds: 1,
    judgedAtLeast: 0,
    random: createRandom(1),
    holdMs: 1,
    readsPerSecond: 1,
    updatesPerSecond: 0,
    without: [],
    async createEnvironment() {
      const name = `servers ${++made}`
      log.push(`${name} start`)
      return { name, close: async () => void log.push(`${name} end`) } as unknown as Environment
    },
    async drill({ name }, { environment, firstWorld }) {
      log.push(`${name} on ${(environment as unknown as { name: string }).name}, world ${firstWorld}`)
      if ((left[name] ?? 0) > 0) {
        left[name] = (left[name] ?? 0) - 1
        throw new Error(`${name} cannot be staged`)
      }
      return { fault: name, judged: 10 } as Summary
    },
    say: () => {},
    onSummary: ({ fault }) => void log.push(`${fault} is over`),
    ...given,
  }
  return { log, options }
}

describe('a series of faults', () => {
  it('runs on one set of servers, each fault in worlds of its own', async () => {
    const { log, options } = setUp()
    expect(await runSeries(options)).toEqual({ failed: [] })
    expect(log).toEqual([
      'servers 1 start',
      'one on servers 1, world 0',
      'one is over',
      'two on servers 1, world 32',
      'two is over',
      'three on servers 1, world 64',
      'three is over',
      'servers 1 end',
    ])
  })

  it('tries a fault that cannot be staged once more on new servers, which the next ones use too', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { log, options } = setUp({ two: 1 })
    expect(await runSeries(options)).toEqual({ failed: [] })
    expect(log.slice(3)).toEqual([
      'two on servers 1, world 32',
      'servers 1 end',
      'servers 2 start',
      'two on servers 2, world 64',
      'two is over',
      'three on servers 2, world 96',
      'three is over',
      'servers 2 end',
    ])
  })

  it('goes on after one that could not be staged twice, and says so in the end', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { log, options } = setUp({ two: 2 })
    expect(await runSeries(options)).toEqual({ failed: ['two'] })
    expect(log.filter((line) => line.endsWith('is over'))).toEqual(['one is over', 'three is over'])
  })

  it('gives up one that does not end', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    vi.useFakeTimers()
    const { log, options } = setUp()
    const hung = vi.fn(options.drill).mockImplementationOnce(() => new Promise(() => {}))
    const running = runSeries({ ...options, drill: hung })
    await vi.advanceTimersByTimeAsync(301_000)
    expect(await running).toEqual({ failed: [] })
    vi.useRealTimers()
    expect(log.slice(0, 4)).toEqual([
      'servers 1 start',
      'servers 1 end',
      'servers 2 start',
      'one on servers 2, world 32',
    ])
  })

  it('repeats the faults until enough was judged, and no longer', async () => {
    const { log, options } = setUp({}, { judgedAtLeast: 45 })
    await runSeries(options)
    expect(log.filter((line) => line.endsWith('is over'))).toHaveLength(5)
  })

  it('does not repeat for ever what is never staged', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const { options } = setUp({ one: 9, two: 9, three: 9 }, { judgedAtLeast: 45 })
    expect((await runSeries(options)).failed).toEqual(['one', 'two', 'three', 'one', 'two', 'three'])
  })

  it('leaves out what is missing here', async () => {
    const { log, options } = setUp()
    const missing = async () => 'no faketime'
    await runSeries({ ...options, faults: [fault('clock', { missing }), fault('two')] })
    expect(log.filter((line) => line.endsWith('is over'))).toEqual(['two is over'])
  })
})
