/** Input that other people collected because it broke something. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createTestApp, WORLD } from '../../test/support/app.ts'
import { served } from '../../test/support/served.ts'

const DATA = '../shared/data'
const STRINGS = join(DATA, 'naughty-strings/blns.json')
const BODIES = join(DATA, 'json-test-suite/test_parsing')

if (!existsSync(STRINGS) || !existsSync(BODIES)) console.warn(`skipped: the corpora are not in ${DATA}`)

interface Sent {
  readonly what: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

/** Requests that hold the string once in each place where a string may stand. */
function placesFor(text: string): Sent[] {
  const encoded = encodeURIComponent(text.toWellFormed())
  const asHeader = Buffer.from(text)
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
  return [
    { what: 'resource name', method: 'POST', path: '/resources', body: { name: text, kind: 'k' } },
    { what: 'kind', method: 'POST', path: '/resources', body: { name: 'n', kind: text } },
    { what: 'description', method: 'POST', path: '/resources', body: { name: 'n', kind: 'k', description: text } },
    {
      what: 'attribute',
      method: 'POST',
      path: '/resources',
      body: { name: 'n', kind: 'k', attributes: { [text]: [text] } },
    },
    {
      what: 'group reference',
      method: 'POST',
      path: '/resources',
      body: { name: 'n', kind: 'k', grants: [{ group: `name:${text}`, permission: 'read' }] },
    },
    { what: 'group name', method: 'POST', path: '/groups', body: { name: text } },
    { what: 'display name', method: 'PUT', path: '/users/x', body: { displayName: text } },
    { what: 'flush reason', method: 'POST', path: '/admin/cache/flush', body: { scope: 'all', reason: text } },
    {
      what: 'flushed user',
      method: 'POST',
      path: '/admin/cache/flush',
      body: { scope: 'user', user: text, reason: 'r' },
    },
    { what: 'imported', method: 'POST', path: '/import', body: { users: [{ id: text }], groups: [{ name: text }] } },
    { what: 'user id in a path', method: 'PUT', path: `/users/${encoded}`, body: {} },
    { what: 'member in a path', method: 'DELETE', path: `/groups/${WORLD.group}/members/${encoded}` },
    { what: 'name in a path', method: 'GET', path: `/resources/name:${encoded}` },
    { what: 'id in a path', method: 'GET', path: `/groups/${encoded}` },
    { what: 'prefix', method: 'GET', path: `/resources?q=${encoded}` },
    { what: 'kind in a query', method: 'GET', path: `/resources?kind=${encoded}` },
    { what: 'cursor', method: 'GET', path: `/resources?cursor=${encoded}` },
    { what: 'parameter name', method: 'GET', path: `/resources?${encoded}=1` },
    ...[
      'if-none-match',
      'if-match',
      'consistency-token',
      'idempotency-key',
      'x-request-id',
      'accept',
      'cache-control',
    ].map((name) => ({
      what: `header ${name}`,
      method: name === 'if-match' ? 'PATCH' : name === 'idempotency-key' ? 'POST' : 'GET',
      path: name === 'idempotency-key' ? '/groups' : `/resources/${WORLD.resource}`,
      headers: { [name]: asHeader },
      ...(name === 'if-match' && { body: { kind: 'k' } }),
      ...(name === 'idempotency-key' && { body: { name: 'n' } }),
    })),
  ]
}

/** Where the recorded mutation shows what was understood. */
const UNDERSTOOD: Readonly<Record<string, (input: Record<string, unknown>) => unknown>> = {
  'resource name': (input) => input.name,
  kind: (input) => input.kind,
  description: (input) => input.description,
  'group name': (input) => input.name,
  'display name': (input) => input.displayName,
  'user id in a path': (input) => input.id,
}

