import { describe, expect, it } from 'vitest'
import { createSupervisor } from './supervisor.ts'

const killed = { code: null, signal: 'SIGKILL' } as const
const settled = () => new Promise((resolve) => setImmediate(resolve))

function setUp(restart: (name: string) => Promise<void> = async () => {}) {
  const said: string[] = []
  const restarted: string[] = []
  const pausesMs: number[] = []
  let nowMs = 0
  const supervisor = createSupervisor<string>({
    restart: async (name) => {
      restarted.push(name)
      await restart(name)
    },
    log: (message) => said.push(message),
    monotonicMs: () => nowMs,
    pause: async (ms) => void pausesMs.push(ms),
  })
  return { supervisor, said, restarted, pausesMs, pass: (ms: number) => (nowMs += ms) }
}

describe('the supervisor', () => {
  it('starts what ended again and says so before and after', async () => {
    const { supervisor, said, restarted } = setUp()
    supervisor.onUnexpectedExit('api', killed)
    await settled()
    expect(restarted).toEqual(['api'])
    expect(said).toEqual(['api ended (SIGKILL); starting it again', 'api is back'])
  })

  it('waits longer each time for what keeps ending, and half a minute at most', async () => {
    const { supervisor, restarted, pausesMs } = setUp()
    for (let time = 0; time < 7; time++) {
      supervisor.onUnexpectedExit('postgres', killed)
      await settled()
    }
    expect(restarted).toHaveLength(7)
    expect(pausesMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  it('forgets ends that are a minute old', async () => {
    const { supervisor, pausesMs, pass } = setUp()
    for (let time = 0; time < 4; time++) {
      supervisor.onUnexpectedExit('postgres', killed)
      await settled()
      pass(60_000)
    }
    expect(pausesMs).toEqual([1_000, 1_000, 1_000, 1_000])
  })

  it('keeps trying what does not start, and gives each reason once', async () => {
    let attempts = 0
    const { supervisor, said } = setUp(async () => {
      attempts++
      if (attempts < 4) throw new Error(attempts < 3 ? 'no disk' : 'no memory')
    })
    supervisor.onUnexpectedExit('sentinel-2', killed)
    await settled()
    expect(attempts).toBe(4)
    expect(said.slice(1)).toEqual([
      'sentinel-2 does not start: no disk\nTrying again until it does.',
      'sentinel-2 does not start: no memory\nTrying again until it does.',
      'sentinel-2 is back',
    ])
  })

  it('starts once what ends again while it is being started', async () => {
    const { supervisor, restarted } = setUp(async (name) => {
      if (restarted.length === 1) supervisor.onUnexpectedExit(name, killed)
    })
    supervisor.onUnexpectedExit('redis-1', killed)
    await settled()
    expect(restarted).toEqual(['redis-1', 'redis-1'])
  })

  it('starts nothing once it rests', async () => {
    const { supervisor, restarted } = setUp()
    supervisor.rest()
    supervisor.onUnexpectedExit('redis-1', killed)
    await settled()
    expect(restarted).toEqual([])
  })
})
