import request from 'supertest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createTestApp } from '../../test/support/app.ts'
import { DomainError } from '../domain/errors.ts'

afterEach(() => void vi.restoreAllMocks())

async function scene() {
  let failure: Error | undefined
  const test = await createTestApp({
    ready: () => false,
    alter: (portcullis) => ({
      ...portcullis,
      reads: {
        ...portcullis.reads,
        visibleResources: (...given) =>
          failure === undefined ? portcullis.reads.visibleResources(...given) : Promise.reject(failure),
      },
    }),
  })
  const authorization = await test.bearer('uma')
  return {
    app: test.app,
    refuse: (code: 'overloaded' | 'database-unavailable', cause: Error) => {
      failure = new DomainError(code, 'refused', { cause })
    },
    ask: () => request(test.app).get('/resources').set('authorization', authorization),
    reasons: () =>
      test.logged
        .map((line) => JSON.parse(line) as { level: string; msg: string; problem?: string; err?: { message: string } })
        .filter(({ msg }) => msg === 'requests are refused'),
  }
}

const refused = (port: number) => Object.assign(new Error(`connect ECONNREFUSED :${port}`), { code: 'ECONNREFUSED' })

describe('the reason of a 503', () => {
  it('is logged at level info with its cause, once for many requests', async () => {
    const { refuse, ask, reasons } = await scene()
    for (const port of [1, 2, 3]) {
      refuse('database-unavailable', refused(port))
      expect((await ask()).status).toBe(503)
    }
    expect(reasons()).toMatchObject([
      {
        level: 'info',
        problem: 'database-unavailable',
        route: '/resources',
        err: { message: 'connect ECONNREFUSED :1' },
      },
    ])
  })

  it('is logged once per reason where several alternate', async () => {
    const { refuse, ask, reasons } = await scene()
    for (let round = 0; round < 2; round++) {
      refuse('database-unavailable', refused(1))
      await ask()
      refuse('database-unavailable', new Error('Query read timeout'))
      await ask()
      refuse('overloaded', new Error('full'))
      await ask()
    }
    expect(reasons().map(({ err }) => err?.message)).toEqual(['connect ECONNREFUSED :1', 'Query read timeout', 'full'])
  })

  it('is logged again when it returns after a minute without it', async () => {
    const { refuse, ask, reasons } = await scene()
    refuse('overloaded', new Error('full'))
    await ask()
    const nowMs = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(nowMs + 50_000)
    await ask()
    vi.spyOn(performance, 'now').mockReturnValue(nowMs + 109_000)
    await ask()
    expect(reasons(), 'it lasts').toHaveLength(1)
    vi.spyOn(performance, 'now').mockReturnValue(nowMs + 169_001)
    await ask()
    expect(reasons()).toHaveLength(2)
  })

  it('is logged for a probe that says the process is not ready', async () => {
    const { app, reasons } = await scene()
    await request(app).get('/readyz')
    await request(app).get('/readyz')
    expect(reasons()).toMatchObject([{ problem: 'not-ready', route: '/readyz' }])
  })
})
