/** The change feed over a real log: nothing is missed, whatever order transactions commit in. */

import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createServer, listen } from '../../src/http/index.ts'
import { closeServer } from '../../src/http/server.ts'
import { signToken, type TestKeys, testKeys } from '../support/app.ts'
import { appOf, PLAIN_HTTP } from '../support/app-of.ts'
import { becomes } from '../support/becomes.ts'
import { observed } from '../support/observed.ts'
import { asRoot, PATIENT, type Service, smallOrganisation, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

let databaseUrl: string
let service: Service
let sql: pg.Client
let keys: TestKeys
let server: ReturnType<typeof createServer>
let url: string

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment: PATIENT })
  sql = new pg.Client({ connectionString: databaseUrl })
  await sql.connect()
  await service.portcullis.mutations.importOrganisation(smallOrganisation, asRoot)
  keys = await testKeys()
  const app = observed(appOf(service, keys, { ...PLAIN_HTTP, requestBudgetMs: 1500 }))
  server = createServer(app)
  url = `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}/changes`
})
afterAll(async () => {
  await sql?.end()
  service?.portcullis.changes.close()
  if (server) await closeServer(server)
  await service?.close()
  await dropDatabase(databaseUrl)
})

interface Received {
  readonly id: string
  readonly event?: string
  readonly data?: { event: string; users: string[]; names: Record<string, string> }
}

/** Collects what arrives until it is closed. */
async function follow(lastEventId?: string, query = '') {
  const closing = new AbortController()
  const answer = await fetch(url + query, {
    signal: closing.signal,
    headers: {
      authorization: `Bearer ${await signToken(keys, 'root', { roles: ['admin'] })}`,
      accept: 'text/event-stream',
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
  })
  const received: Received[] = []
  let ended = false
  const reading = (async () => {
    let text = ''
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const parts = text.split('\n\n')
      text = parts.pop() as string
      for (const part of parts) {
        const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s)))
        if (fields.id) received.push({ ...fields, ...(fields.data && { data: JSON.parse(fields.data) }) })
      }
    }
    ended = true
  })().catch(() => {
    ended = true
  })
  return {
    answer,
    received,
    events: () => received.flatMap(({ data, event }) => (event === 'reset' ? ['reset'] : data ? [data.event] : [])),
    isEnded: () => ended,
    async close() {
      closing.abort()
      await reading
    },
  }
}

/** A mutation's log row by hand, so that the test decides when it commits. */
async function appendLater(event: string) {
  const late = new pg.Client({ connectionString: databaseUrl })
  await late.connect()
  await late.query('BEGIN')
  await late.query(`INSERT INTO invalidation_log (tags, event, actor) VALUES ('{u:late}', $1, 'test')`, [event])
  return async () => {
    await late.query('COMMIT')
    await late.end()
  }
}

const append = (event: string, rows = 1) =>
  sql.query(
    `INSERT INTO invalidation_log (tags, event, actor) SELECT '{u:someone}', $1 || n, 'test' FROM generate_series(1, $2::int) n`,
    [event, rows],
  )

