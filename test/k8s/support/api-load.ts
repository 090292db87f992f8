/** Readers that never pause and one who is let in and thrown out again: what people see of the API during a drill. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.ts'

export interface ApiLoad {
  readonly reads: number
  /** Reads that got anything but 200, with the moment. */
  readonly failures: readonly string[]
  readonly slowestMs: number
  readonly revocations: number
  /** Reads with the mutation's token that still showed what had been taken away. */
  readonly staleWithToken: number
  /** Reads later than the bound after the revocation that still showed it. */
  readonly stalePastBound: number
  readonly mutationFailures: readonly string[]
  stop(): Promise<void>
}

const READERS = 4
const BOUND_MS = 1_000

/** @param pauseMs of each reader after each answer */
export async function loadApi(api: Api, pauseMs = 20): Promise<ApiLoad> {
  const admin = await api.token('admin', 'admin')
  const guest = await api.token('guest')
  const call = async (
    method: string,
    where: string,
    token: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`${api.url}${where}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    return {
      status: response.status,
      token: response.headers.get('consistency-token') ?? '',
      text: await response.text(),
    }
  }
  const must = async (...args: Parameters<typeof call>): Promise<void> => {
    const { status, text } = await call(...args)
    if (status >= 300) throw new Error(`${args[0]} ${args[1]}: ${status} ${text}`)
  }
  for (const user of ['guest', 'resident']) await must('PUT', `/users/${user}`, admin, {})
  for (const name of ['door', 'hall']) await must('POST', '/groups', admin, { name })
  await must('POST', '/resources', admin, {
    name: 'vault',
    kind: 'room',
    grants: [{ group: 'name:door', permission: 'read' }],
  })
  await must('POST', '/resources', admin, {
    name: 'lobby',
    kind: 'room',
    grants: [{ group: 'name:hall', permission: 'read' }],
  })
  await must('PUT', '/groups/name:hall/members/resident', admin, {})

  let running = true
  let reads = 0
  let slowestMs = 0
  let revocations = 0
  let staleWithToken = 0
  let stalePastBound = 0
  const failures: string[] = []
  const mutationFailures: string[] = []
  const read = async (token: string, headers?: Record<string, string>): Promise<string | undefined> => {
    const started = performance.now()
    const answer = await call('GET', '/resources', token, undefined, headers).catch((error) => ({
      status: 0,
      text: String(error),
    }))
    slowestMs = Math.max(slowestMs, performance.now() - started)
    reads++
    if (answer.status === 200) return answer.text
    failures.push(`${new Date().toISOString()} ${answer.status} ${answer.text.slice(0, 200)}`)
    return undefined
  }

  const resident = await api.token('resident')
  const readers = Array.from({ length: READERS }, async () => {
    while (running) {
      const text = await read(resident)
      if (text !== undefined && !text.includes('lobby'))
        failures.push(`${new Date().toISOString()} the lobby is missing`)
      await sleep(pauseMs)
    }
  })
  const revoker = (async () => {
    while (running) {
      await call('PUT', '/groups/name:door/members/guest', admin, {}).catch(() => {})
      await read(guest)
      const taken = await call('DELETE', '/groups/name:door/members/guest', admin).catch((error) => ({
        status: 0,
        token: '',
        text: String(error),
      }))
      if (taken.status >= 300 || taken.status === 0) {
        mutationFailures.push(`${new Date().toISOString()} ${taken.status} ${taken.text.slice(0, 200)}`)
        continue
      }
      revocations++
      if ((await read(guest, { 'consistency-token': taken.token }))?.includes('vault')) staleWithToken++
      await sleep(BOUND_MS)
      if ((await read(guest))?.includes('vault')) stalePastBound++
    }
  })()

  return {
    get reads() {
      return reads
    },
    failures,
    get slowestMs() {
      return Math.round(slowestMs)
    },
    get revocations() {
      return revocations
    },
    get staleWithToken() {
      return staleWithToken
    },
    get stalePastBound() {
      return stalePastBound
    },
    mutationFailures,
    async stop() {
      running = false
      await Promise.all([...readers, revoker])
    },
  }
}