describe.skipIf(!existsSync(STRINGS))('naughty strings', () => {
  const strings = (existsSync(STRINGS) ? JSON.parse(readFileSync(STRINGS, 'utf8')) : []) as string[]

  it('never break anything, and mean themselves where they are accepted', { timeout: 120_000 }, async () => {
    expect(strings).toHaveLength(515)
    const test = await createTestApp()
    const { send } = await served(test.app)
    const authorization = await test.bearer('adam', { roles: ['admin', 'cache-admin'] })
    const statuses: Record<string, number> = {}
    for (const text of strings)
      for (const { what, method, path, body, headers } of placesFor(text)) {
        const before = test.calls.length
        const answer = await send({
          method,
          path,
          headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
        const type = answer.headers['content-type'] ?? ''
        if (answer.status >= 500 || (answer.status >= 400 && !type.startsWith('application/problem+json')))
          expect.fail(`${what} ${JSON.stringify(text)}: ${answer.status} ${type}`)
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        const understood = UNDERSTOOD[what]
        const call = test.calls[before]
        if (understood !== undefined && call !== undefined)
          expect(understood(call.input as Record<string, unknown>), what).toBe(
            what.startsWith('user id') ? text : text.normalize('NFC'),
          )
      }
    // Most are ordinary text in another language, so most must be accepted.
    expect(statuses[201] ?? 0).toBeGreaterThan(515 * 3)
    expect(Object.keys(statuses).sort()).toEqual(['200', '201', '204', '400', '404', '406', '412'])
  })

  it('are not subjects where they hold control characters, and subjects like any other where not', async () => {
    const test = await createTestApp()
    const { send } = await served(test.app)
    for (const text of strings.filter((candidate) => candidate !== '' && [...candidate].length <= 200)) {
      const answer = await send({ path: '/me', headers: { authorization: await test.bearer(text) } })
      const allowed = !/\p{Cc}/u.test(text) && text.isWellFormed()
      expect([text, answer.status]).toEqual([text, allowed ? 200 : 401])
      if (allowed) expect(JSON.parse(answer.text).id).toBe(text)
    }
  })
})

describe.skipIf(!existsSync(BODIES))('JSON bodies', () => {
  const files = existsSync(BODIES) ? readdirSync(BODIES).filter((name) => name.endsWith('.json')) : []
  const targets = [
    { method: 'POST', path: '/resources' },
    { method: 'PATCH', path: `/resources/${WORLD.resource}` },
    { method: 'PUT', path: '/users/x' },
    { method: 'POST', path: '/import' },
  ]

  it('that are not JSON are 400, and none of the others is more than a refusal', { timeout: 60_000 }, async () => {
    const counts = { n: 0, y: 0, i: 0 }
    const test = await createTestApp()
    const { send } = await served(test.app)
    const authorization = await test.bearer('adam', { roles: ['admin'] })
    for (const name of files) {
      const kind = name.slice(0, 1) as keyof typeof counts
      counts[kind] += 1
      for (const { method, path } of targets) {
        const body = readFileSync(join(BODIES, name))
        const answer = await send({
          method,
          path,
          headers: { authorization, 'content-type': 'application/json' },
          body,
        })
        // An absent body is allowed where every member is optional; then it is not JSON that is missing.
        const absent = name === 'n_structure_no_data.json' && path === '/users/x'
        if (kind === 'n' && !absent) expect([name, path, answer.status]).toEqual([name, path, 400])
        else if (answer.status >= 500) expect.fail(`${name} ${path}: ${answer.status}`)
      }
    }
    expect(counts).toEqual({ n: 188, y: 95, i: 35 })
  })
})

describe('bodies of our own', () => {
  it.each([
    ['deep nesting', `{"name":"n","kind":"k","attributes":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`],
    ['very deep nesting', `{"name":"n","kind":"k","attributes":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`],
    ['a NUL', '{"name":"a\\u0000b","kind":"k"}'],
    ['a NUL in an attribute', '{"name":"n","kind":"k","attributes":{"a":"\\u0000"}}'],
    ['a NUL in a key', '{"name":"n","kind":"k","attributes":{"\\u0000":1}}'],
    ['half a surrogate pair', '{"name":"\\ud800","kind":"k"}'],
    ['half a surrogate pair in an attribute', '{"name":"n","kind":"k","attributes":{"a":["\\udc00"]}}'],
    ['a line break in a name', '{"name":"a\\nb","kind":"k"}'],
    ['a bell in a description', '{"name":"n","kind":"k","description":"\\u0007"}'],
    ['a prototype', '{"name":"n","kind":"k","attributes":{"__proto__":{"admin":true}}}'],
    ['a prototype at the top', '{"name":"n","kind":"k","__proto__":{"admin":true}}'],
    ['a number beyond numbers', '{"name":"n","kind":"k","attributes":{"a":1e999}}'],
    ['an unknown member', '{"name":"n","kind":"k","unknown":"me"}'],
    ['too large attributes', `{"name":"n","kind":"k","attributes":{"a":"${'x'.repeat(16_384)}"}}`],
    ['a list where an object belongs', '{"name":"n","kind":"k","attributes":[]}'],
    ['bytes that are not UTF-8', Buffer.from([...Buffer.from('{"name":"'), 0xff, ...Buffer.from('","kind":"k"}')])],
    ['a byte order mark', `\ufeff{"name":"n","kind":"k"}`],
  ])('with %s are refused', async (_what, body) => {
    const test = await createTestApp()
    const { send } = await served(test.app)
    const headers = {
      authorization: await test.bearer('adam', { roles: ['admin'] }),
      'content-type': 'application/json',
    }
    const answer = await send({ method: 'POST', path: '/resources', headers, body })
    expect(answer.status).toBe(400)
    expect(test.calls).toHaveLength(0)
  })
})
