/** Every call that writes memberships and grants takes an end, every answer that shows them shows it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Expiring, startExpiring } from '../support/expiring.ts'
import { GROUP_SCHEMA, type ScimClient, scimClient } from '../support/scim.ts'

const END = '2099-01-31T12:00:00.000Z'
const LATER = '2099-06-30T12:00:00.000Z'
const MEMBER = 'PUT /groups/name:other/members/eve'
const GRANT = 'PUT /groups/name:other/grants/name:handbook'

let world: Expiring
beforeAll(async () => {
  world = await startExpiring()
})
afterAll(() => world?.close())
beforeEach(() => world.begin())
afterEach(() => world.letJobGo())

const errorsOf = (body: { errors?: { pointer: string }[] }) => body.errors?.map(({ pointer }) => pointer)

describe('the PUT of one', () => {
  it('tells apart the two hours that the end of summer time repeats', async () => {
    for (const [given, instant] of [
      ['2098-10-26T02:30:00+02:00', '2098-10-26T00:30:00.000Z'],
      ['2098-10-26T02:30:00+01:00', '2098-10-26T01:30:00.000Z'],
    ])
      expect((await world.call(MEMBER, { expiresAt: given })).body).toMatchObject({ expiresAt: instant })
  })

  it.each([
    ['membership', MEMBER, { role: 'member' }],
    ['grant', GRANT, { permission: 'read' }],
  ])('%s takes an end, moves it and removes it, and the audit trail says from what to what', async (_, put, body) => {
    const [list = ''] = put.slice('PUT '.length).match(/^\/groups\/name:other\/\w+/) ?? []
    const shown = async () =>
      (await world.call(`GET ${list}`)).body.data.map((each: { expiresAt: unknown }) => each.expiresAt)
    expect(await world.call(put, { ...body, expiresAt: END })).toMatchObject({ status: 201, body: { expiresAt: END } })
    expect(await shown()).toContain(END)
    expect(await world.call(put, { ...body, expiresAt: '2099-06-30T14:00:00+02:00' })).toMatchObject({
      status: 200,
      body: { ...body, expiresAt: LATER },
    })
    expect(await shown()).toContain(LATER)
    expect(await world.call(put, { ...body, expiresAt: null })).toMatchObject({
      status: 200,
      body: { expiresAt: null },
    })
    expect(await shown()).not.toContain(LATER)
    const events = await world.rows<{ before: { expiresAt: string } | null; after: { expiresAt: string } }>(
      `SELECT before, after FROM audit_log WHERE action IN ('addUserToGroup', 'putGrant') ORDER BY id DESC LIMIT 3`,
    )
    expect(events.map(({ before, after }) => [before?.expiresAt, after.expiresAt]).reverse()).toEqual([
      [undefined, END],
      [END, LATER],
      [LATER, null],
    ])
  })

  it.each([
    [MEMBER, { role: 'member' }],
    [GRANT, { permission: 'read' }],
  ])(
    '%s that does not mention the end keeps it: a client that does not know of ends gives nobody access for ever',
    async (put, body) => {
      expect(await world.call(put, body)).toMatchObject({ status: 201, body: { expiresAt: null } })
      await world.call(put, { ...body, expiresAt: END })
      expect(await world.call(put, body)).toMatchObject({ status: 200, body: { expiresAt: END } })
    },
  )

  it.each([
    [MEMBER, { role: 'member', expiresAt: END }],
    [GRANT, { permission: 'read', expiresAt: END }],
  ])('%s that changes nothing writes nothing, in whatever offset the end is given', async (put, body) => {
    await world.call(put, body)
    const before = [await world.countOf('invalidation_log'), await world.countOf('audit_log')]
    expect(await world.call(put, { ...body, expiresAt: '2099-01-31T13:00:00.000999+01:00' })).toMatchObject({
      status: 200,
    })
    expect([await world.countOf('invalidation_log'), await world.countOf('audit_log')]).toEqual(before)
  })

  it.each([MEMBER, GRANT])('%s invalidates when nothing but the end moves', async (put) => {
    const body = put === MEMBER ? { role: 'member' } : { permission: 'read' }
    await world.call(put, { ...body, expiresAt: END })
    await world.sql.query('TRUNCATE invalidation_log')
    await world.call(put, { ...body, expiresAt: LATER })
    const [row] = await world.rows<{ tags: string[] }>('SELECT tags FROM invalidation_log')
    expect(row?.tags).toEqual(put === MEMBER ? ['u:eve'] : expect.arrayContaining([expect.stringMatching(/^g:/)]))
  })

  it.each([MEMBER, GRANT])('%s can be repeated for as long as its end is in the future', async (put) => {
    const expiresAt = world.hence(1500)
    const body = { ...(put === MEMBER ? { role: 'member' } : { permission: 'read' }), expiresAt }
    const first = await world.call(put, body)
    expect(first.status).toBe(201)
    expect(await world.call(put, body)).toEqual({ ...first, status: 200 })
    await world.passed(expiresAt)
    expect(await world.call(put, body)).toMatchObject({ status: 422 })
  })
})

describe('whole lists', () => {
  const members = async () => {
    const { body, etag } = await world.call('GET /groups/name:dept%2Fred/members')
    return {
      etag,
      ends: Object.fromEntries(body.data.map((m: { userId: string; expiresAt: string }) => [m.userId, m.expiresAt])),
    }
  }
  const put = (list: unknown, etag = '*') =>
    world.call('PUT /groups/name:dept%2Fred/members', { members: list }, { 'if-match': etag })

  it('of members take ends, keep those they do not mention, and remove those that are null', async () => {
    await put([{ user: 'ben', expiresAt: END }, { user: 'cid', role: 'maintainer', expiresAt: END }, { user: 'dee' }])
    expect((await members()).ends).toEqual({ ben: END, cid: END, dee: null })
    const { body } = await put([
      { user: 'ben', role: 'maintainer' },
      { user: 'cid', expiresAt: null },
      { user: 'dee', expiresAt: LATER },
    ])
    expect(body).toEqual({ total: 3, added: 0, changed: 3, removed: 0 })
    expect((await members()).ends).toEqual({ ben: END, cid: null, dee: LATER })
    const [entry] = await world.rows<{ before: object; after: object }>(
      `SELECT before, after FROM audit_log WHERE action = 'replaceMembers' ORDER BY id DESC LIMIT 1`,
    )
    expect(entry?.before).toMatchObject({ ends: { ben: END, cid: END } })
    expect(entry?.after).toMatchObject({ ends: { ben: END, dee: LATER } })
  })

  it('of grants do the same', async () => {
    const path = '/groups/name:dept%2Fred/grants'
    const replace = (grants: unknown) => world.call(`PUT ${path}`, { grants }, { 'if-match': '*' })
    await replace([
      { resource: 'name:handbook', permission: 'read', expiresAt: END },
      { resource: 'name:red-plan', permission: 'write', expiresAt: END },
    ])
    expect((await world.call(`GET ${path}`)).body.data).toMatchObject([
      { resourceName: 'handbook', expiresAt: END },
      { resourceName: 'red-plan', expiresAt: END },
    ])
    const { body } = await replace([
      { resource: 'name:handbook', permission: 'read' },
      { resource: 'name:red-plan', permission: 'write', expiresAt: null },
    ])
    expect(body).toEqual({ total: 2, added: 0, changed: 1, removed: 0 })
    expect((await world.call(`GET ${path}`)).body.data).toMatchObject([{ expiresAt: END }, { expiresAt: null }])
  })

  it('have another tag when an end moves, and when one has come though its row is still there', async () => {
    await world.holdJob()
    const tags = [(await members()).etag]
    await world.call('PUT /groups/name:dept%2Fred/members/cid', { expiresAt: END })
    tags.push((await members()).etag)
    const soon = world.hence(500)
    await world.call('PUT /groups/name:dept%2Fred/members/cid', { expiresAt: soon })
    const [, , etag] = [...tags, (await members()).etag]
    tags.push(etag)
    await world.passed(soon)
    const after = await members()
    expect(after.ends).toEqual({ ben: null })
    expect(await world.rows(`SELECT FROM memberships WHERE user_id = 'cid' AND expires_at IS NOT NULL`)).toHaveLength(1)
    expect(new Set([...tags, after.etag]).size).toBe(3)
    // As before the end was ever given: the list is what it was then.
    expect(after.etag).toBe(tags[0])
    expect(await put([{ user: 'ben' }, { user: 'cid' }], etag)).toMatchObject({ status: 412 })
    expect(await put([{ user: 'ben' }, { user: 'cid' }], after.etag)).toMatchObject({ status: 200, body: { added: 1 } })
  })

  it('that change nothing write nothing', async () => {
    await put([{ user: 'ben', expiresAt: END }])
    const before = [await world.countOf('invalidation_log'), await world.countOf('audit_log')]
    expect((await put([{ user: 'ben', expiresAt: END }])).body).toEqual({ total: 1, added: 0, changed: 0, removed: 0 })
    expect([await world.countOf('invalidation_log'), await world.countOf('audit_log')]).toEqual(before)
  })
})

describe('other calls', () => {
  it('creates a resource with first grants that end', async () => {
    const made = {
      name: 'plan',
      kind: 'document',
      grants: [{ group: 'name:other', permission: 'read', expiresAt: END }],
    }
    expect((await world.call('POST /resources', made)).status).toBe(201)
    expect((await world.call('GET /groups/name:other/grants')).body.data).toContainEqual(
      expect.objectContaining({ resourceName: 'plan', expiresAt: END }),
    )
  })

  it('imports ends, keeps those it does not mention, and removes those that are null', async () => {
    const item = {
      membership: { group: 'other', user: 'eve' },
      grant: { group: 'other', resource: 'handbook', permission: 'read' },
    }
    const load = async (end: object) =>
      (
        await world.call('POST /import', {
          memberships: [{ ...item.membership, ...end }],
          grants: [{ ...item.grant, ...end }],
        })
      ).body
    const shown = async () => [
      (await world.call('GET /groups/name:other/members')).body.data.find((m: { userId: string }) => m.userId === 'eve')
        ?.expiresAt,
      (await world.call('GET /groups/name:other/grants')).body.data.find(
        (g: { resourceName: string }) => g.resourceName === 'handbook',
      )?.expiresAt,
    ]
    expect(await load({ expiresAt: END })).toMatchObject({ memberships: { created: 1 }, grants: { created: 1 } })
    expect(await shown()).toEqual([END, END])
    expect(await load({})).toMatchObject({ changed: false })
    expect(await load({ expiresAt: LATER })).toMatchObject({ memberships: { updated: 1 }, grants: { updated: 1 } })
    expect(await load({})).toMatchObject({ changed: false })
    expect(await shown()).toEqual([LATER, LATER])
    expect(await load({ expiresAt: null })).toMatchObject({ memberships: { updated: 1 }, grants: { updated: 1 } })
    expect(await shown()).toEqual([null, null])
  })

  it('answers an import again for the same idempotency key, also when the ends in it have come', async () => {
    const expiresAt = world.hence(1000)
    const body = { memberships: [{ group: 'other', user: 'eve', expiresAt }] }
    const key = { 'idempotency-key': 'once' }
    const first = await world.call('POST /import', body, key)
    expect(first).toMatchObject({ status: 200, body: { memberships: { created: 1 } } })
    await world.passed(expiresAt)
    expect(await world.call('POST /import', body, key)).toEqual(first)
    expect(await world.call('POST /import', body)).toMatchObject({ status: 422 })
  })

  it('explains until when, by the path that lasts longest among those with the highest permission', async () => {
    await world.call('PUT /groups/name:dept%2Fred/members/eve', { expiresAt: END })
    await world.call('PUT /groups/name:dept/members/eve', { expiresAt: LATER })
    const why = async () => (await world.call('GET /users/eve/resources/name:handbook/explain')).body
    expect(await why()).toMatchObject({
      permission: 'admin',
      expiresAt: END,
      paths: [
        { permission: 'admin', expiresAt: END, wins: true },
        { permission: 'read', expiresAt: LATER, wins: false },
        { permission: 'read', expiresAt: END, wins: false },
      ],
    })
    await world.call('PUT /groups/name:dept/grants/name:handbook', { permission: 'admin', expiresAt: LATER })
    expect(await why()).toMatchObject({ permission: 'admin', expiresAt: LATER })
    expect((await world.call('GET /resources/name:handbook/access')).body.data).toContainEqual(
      expect.objectContaining({ userId: 'eve', permission: 'admin', expiresAt: LATER }),
    )
    expect((await world.call('GET /users/eve/groups')).body.data).toMatchObject([
      { name: 'dept', via: 'direct', expiresAt: LATER },
      { name: 'dept/red', via: 'direct', expiresAt: END },
    ])
  })
})

describe('SCIM, which knows no ends', () => {
  let scim: ScimClient
  beforeAll(async () => {
    scim = await scimClient(world.service)
  })
  afterAll(() => scim?.close())

  const groupId = async () =>
    (await world.rows<{ id: string }>(`SELECT id FROM groups WHERE name = 'other'`))[0]?.id as string
  const ends = async () => {
    const { body } = await world.call('GET /groups/name:other/members')
    return Object.fromEntries(body.data.map((m: { userId: string; expiresAt: string }) => [m.userId, m.expiresAt]))
  }

  it.each([
    [
      'a PATCH that adds somebody else',
      (path: string) => scim.patch(path, [{ op: 'add', path: 'members', value: [{ value: 'ann' }] }]),
    ],
    [
      'a PATCH that adds the member again',
      (path: string) => scim.patch(path, [{ op: 'add', path: 'members', value: [{ value: 'eve' }] }]),
    ],
    [
      'a PATCH that replaces all',
      (path: string) => scim.patch(path, [{ op: 'replace', path: 'members', value: [{ value: 'eve' }] }]),
    ],
    [
      'a PUT',
      (path: string) =>
        scim.send('PUT', path, { schemas: [GROUP_SCHEMA], displayName: 'other', members: [{ value: 'eve' }] }),
    ],
  ])('%s keeps the end of a member who stays', async (_, change) => {
    await world.call(MEMBER, { expiresAt: END })
    expect((await change(`/Groups/${await groupId()}`)).status).toBeLessThan(300)
    expect(await ends()).toMatchObject({ eve: END })
  })

  it('neither shows nor finds a member whose end has come, has another version then, and adds them again without an end', async () => {
    await world.holdJob()
    const path = `/Groups/${await groupId()}`
    const expiresAt = world.hence(700)
    await world.call(MEMBER, { expiresAt })
    const before = await scim.get(path)
    expect(before.body.members?.map(({ value }) => value)).toEqual(['dee', 'eve'])
    await world.passed(expiresAt)
    const after = await scim.get(path)
    expect(after.body.members?.map(({ value }) => value)).toEqual(['dee'])
    expect(after.headers.etag).not.toBe(before.headers.etag)
    expect((await scim.find('Groups', 'members.value eq "eve"')).body.totalResults).toBe(0)
    expect((await scim.find('Users', 'groups.display eq "other"')).body.totalResults).toBe(1)
    expect((await scim.get('/Users/eve')).body.groups).toBeUndefined()
    const add = [{ op: 'add', path: 'members', value: [{ value: 'eve' }] }]
    expect((await scim.patch(path, add, { 'if-match': before.headers.etag ?? '' })).status).toBe(412)
    expect((await scim.patch(path, add)).status).toBe(204)
    expect(await ends()).toEqual({ dee: null, eve: null })
  })
})

describe('an end that cannot be taken', () => {
  const everyCall = async (expiresAt: unknown) => [
    await world.call(MEMBER, { expiresAt }),
    await world.call(GRANT, { permission: 'read', expiresAt }),
    await world.call(
      'PUT /groups/name:other/members',
      { members: [{ user: 'ann' }, { user: 'eve', expiresAt }] },
      { 'if-match': '*' },
    ),
    await world.call(
      'PUT /groups/name:other/grants',
      { grants: [{ resource: 'name:handbook', permission: 'read', expiresAt }] },
      { 'if-match': '*' },
    ),
    await world.call('POST /resources', {
      name: 'n',
      kind: 'k',
      grants: [{ group: 'name:other', permission: 'read', expiresAt }],
    }),
    await world.call('POST /import', {
      memberships: [{ group: 'other', user: 'eve', expiresAt }],
      grants: [{ group: 'other', resource: 'handbook', permission: 'read', expiresAt }],
    }),
  ]

  const FORMS = [
    ['a date', '2099-01-31'],
    ['no offset', '2099-01-31T12:00:00'],
    ['no seconds', '2099-01-31T12:00Z'],
    ['lower case', '2099-01-31t12:00:00z'],
    ['words', 'tomorrow'],
    ['a number', 4073544000000],
    ['a leap second', '2098-12-31T23:59:60Z'],
    ['no such day', '2099-02-29T12:00:00Z'],
    ['the last year of PostgreSQL', '292277026596-12-04T15:30:07Z'],
    ['year 10000 in UTC', '9999-12-31T23:59:59-00:01'],
    ['nothing', ''],
  ] as const

  it.each(FORMS)('%s is refused with 400 and a pointer, by every call', async (_, expiresAt) => {
    const calls = await everyCall(expiresAt)
    expect(calls.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400])
    expect(calls.map(({ body }) => errorsOf(body))).toEqual([
      ['#/expiresAt'],
      ['#/expiresAt'],
      ['#/members/1/expiresAt'],
      ['#/grants/0/expiresAt'],
      ['#/grants/0/expiresAt'],
      ['#/memberships/0/expiresAt', '#/grants/0/expiresAt'],
    ])
  })

  it('is refused with 422 and a pointer where it has come by the clock of the database, and nothing is written', async () => {
    const before = [await world.countOf('memberships'), await world.countOf('grants'), await world.countOf('audit_log')]
    const expiresAt = world.ago(1)
    const calls = await everyCall(expiresAt)
    expect(calls.map(({ status, body }) => [status, body.type])).toEqual(
      calls.map(() => [422, 'urn:portcullis:problem:end-in-the-past']),
    )
    expect(calls.map(({ body }) => errorsOf(body))).toEqual([
      ['#/expiresAt'],
      ['#/expiresAt'],
      ['#/members/1/expiresAt'],
      ['#/grants/0/expiresAt'],
      ['#/grants/0/expiresAt'],
      ['#/memberships/0/expiresAt', '#/grants/0/expiresAt'],
    ])
    expect([
      await world.countOf('memberships'),
      await world.countOf('grants'),
      await world.countOf('audit_log'),
    ]).toEqual(before)
  })

  it('may be the last instant of the year 9999', async () => {
    const last = '9999-12-31T23:59:59.999Z'
    expect(await world.call(MEMBER, { expiresAt: last })).toMatchObject({ status: 201, body: { expiresAt: last } })
    expect(await world.call(GRANT, { permission: 'read', expiresAt: last })).toMatchObject({
      status: 201,
      body: { expiresAt: last },
    })
  })

  it.each(['memberships', 'grants'])('is kept out of %s behind the API, too', async (table) => {
    for (const end of ['infinity', '10000-01-01T00:00:00Z'])
      await expect(world.sql.query(`UPDATE ${table} SET expires_at = $1`, [end])).rejects.toThrow('expires_at_bounds')
  })

  it('is an unknown field where nothing can end', async () => {
    const calls = [
      await world.call('PUT /users/eve', { expiresAt: END }),
      await world.call('POST /groups', { name: 'new', expiresAt: END }),
      await world.call('PATCH /groups/name:other', { expiresAt: END }),
      await world.call('POST /resources', { name: 'n', kind: 'k', expiresAt: END }),
      await world.call(
        'PATCH /resources/name:handbook',
        { expiresAt: END },
        { 'content-type': 'application/merge-patch+json' },
      ),
    ]
    expect(calls.map(({ status, body }) => [status, errorsOf(body)])).toEqual(calls.map(() => [400, ['#/expiresAt']]))
  })
})
