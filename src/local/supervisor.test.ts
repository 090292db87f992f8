import { describe, expect, it } from 'vitest'
import type { ServerName } from './stack.ts'
import { createSupervisor } from './supervisor.ts'

const killed = { code: null, signal: 'SIGKILL' } as const
const settled = () => new Promise((resolve) => setImmediate(resolve))

function setUp(restart: (name: ServerName) => Promise<void> = async () => {}) {
  const said: string[] = []
  const restarted: ServerName[] = []
  const gaveUp: string[] = []
  let nowMs = 0
  const supervisor = createSupervisor({
    restart: async (name) => {
      restarted.push(name)
      await restart(name)
    },
    log: (message) => said.push(message),
    giveUp: (message) => gaveUp.push(message),
    monotonicMs: () => nowMs,
    pause: async () => {},
  })
  return { supervisor, said, restarted, gaveUp, pass: (ms: number) => (nowMs += ms) }
}

describe('the supervisor', () => {
  it('starts a server that ended again and says so before and after', async () => {
    const { supervisor, said, restarted } = setUp()
    supervisor.onUnexpectedExit('redis-1', killed)
    await settled()
    expect(restarted).toEqual(['redis-1'])
    expect(said).toEqual(['redis-1 ended (SIGKILL); starting it again', 'redis-1 is back'])
  })

  it('gives up on a server that keeps ending', async () => {
    const { supervisor, restarted, gaveUp } = setUp()
    for (let time = 0; time < 6; time++) supervisor.onUnexpectedExit('postgres', killed)
    await settled()
    expect(restarted).toHaveLength(5)
    expect(gaveUp).toEqual([expect.stringContaining('postgres ended (SIGKILL) 6 times within a minute')])
  })

  it('forgets ends that are a minute old', async () => {
    const { supervisor, restarted, gaveUp, pass } = setUp()
    for (let time = 0; time < 10; time++) {
      supervisor.onUnexpectedExit('postgres', killed)
      pass(15_000)
    }
    await settled()
    expect(restarted).toHaveLength(10)
    expect(gaveUp).toEqual([])
  })

  it('gives up on a server that does not start', async () => {
    const { supervisor, gaveUp } = setUp(() => Promise.reject(new Error('no disk')))
    supervisor.onUnexpectedExit('sentinel-2', killed)
    await settled()
    expect(gaveUp).toEqual(['sentinel-2 does not start again: no disk'])
  })

  it('starts nothing once it rests', async () => {
    const { supervisor, restarted } = setUp()
    supervisor.rest()
    supervisor.onUnexpectedExit('redis-1', killed)
    await settled()
    expect(restarted).toEqual([])
  })
})