describe('the change feed', () => {
  let number = 0
  beforeEach(() => void number++)

  it('tells of a mutation at once, in words, and long after the request budget', async () => {
    const stream = await follow()
    expect(stream.answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    await becomes(() => stream.received.length, 1)
    const startedAt = performance.now()
    await becomes(() => performance.now() - startedAt > 1600, true)
    await service.portcullis.mutations.createGroup({ name: `group-${number}` }, asRoot)
    const committedAt = performance.now()
    await becomes(stream.events, ['createGroup'])
    console.info(`a change arrived ${Math.round(performance.now() - committedAt)} ms after its acknowledgement`)
    expect(stream.received.at(-1)).toMatchObject({
      event: 'change',
      data: { event: 'createGroup', users: [], layers: [] },
    })
    await stream.close()
  })

  it('gives the names of groups and resources beside their ids, also of what a change deletes', async () => {
    const { mutations } = service.portcullis
    const stream = await follow()
    const of = async (event: string) => {
      await becomes(() => stream.events().includes(event), true)
      return stream.received.find(({ data }) => data?.event === event)?.data
    }
    await becomes(() => stream.received.length, 1)
    const group = await mutations.createGroup({ name: `named-${number}` }, asRoot)
    const id = group.value.id
    expect(await of('createGroup')).toMatchObject({ places: [id], names: { [id]: `named-${number}` } })
    const grants = [{ group: { id }, permission: 'read' as const }]
    const { value: resource } = await mutations.createResource(
      { name: `papers-${number}`, kind: 'document', grants },
      asRoot,
    )
    expect((await of('createResource'))?.names).toEqual({
      [id]: `named-${number}`,
      [resource.id]: `papers-${number}`,
    })
    await mutations.deleteResource({ resource: { id: resource.id } }, asRoot)
    expect((await of('deleteResource'))?.names).toMatchObject({ [resource.id]: `papers-${number}` })
    await mutations.deleteGroup({ group: { id } }, asRoot)
    expect((await of('deleteGroup'))?.names).toEqual({ [id]: `named-${number}` })
    await stream.close()
  })

  it('gives a change the same CloudEvent id whenever it is sent again', async () => {
    const first = await follow()
    await becomes(() => first.received.length, 1)
    const { id } = first.received[0]!
    await append('again', 2)
    await becomes(() => first.events().length, 2)
    await first.close()
    const sent = async () => {
      const again = await follow(id, '?format=cloudevents')
      await becomes(() => again.received.length >= 3, true)
      await again.close()
      return again.received.flatMap(({ data }) => (data ? [(data as unknown as { id: string }).id] : []))
    }
    const ids = await sent()
    expect(new Set(ids).size).toBe(2)
    expect(await sent()).toEqual(ids)
  })

  it('brings what commits late with a low id, to a live client and to one that comes back', async () => {
    const stream = await follow()
    await becomes(() => stream.received.length, 1)
    const commit = await appendLater('late')
    await append('early', 1)
    await becomes(stream.events, ['early1'])
    const { id } = stream.received.at(-1)!
    await stream.close()

    const live = await follow(id)
    await becomes(() => live.received.length, 1)
    await commit()
    await append('after', 1)
    await becomes(() => live.events().toSorted(), ['after1', 'late'])
    const returned = await follow(id)
    await becomes(() => returned.events().toSorted(), ['after1', 'late'])
    await Promise.all([live.close(), returned.close()])
  })

  it('goes on in the middle of a batch longer than a page, each event once', async () => {
    const stream = await follow()
    await becomes(() => stream.received.length, 1)
    const { id: start } = stream.received[0]!
    await stream.close()
    await append('many', 1200)
    const whole = await follow(start)
    await becomes(() => whole.events().length, 1200)
    await whole.close()
    const positions = whole.received.filter(({ data }) => data)
    for (const at of [0, 499, 500, 777, 1198, 1199]) {
      const rest = await follow(positions[at]!.id)
      await becomes(rest.events, whole.events().slice(at + 1))
      await rest.close()
    }
  })

  it('says reset where the past cannot be told: another database, or a log that no longer holds it', async () => {
    const stream = await follow()
    await becomes(() => stream.received.length, 1)
    const { id } = stream.received[0]!
    await stream.close()
    await append('forgotten')
    await sql.query(`INSERT INTO log_checkpoints (created_at) VALUES (now() - interval '13 hours')`)
    const pruned = await follow(id)
    await becomes(pruned.events, ['reset'])
    await append('seen')
    await becomes(pruned.events, ['reset', 'seen1'])
    await pruned.close()
    await sql.query('DELETE FROM log_checkpoints')
  })

  it('refuses an id that it did not give, with a status', async () => {
    const forged = await follow('bm90LWFuLWlk')
    expect(forged.answer.status).toBe(400)
    await forged.close()
  })

  it('serves a bounded number of streams, and ends them all at once when the server goes', async () => {
    const streams: Awaited<ReturnType<typeof follow>>[] = []
    while (streams.length < 100) streams.push(...(await Promise.all(Array.from({ length: 10 }, () => follow()))))
    expect(streams.every(({ answer }) => answer.status === 200)).toBe(true)
    const tooMany = await follow()
    expect([tooMany.answer.status, tooMany.answer.headers.get('retry-after')]).toEqual([503, '5'])
    await Promise.all(streams.slice(0, 5).map((stream) => stream.close()))
    await becomes(async () => {
      const again = await follow()
      await again.close()
      return again.answer.status
    }, 200)

    const startedAt = performance.now()
    service.portcullis.changes.close()
    await closeServer(server)
    const tookMs = Math.round(performance.now() - startedAt)
    console.info(`95 streams and the server ended in ${tookMs} ms`)
    expect(tookMs).toBeLessThan(1500)
    await becomes(() => streams.every(({ isEnded }) => isEnded()), true)
  })
})
