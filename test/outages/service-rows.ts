/** Load beyond the usual, PostgreSQL, and the instances themselves. */
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '../../src/local/wait-until.ts'
import type { Row } from './row.ts'

const THOUSAND = 1000
const PLAIN_SQL = { 'cache-control': 'no-cache' }
const STAMPEDE = 1000
/** While breakers open and everybody turns to PostgreSQL, in milliseconds. */
const TURN_MS = 2000
/** From servers that answer to lists that are all there, in milliseconds. */
const REFILL_MS = 5000

export const serviceRows: readonly Row[] = [
  {
    name: 'plain-sql',
    title: `no fault, every read by plain SQL (Cache-Control: no-cache), ${THOUSAND} reads/s`,
    clientsMayNotice: 'nothing',
    perSecond: THOUSAND,
    headers: PLAIN_SQL,
    run: ({ holdMs }) => sleep(holdMs),
  },
  {
    name: 'outage-at-1000',
    title: `all Redis and Sentinels dead, ${THOUSAND} reads/s`,
    clientsMayNotice: 'nothing',
    perSecond: THOUSAND,
    holdMs: 30_000,
    comparison(phases) {
      const p99 = (name: string) => phases.find((phase) => phase.name === name)?.p99Ms ?? Number.NaN
      const ratio = p99('outage') / p99('plain SQL')
      const parts = ['plain SQL', 'kill', 'outage', 'start', 'refill'].map((name) => `${name} ${p99(name).toFixed(0)}`)
      return `p99 by phase: ${parts.join(', ')} ms; outage / plain SQL ${ratio.toFixed(2)}`
    },
    async before({ holdMs, phase, send }) {
      phase('plain SQL')
      send(PLAIN_SQL)
      await sleep(holdMs / 2)
      phase('cache')
      send({})
      await sleep(TURN_MS)
    },
    async run({ environment: { stack }, holdMs, phase, over }) {
      phase('kill')
      await stack.stopAllRedis('SIGKILL')
      await sleep(TURN_MS)
      phase('outage')
      await sleep(holdMs)
      phase('start')
      await stack.startAllRedis()
      over()
      phase('refill')
      await sleep(REFILL_MS)
    },
  },
  {
    name: 'flush',
    title: 'row 12: everything is flushed twice a second, 500 reads/s',
    clientsMayNotice: 'nothing',
    perSecond: 500,
    async run({ environment: { fleet, issuer }, holdMs, note }) {
      const token = await issuer.issue({ subject: 'outage.cache', roles: ['cache-admin'], ttlSeconds: 3600 })
      const statuses: number[] = []
      for (let leftMs = holdMs; leftMs > 0; leftMs -= 500) {
        const response = await fetch(`http://127.0.0.1:${fleet.ports[0]}/admin/cache/flush`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ scope: 'all', reason: 'outage drill' }),
        })
        await response.text()
        statuses.push(response.status)
        await sleep(500)
      }
      note(`${statuses.filter((status) => status === 200).length} flushes`)
    },
  },
  {
    name: 'stampede',
    title: `row 11: ${STAMPEDE} at once on one cold key, two instances, catalogue warm`,
    clientsMayNotice: 'nothing',
    async run({ environment: { fleet, issuer }, note }) {
      const token = await issuer.issue({ subject: 'outage.1', roles: [], ttlSeconds: 3600 })
      const loads = async () => {
        const texts = await Promise.all(
          fleet.ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
        )
        const counts = texts.map((text) => /load[a-z_]*_count\{layer="user-resources"\} (\d+)/.exec(text)?.[1] ?? 0)
        return counts.reduce<number>((sum, count) => sum + Number(count), 0)
      }
      const before = await loads()
      const answers = await Promise.all(
        Array.from({ length: STAMPEDE }, async (_, each) => {
          const response = await fetch(`http://127.0.0.1:${fleet.ports[each % 2]}/resources`, {
            headers: { authorization: `Bearer ${token}` },
          })
          await response.text()
          return response.status
        }),
      )
      note(
        `${answers.filter((status) => status === 200).length} answered 200, ${(await loads()) - before} load(s) of the list`,
      )
    },
  },
  {
    name: 'postgres-crash',
    title: 'row 13: PostgreSQL crashes, back after 20 s',
    clientsMayNotice: 'refusals',
    holdMs: 20_000,
    async run({ environment: { stack }, holdMs }) {
      await stack.kill('postgres')
      await sleep(holdMs)
      await stack.restart('postgres')
    },
  },
  {
    name: 'postgres-hang',
    title: 'row 14: PostgreSQL hangs for 15 s (SIGSTOP)',
    clientsMayNotice: 'refusals',
    holdMs: 15_000,
    async run({ environment: { stack }, holdMs }) {
      await stack.hang('postgres')
      await sleep(holdMs)
      stack.resume('postgres')
    },
  },
  {
    name: 'boot-without-postgres',
    title: 'an instance starts while PostgreSQL is away',
    clientsMayNotice: 'refusals',
    async run({ environment: { stack, fleet }, note }) {
      await stack.kill('postgres')
      await fleet.stop(2)
      const starting = fleet.start(2)
      const probe = async (path: string) => {
        const response = await fetch(`http://127.0.0.1:${fleet.ports[2]}${path}`)
        await response.text()
        return response.status
      }
      await waitUntil('it lives', async () => (await probe('/livez')) === 200, { timeoutMs: 10_000 })
      note(`meanwhile /livez ${await probe('/livez')}, /readyz ${await probe('/readyz')}`)
      await stack.restart('postgres')
      const startedMs = performance.now()
      await starting
      note(`ready ${((performance.now() - startedMs) / 1000).toFixed(1)} s after PostgreSQL`)
    },
  },
  {
    name: 'rolling-restart',
    title: 'row 17: rolling restart (SIGTERM in turn)',
    clientsMayNotice: 'nothing',
    env: { SHUTDOWN_DELAY_MS: '1000' },
    async run({ environment: { fleet } }) {
      for (const instance of [0, 1, 2]) {
        await fleet.stop(instance)
        await fleet.start(instance)
      }
    },
  },
]
