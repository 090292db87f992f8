/** SCIM 2.0 by the letter of RFC 7643 and RFC 7644. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GROUP_SCHEMA, type ScimAnswer, type ScimClient, scimClient, USER_SCHEMA } from '../support/scim.ts'
import { asRoot, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase, query } from '../support/stack.ts'

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error'

let databaseUrl: string
let service: Service
let scim: ScimClient

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl })
  scim = await scimClient(service)
})
afterAll(async () => {
  await scim?.close()
  await service?.close()
  await dropDatabase(databaseUrl)
})

let counter = 0
let prefix = ''
/** Names of its own for each test. */
beforeEach(() => {
  prefix = `t${++counter}`
})
const named = (name: string) => `${prefix}.${name}`

async function user(name: string, attributes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const answer = await scim.createUser({ userName: named(name), ...attributes })
  expect(answer.status).toBe(201)
  return answer.body.id
}

async function group(name: string, members: readonly string[] = []): Promise<string> {
  const answer = await scim.createGroup(named(name), members)
  expect(answer.status).toBe(201)
  return answer.body.id
}

const refusal = ({ status, body }: ScimAnswer) => [status, body.scimType]
const namesOf = ({ body }: ScimAnswer) => body.Resources.map((each) => each.userName ?? each.displayName)

describe('a user', () => {
  it('is created, read, replaced and deleted', async () => {
    const name = { givenName: 'Ann', familyName: 'Example' }
    const emails = [{ value: 'ann@example.com', type: 'work', primary: true }]
    const created = await scim.createUser({
      userName: named('ann'),
      externalId: 'x1',
      displayName: 'Ann',
      name,
      emails,
    })
    expect(created.status).toBe(201)
    expect(created.headers['content-type']).toBe('application/scim+json; charset=utf-8')
    expect(created.headers.location).toBe(created.body.meta.location)
    expect(created.headers.etag).toBe(created.body.meta.version)
    expect(created.body).toMatchObject({
      schemas: [USER_SCHEMA],
      id: named('ann'),
      userName: named('ann'),
      externalId: 'x1',
      displayName: 'Ann',
      active: true,
      name,
      emails,
      meta: { resourceType: 'User' },
    })
    const path = new URL(created.headers.location ?? '').pathname.slice('/scim/v2'.length)
    const read = await scim.get(path)
    expect(read.body).toEqual(created.body)
    // RFC 7643, 3.1: the location in the resource is that of the header.
    for (const { headers, body } of [created, read, await scim.send('PUT', path, read.body)])
      expect(headers['content-location']).toBe(body.meta.location)
    const replacement = { schemas: [USER_SCHEMA], userName: named('ann'), displayName: 'Ann E.' }
    const replaced = await scim.send('PUT', path, replacement)
    expect(replaced.status).toBe(200)
    expect(replaced.body).toMatchObject({ displayName: 'Ann E.', active: true })
    for (const gone of ['externalId', 'name', 'emails']) expect(replaced.body).not.toHaveProperty(gone)
    expect((await scim.send('DELETE', path)).status).toBe(204)
    expect(refusal(await scim.get(path))).toEqual([404, undefined])
    expect((await scim.send('DELETE', path)).status).toBe(404)
  })

  it('has a name that nobody else has, in whatever case', async () => {
    await user('ann')
    expect(refusal(await scim.createUser({ userName: named('ann') }))).toEqual([409, 'uniqueness'])
    expect(refusal(await scim.createUser({ userName: named('ANN').toUpperCase() }))).toEqual([409, 'uniqueness'])
    const ben = await user('ben')
    const rename = [{ op: 'replace', path: 'userName', value: named('Ann') }]
    expect(refusal(await scim.patch(`/Users/${ben}`, rename))).toEqual([409, 'uniqueness'])
  })

  it('keeps the id when the name changes, and nobody gets a name that is another one’s id', async () => {
    const id = await user('ann')
    const renamed = await scim.patch(`/Users/${id}`, [{ op: 'replace', path: 'userName', value: named('anna') }])
    expect([renamed.status, renamed.body.id, renamed.body.userName]).toEqual([200, id, named('anna')])
    expect(namesOf(await scim.find('Users', `userName eq "${named('ANNA')}"`))).toEqual([named('anna')])
    expect((await scim.find('Users', `userName eq "${named('ann')}"`)).body.totalResults).toBe(0)
    expect(refusal(await scim.createUser({ userName: named('ann') }))).toEqual([409, 'uniqueness'])
    const ben = await user('ben')
    const taking = await scim.patch(`/Users/${ben}`, [{ op: 'replace', path: 'userName', value: named('ann') }])
    expect(refusal(taking)).toEqual([409, 'uniqueness'])
    expect((await scim.patch(`/Users/${id}`, [{ op: 'replace', path: 'userName', value: named('ann') }])).status).toBe(
      200,
    )
  })

  it.each([
    ['an invisible character', 'a\u200bnn'],
    ['a space at the end', 'ann '],
    ['a no-break space', 'a\u00a0nn'],
    ['nothing', ''],
    ['a control character', 'a\u0007nn'],
  ])('has no name with %s', async (_what, name) => {
    expect(refusal(await scim.createUser({ userName: name }))).toEqual([400, 'invalidValue'])
    expect(refusal(await scim.createGroup(name))).toEqual([400, 'invalidValue'])
  })

  it('has one name for two spellings of the same characters', async () => {
    const created = await scim.createUser({ userName: named('Zoe\u0308') })
    expect(created.body.userName).toBe(named('Zo\u00eb'))
    expect(refusal(await scim.createUser({ userName: named('Zo\u00cb') }))).toEqual([409, 'uniqueness'])
  })

  it('who is known without SCIM goes by the id, and is changed like any other', async () => {
    const id = named('old')
    await service.portcullis.mutations.putUser({ id: id as never }, asRoot)
    await service.portcullis.mutations.putUser({ id: id.toUpperCase() as never }, asRoot)
    const found = await scim.find('Users', `userName eq "${id}"`)
    expect(namesOf(found).sort()).toEqual([id.toUpperCase(), id])
    for (const each of [id, id.toUpperCase()]) {
      const disabled = await scim.patch(`/Users/${each}`, [{ op: 'replace', path: 'active', value: false }])
      expect([disabled.status, disabled.body.active]).toEqual([200, false])
    }
  })

  it('may have a name that a path must encode', async () => {
    const created = await scim.createUser({ userName: named('guest/#EXT# é') })
    const path = new URL(created.headers.location ?? '').pathname
    expect((await scim.get(path.slice('/scim/v2'.length))).body.userName).toBe(named('guest/#EXT# é'))
  })

  it('deleted and created again inherits nothing, and old tags mean nothing', async () => {
    const id = await user('ann')
    const team = await group('team', [id])
    const { etag = '' } = (await scim.get(`/Users/${id}`)).headers
    expect((await scim.send('DELETE', `/Users/${id}`)).status).toBe(204)
    expect(await user('ann')).toBe(id)
    expect((await scim.get(`/Users/${id}`)).body).not.toHaveProperty('groups')
    expect((await scim.get(`/Groups/${team}`)).body.members).toEqual([])
    const stale = await scim.patch(`/Users/${id}`, [{ op: 'add', path: 'displayName', value: 'A' }], {
      'if-match': etag,
    })
    expect(stale.status).toBe(412)
  })

  it('has no value twice, and one primary value of each attribute (RFC 7643, 2.4)', async () => {
    const value = 'a@example.com'
    const emails = [
      { value, type: 'work', primary: true },
      { value: 'b@example.com', type: 'home', primary: true },
      { value, type: 'work', display: 'Ann' },
      { value: null },
      {},
    ]
    const kept = [
      { value, type: 'work', display: 'Ann', primary: false },
      { value: 'b@example.com', type: 'home', primary: true },
    ]
    const created = await scim.createUser({ userName: named('ann'), emails })
    expect(created.body.emails).toEqual(kept)
    const bare = { schemas: [USER_SCHEMA], userName: named('ann') }
    await scim.send('PUT', `/Users/${named('ann')}`, bare)
    expect((await scim.send('PUT', `/Users/${named('ann')}`, { ...bare, emails })).body.emails).toEqual(kept)
  })

  it('that is repeated under an idempotency key is created once', async () => {
    const body = { schemas: [USER_SCHEMA], userName: named('ann') }
    const headers = { 'idempotency-key': named('key') }
    const first = await scim.send('POST', '/Users', body, headers)
    const again = await scim.send('POST', '/Users', body, headers)
    expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id])
  })
})

describe('a group', () => {
  it('is created, read, replaced and deleted, with its members', async () => {
    const [ann, ben] = [await user('ann', { displayName: 'Ann' }), await user('ben')]
    const created = await scim.createGroup(named('team/a'), [ann, ann])
    expect(created.body).toMatchObject({
      schemas: [GROUP_SCHEMA],
      displayName: named('team/a'),
      members: [{ value: ann, display: 'Ann', type: 'User' }],
    })
    const path = `/Groups/${created.body.id}`
    const replacement = { schemas: [GROUP_SCHEMA], displayName: named('team/b'), members: [{ value: ben }] }
    const replaced = await scim.send('PUT', path, { ...replacement, externalId: 'g1' })
    expect(replaced.body).toMatchObject({ displayName: named('team/b'), externalId: 'g1', members: [{ value: ben }] })
    expect((await scim.get(`/Users/${ben}`)).body.groups).toMatchObject([
      { value: created.body.id, display: named('team/b'), type: 'direct' },
    ])
    expect(
      (await scim.send('PUT', path, { schemas: [GROUP_SCHEMA], displayName: named('team/b') })).body.members,
    ).toEqual([])
    expect((await scim.send('DELETE', path)).status).toBe(204)
    expect((await scim.get(path)).status).toBe(404)
  })

  it('keeps its grants and its maintainers under another name', async () => {
    const ann = await user('ann')
    const team = await group('team')
    const admin = await scim.as('root', ['admin'])
    await admin('PUT', `/groups/${team}/members/${ann}`, { role: 'maintainer' })
    const { id } = JSON.parse((await admin('POST', '/resources', { name: named('plan'), kind: 'k' })).text)
    await admin('PUT', `/groups/${team}/grants/${id}`, { permission: 'write' })
    const renamed = await scim.patch(`/Groups/${team}`, [{ op: 'replace', path: 'displayName', value: named('crew') }])
    expect(renamed.status).toBe(204)
    expect((await service.visible(ann)).map(({ name, permission }) => [name, permission])).toEqual([
      [named('plan'), 'write'],
    ])
    await scim.send('PUT', `/Groups/${team}`, {
      schemas: [GROUP_SCHEMA],
      displayName: named('crew'),
      members: [{ value: ann }],
    })
    expect(JSON.parse((await admin('GET', `/groups/${team}/members`)).text).data[0].role).toBe('maintainer')
  })

  it('refuses a member that there is none of, a group as a member, and a name that is taken', async () => {
    const team = await group('team')
    expect(refusal(await scim.createGroup(named('other'), ['nobody']))).toEqual([400, 'invalidValue'])
    const add = (value: unknown) => scim.patch(`/Groups/${team}`, [{ op: 'add', path: 'members', value }])
    expect(refusal(await add([{ value: 'nobody' }]))).toEqual([400, 'invalidValue'])
    expect(refusal(await add([{ value: team, type: 'Group' }]))).toEqual([400, 'invalidValue'])
    expect(refusal(await scim.createGroup(named('team')))).toEqual([409, 'uniqueness'])
    await group('second')
    const rename = [{ op: 'replace', path: 'displayName', value: named('second') }]
    expect(refusal(await scim.patch(`/Groups/${team}`, rename))).toEqual([409, 'uniqueness'])
    expect((await scim.find('Groups', `displayName eq "${named('other')}"`)).body.totalResults).toBe(0)
  })

  it('is shown by a PATCH that names attributes, and only then (RFC 7644, 3.5.2)', async () => {
    const path = `/Groups/${await group('team', [await user('ann')])}`
    const rename = (query: string, value: string) =>
      scim.patch(`${path}${query}`, [{ op: 'replace', path: 'displayName', value: named(value) }])
    const { status, body, headers } = await rename('?attributes=displayName', 'crew')
    expect([status, body]).toEqual([
      200,
      { schemas: [GROUP_SCHEMA], id: path.slice('/Groups/'.length), displayName: named('crew') },
    ])
    expect(headers.etag).toBe((await scim.get(path)).headers.etag)
    const lean = await rename('?excludedAttributes=members,meta', 'band')
    expect([lean.status, lean.body]).toEqual([200, { ...body, displayName: named('band') }])
    expect((await rename('', 'team')).status).toBe(204)
  })

  it('changes as a whole or not at all', async () => {
    const ann = await user('ann')
    const team = await group('team', [ann])
    const answer = await scim.patch(`/Groups/${team}`, [
      { op: 'remove', path: 'members' },
      { op: 'replace', path: 'displayName', value: named('crew') },
      { op: 'add', path: 'members', value: [{ value: 'nobody' }] },
    ])
    expect(answer.status).toBe(400)
    expect((await scim.get(`/Groups/${team}`)).body).toMatchObject({
      displayName: named('team'),
      members: [{ value: ann }],
    })
  })
})

describe('calls at the same time', () => {
  it('all count: members who join and leave one group', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, at) => user(`p${at}`)))
    const team = await group('team', ids.slice(0, 10))
    const answers = await Promise.all(
      ids.map((value, at) =>
        scim.patch(
          `/Groups/${team}`,
          at < 10
            ? [{ op: 'remove', path: `members[value eq "${value}"]` }]
            : [{ op: 'add', path: 'members', value: [{ value }] }],
        ),
      ),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]))
    const { members = [] } = (await scim.get(`/Groups/${team}`)).body
    expect(members.map(({ value }) => value).sort()).toEqual(ids.slice(10).sort())
  })

  it('change every attribute that they name', async () => {
    const id = await user('ann')
    const parts = ['givenName', 'familyName', 'middleName', 'honorificPrefix', 'honorificSuffix']
    await Promise.all(
      parts.map((part) => scim.patch(`/Users/${id}`, [{ op: 'add', path: `name.${part}`, value: part }])),
    )
    expect((await scim.get(`/Users/${id}`)).body.name).toEqual(Object.fromEntries(parts.map((part) => [part, part])))
  })

  it('create one user of one name, in whatever case', async () => {
    const names = Array.from({ length: 10 }, (_, at) => (at % 2 ? named('ann') : named('ann').toUpperCase()))
    const answers = await Promise.all(names.map((userName) => scim.createUser({ userName })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)])
  })
})

describe('an entity tag', () => {
  it('answers 304 while it is current, and lets a change through only then', async () => {
    const id = await user('ann')
    const path = `/Users/${id}`
    const { etag = '' } = (await scim.get(path)).headers
    expect((await scim.get(path, { 'if-none-match': etag })).status).toBe(304)
    const change = [{ op: 'replace', path: 'displayName', value: 'Ann' }]
    const changed = await scim.patch(path, change, { 'if-match': etag })
    expect(changed.status).toBe(200)
    expect(changed.headers.etag).not.toBe(etag)
    expect((await scim.patch(path, change, { 'if-match': etag })).status).toBe(412)
    expect((await scim.send('DELETE', path, undefined, { 'if-match': etag })).status).toBe(412)
    expect((await scim.send('DELETE', path, undefined, { 'if-match': changed.headers.etag ?? '' })).status).toBe(204)
  })

  it('of a group covers its members, also those that the API changes', async () => {
    const ann = await user('ann')
    const team = await group('team')
    const { etag = '' } = (await scim.get(`/Groups/${team}`)).headers
    const admin = await scim.as('root', ['admin'])
    await admin('PUT', `/groups/${team}/members/${ann}`, {})
    const replacement = { schemas: [GROUP_SCHEMA], displayName: named('team'), members: [] }
    const headers = { 'if-match': etag }
    expect((await scim.send('PUT', `/Groups/${team}`, replacement, headers)).status).toBe(412)
    expect((await scim.patch(`/Groups/${team}`, [{ op: 'remove', path: 'members' }], headers)).status).toBe(412)
    expect((await scim.send('DELETE', `/Groups/${team}`, undefined, headers)).status).toBe(412)
    const now = (await scim.get(`/Groups/${team}?excludedAttributes=members`)).headers.etag ?? ''
    expect((await scim.send('PUT', `/Groups/${team}`, replacement, { 'if-match': now })).status).toBe(200)
    expect((await scim.send('DELETE', `/Groups/${team}`, undefined, { 'if-match': '*' })).status).toBe(204)
  })
})

describe('a PATCH', () => {
  const patched = async (operations: readonly unknown[], attributes: Readonly<Record<string, unknown>> = {}) => {
    const id = await user('ann', attributes)
    return scim.patch(`/Users/${id}`, operations)
  }
  const home = { value: 'h@example.com', type: 'home' }
  const work = { value: 'w@example.com', type: 'work', primary: true }

  it('adds, replaces and removes simple attributes and parts', async () => {
    const { body } = await patched(
      [
        { op: 'add', path: 'externalId', value: 'x' },
        { op: 'add', path: 'name', value: { givenName: 'Ann' } },
        { op: 'replace', path: 'name.familyName', value: 'Other' },
        { op: 'remove', path: 'name.middleName' },
        { op: 'remove', path: 'displayName' },
      ],
      { displayName: 'Ann', name: { familyName: 'Example', middleName: 'M' } },
    )
    expect(body).toMatchObject({ externalId: 'x', name: { givenName: 'Ann', familyName: 'Other' } })
    expect(body.name).not.toHaveProperty('middleName')
    expect(body).not.toHaveProperty('displayName')
  })

  it('adds a value to those that are there, once, and keeps one primary', async () => {
    const { body } = await patched(
      [
        { op: 'add', path: 'emails', value: [home, work] },
        { op: 'add', path: 'emails', value: { value: 'o@example.com', type: 'other', primary: true } },
        { op: 'add', path: 'emails', value: [home] },
      ],
      { emails: [home] },
    )
    expect(body.emails).toEqual([
      home,
      { ...work, primary: false },
      { value: 'o@example.com', type: 'other', primary: true },
    ])
  })

  it('changes the values that a filter chooses', async () => {
    const { body } = await patched(
      [
        { op: 'replace', path: 'emails[type eq "WORK" and value ew "example.com"].value', value: 'new@example.com' },
        { op: 'add', path: 'emails[type eq "home"].display', value: 'At home' },
        { op: 'add', path: 'emails[type eq "other"].value', value: 'o@example.com' },
      ],
      { emails: [home, work] },
    )
    expect(body.emails).toEqual([
      { ...home, display: 'At home' },
      { ...work, value: 'new@example.com' },
      { type: 'other', value: 'o@example.com' },
    ])
  })

  it('removes the values that a filter chooses, and the attribute with the last of them', async () => {
    const id = await user('ann', { emails: [home, work] })
    const one = await scim.patch(`/Users/${id}`, [{ op: 'remove', path: 'emails[not (type eq "work")]' }])
    expect(one.body.emails).toEqual([work])
    const none = await scim.patch(`/Users/${id}`, [{ op: 'remove', path: 'emails[primary eq true]' }])
    expect(none.body).not.toHaveProperty('emails')
  })

  it('takes several attributes without a path, in any spelling of their names', async () => {
    const { body } = await patched([
      {
        op: 'replace',
        value: {
          DISPLAYNAME: 'Ann',
          'name.givenName': 'Ann',
          'emails[type eq "work"].value': 'w@example.com',
          [`${USER_SCHEMA}:externalId`]: 'x',
          id: 'another',
          meta: {},
          'urn:example:scim:2.0:User': { colour: 'not stored' },
          password: 'not stored',
        },
      },
    ])
    expect(body).toMatchObject({ displayName: 'Ann', externalId: 'x', name: { givenName: 'Ann' } })
    expect(body.emails).toEqual([{ type: 'work', value: 'w@example.com' }])
  })

  it('that changes nothing writes nothing', async () => {
    const id = await user('ann', { displayName: 'Ann' })
    const before = await scim.get(`/Users/${id}`)
    const again = await scim.patch(`/Users/${id}`, [{ op: 'replace', path: 'displayName', value: 'Ann' }])
    expect([again.status, again.body]).toEqual([200, before.body])
  })

  it.each([
    ['another operator', [{ op: 'move', path: 'displayName', value: 'x' }], 'invalidValue'],
    ['no operation', [], 'invalidValue'],
    ['a remove without a path', [{ op: 'remove' }], 'noTarget'],
    [
      'a filter that matches nothing',
      [{ op: 'replace', path: 'emails[type eq "work"].value', value: 'x' }],
      'noTarget',
    ],
    ['a filter on one value', [{ op: 'replace', path: 'userName[value eq "x"]', value: 'x' }], 'invalidPath'],
    ['a filter that cannot be read', [{ op: 'remove', path: 'emails[type xx "work"]' }], 'invalidFilter'],
    ['a filter on what is not there', [{ op: 'remove', path: 'emails[colour eq "red"]' }], 'invalidFilter'],
    ['an unknown attribute', [{ op: 'replace', path: 'colour', value: 'red' }], 'invalidPath'],
    ['an unknown part', [{ op: 'replace', path: 'name.colour', value: 'red' }], 'invalidPath'],
    ['a path to a prototype', [{ op: 'add', path: 'constructor.prototype.x', value: 'y' }], 'invalidPath'],
    ['the id', [{ op: 'replace', path: 'id', value: 'x' }], 'mutability'],
    ['the groups', [{ op: 'add', path: 'groups', value: [{ value: 'x' }] }], 'mutability'],
    ['no name', [{ op: 'remove', path: 'userName' }], 'mutability'],
    ['neither active nor not', [{ op: 'remove', path: 'active' }], 'mutability'],
    ['another type', [{ op: 'replace', path: 'active', value: 'perhaps' }], 'invalidValue'],
    ['a text for a name in parts', [{ op: 'replace', path: 'name', value: 'Ann' }], 'invalidValue'],
    ['no value', [{ op: 'add', path: 'displayName' }], 'invalidValue'],
    ['no object without a path', [{ op: 'add', value: 'x' }], 'invalidValue'],
  ])('is refused for %s', async (_what, operations, scimType) => {
    expect(refusal(await patched(operations, { emails: [home] }))).toEqual([400, scimType])
  })
})

describe('a filter', () => {
  const created: string[] = []
  beforeAll(async () => {
    const people = [
      { userName: 'f.ann', displayName: 'Ann', externalId: 'E1', name: { familyName: 'Älter' } },
      { userName: 'f.Ben', displayName: 'ben', emails: [{ value: 'b@example.com', type: 'work', primary: true }] },
      {
        userName: 'f.cid',
        active: false,
        emails: [
          { value: 'c@example.com', type: 'home' },
          { value: 'c@example.org', type: 'work' },
        ],
      },
      { userName: 'f."quoted"\\', displayName: '50% _off', [ENTERPRISE]: { department: 'D' } },
    ]
    for (const attributes of people) created.push((await scim.createUser(attributes)).body.id)
    await scim.createGroup('f.red', created.slice(0, 2))
    await scim.createGroup('f.Blue', created.slice(1, 2))
  })
  const ALL = ['f.ann', 'f.Ben', 'f.cid', 'f."quoted"\\']
  const [ann, ben, cid, quoted] = ALL

  it.each([
    ['userName eq "F.BEN"', [ben]],
    ['userName ne "f.ben" and userName sw "f."', [ann, cid, quoted]],
    ['displayName co "N" and userName sw "f."', [ann, ben]],
    ['userName sw "F."', ALL],
    ['userName ew ".CID"', [cid]],
    ['userName eq "f.\\"quoted\\"\\\\"', [quoted]],
    ['displayName co "% _"', [quoted]],
    ['userName gt "f.b" and userName lt "f.c"', [ben]],
    ['userName ge "f.ben" and userName le "f.cid"', [ben, cid]],
    ['externalId eq "E1"', [ann]],
    ['externalId eq "e1"', []],
    ['externalId pr and userName sw "f."', [ann]],
    ['not (externalId pr) and userName sw "f."', [ben, cid, quoted]],
    ['not (displayName eq "Ann") and userName sw "f."', [ben, cid, quoted]],
    ['displayName eq null and userName sw "f."', [cid]],
    ['active eq false and userName sw "f."', [cid]],
    ['active ne false and userName sw "f." and displayName co "n"', [ann, ben]],
    ['name.familyName eq "äLTER"', [ann]],
    ['name pr and userName sw "f."', [ann]],
    ['emails pr and userName sw "f."', [ben, cid]],
    ['emails.value ew "example.com" and userName sw "f."', [ben, cid]],
    ['emails co "example.org"', [cid]],
    ['emails[type eq "work" and value co "@example.com"] and userName sw "f."', [ben]],
    ['emails[type eq "work"].value eq "c@example.com"', []],
    ['emails[type eq "home"].value eq "c@example.com"', [cid]],
    ['emails[primary eq true] and userName sw "f."', [ben]],
    ['userName eq "f.ann" or userName eq "f.cid" and active eq true', [ann]],
    ['(userName eq "f.ann" or userName eq "f.cid") and active eq false', [cid]],
    ['NOT (userName SW "f.") AND userName EQ "f.ann"', []],
    [`${USER_SCHEMA}:userName eq "f.ann"`, [ann]],
    ['id eq "f.Ben"', [ben]],
    ['id eq "f.ben"', []],
    ['groups.display eq "F.RED"', [ann, ben]],
    ['meta.resourceType eq "User" and userName eq "f.ann"', [ann]],
    [`schemas eq "${ENTERPRISE}" and userName sw "f."`, [quoted]],
    [`schemas eq "${USER_SCHEMA}" and userName sw "f."`, ALL],
    ['schemas co "enterprise" and userName sw "f."', [quoted]],
    ['schemas pr and userName eq "f.ann"', [ann]],
    // Unassigned is the same as null (RFC 7643, 2.5).
    ['emails eq null and userName sw "f."', [ann, quoted]],
    ['emails ne null and userName sw "f."', [ben, cid]],
    ['addresses eq null and userName sw "f."', ALL],
    ['emails.display eq null and userName sw "f."', ALL],
    ['emails.value ne "b@example.com" and userName sw "f."', [ann, cid, quoted]],
    ['groups eq null and userName sw "f."', [cid, quoted]],
    ['meta.version pr and meta.location pr and userName eq "f.ann"', [ann]],
    // Each form of those in figure 2 of RFC 7644, 3.4.2.2.
    ['title pr and userType eq "Employee"', []],
    ['title pr or userType eq "Intern"', []],
    ['userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")', []],
    [
      'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org") and userName sw "f."',
      [ann, quoted],
    ],
    ['userType ne "Employee" and (emails.type eq "work") and userName sw "f."', [ben, cid]],
    ['emails[type eq "work" and value co "@example.org"] or ims[type eq "xmpp" and value co "@foo.com"]', [cid]],
    ['meta.created gt "2011-05-13T04:42:34Z" and userName eq "f.ann"', [ann]],
    ['meta.lastModified lt "2011-05-13T04:42:34Z"', []],
  ])('%s', async (filter, expected) => {
    const found = await scim.find('Users', filter)
    expect([found.status, namesOf(found)]).toEqual([200, expected])
    expect(found.body.totalResults).toBe(expected.length)
  })

  it.each([
    ['displayName eq "F.BLUE"', ['f.Blue']],
    ['displayName sw "f."', ['f.red', 'f.Blue']],
    ['members eq "f.ann"', ['f.red']],
    ['members[value eq "f.Ben"] and displayName co "L"', ['f.Blue']],
    ['members.display eq "ANN"', ['f.red']],
    ['not (members[value eq "f.ann"]) and displayName sw "f."', ['f.Blue']],
    [`schemas eq "${GROUP_SCHEMA}" and displayName eq "f.red"`, ['f.red']],
    [`schemas eq "${USER_SCHEMA}"`, []],
  ])('of groups: %s', async (filter, expected) => {
    expect(namesOf(await scim.find('Groups', filter))).toEqual(expected)
  })

  it.each([
    'userName',
    'userName eq',
    'userName xx "a"',
    'userName eq "a" garbage',
    '(userName eq "a"',
    'userName eq "a" and',
    'password eq "x"',
    'urn:example:2.0:User:colour eq "red"',
    'constructor eq "x"',
    'userName.toString eq "x"',
    'emails[__proto__ eq "x"]',
    'userName eq 5',
    'active gt true',
    'active eq "perhaps"',
    'meta.created gt "yesterday"',
    'displayName gt null',
    'name eq "x"',
    'emails[value[type eq "x"]]',
    `userName eq "${'x'.repeat(2100)}"`,
    `${'('.repeat(1900)}a`,
  ])('is refused: %s', async (filter) => {
    expect(refusal(await scim.find('Users', filter))).toEqual([400, 'invalidFilter'])
  })
})

describe('a list', () => {
  it('has pages in the order of creation, bounded, and says how many there are in all', async () => {
    const names = ['e', 'd', 'c', 'b', 'a'].map(named)
    for (const userName of names) await scim.createUser({ userName })
    const filter = encodeURIComponent(`userName sw "${prefix}."`)
    const page = async (query: string) => (await scim.get(`/Users?filter=${filter}&${query}`)).body
    const first = await page('startIndex=1&count=2')
    expect(first).toMatchObject({ totalResults: 5, startIndex: 1, itemsPerPage: 2 })
    expect(first.Resources.map(({ userName }) => userName)).toEqual(names.slice(0, 2))
    // What comes meanwhile comes at the end.
    await scim.createUser({ userName: named('0') })
    expect((await page('startIndex=3&count=2')).Resources.map(({ userName }) => userName)).toEqual(names.slice(2, 4))
    expect(await page('startIndex=4294967296&count=2147483647')).toMatchObject({ totalResults: 6, itemsPerPage: 0 })
    expect(await page('startIndex=7')).toMatchObject({ totalResults: 6, itemsPerPage: 0, Resources: [] })
    expect(await page('count=0')).toMatchObject({ totalResults: 6, itemsPerPage: 0, Resources: [] })
    expect(await page('count=-5')).toMatchObject({ totalResults: 6, itemsPerPage: 0 })
    expect(await page('startIndex=-3&count=1')).toMatchObject({ startIndex: 1, itemsPerPage: 1 })
    expect(refusal(await scim.get('/Users?startIndex=first'))).toEqual([400, 'invalidValue'])
  })

  it('is never longer than is said, also of groups with very many members', async () => {
    const rows = await query(
      databaseUrl,
      `WITH crowd AS (
        INSERT INTO users (id) SELECT '${prefix}.' || n FROM generate_series(1, 4000) n RETURNING id
      ), teams AS (INSERT INTO groups (name) SELECT '${prefix}.' || n FROM generate_series(1, 5) n RETURNING id)
      SELECT (SELECT count(*) FROM crowd) AS people, (SELECT count(*) FROM teams) AS teams`,
    )
    expect(rows).toEqual([{ people: '4000', teams: '5' }])
    await query(
      databaseUrl,
      `INSERT INTO memberships (user_id, group_id)
      SELECT u.id, g.id FROM users u CROSS JOIN groups g WHERE u.id LIKE '${prefix}.%' AND g.name LIKE '${prefix}.%'`,
    )
    const all = await scim.get('/Users?count=1000&attributes=userName')
    expect(all.body.itemsPerPage).toBe(200)
    const filter = encodeURIComponent(`displayName sw "${prefix}."`)
    const groups = await scim.get(`/Groups?filter=${filter}`)
    expect(groups.body).toMatchObject({ totalResults: 5, itemsPerPage: 3 })
    expect(groups.body.Resources[0]?.members).toHaveLength(4000)
    const lean = await scim.get(`/Groups?filter=${filter}&excludedAttributes=members`)
    expect(lean.body).toMatchObject({ totalResults: 5, itemsPerPage: 5 })
    expect(lean.body.Resources[0]).not.toHaveProperty('members')
  })

  it('shows the attributes that are asked for, and always the id', async () => {
    const id = await user('ann', { displayName: 'Ann', name: { givenName: 'Ann', familyName: 'E' } })
    const some = await scim.get(`/Users/${id}?attributes=userName,NAME.givenname,${USER_SCHEMA}:active`)
    expect(some.body).toEqual({
      schemas: [USER_SCHEMA],
      id,
      userName: named('ann'),
      active: true,
      name: { givenName: 'Ann' },
    })
    // A list without names is none.
    expect((await scim.get(`/Users/${id}?attributes=&excludedAttributes=`)).body).toEqual(
      (await scim.get(`/Users/${id}`)).body,
    )
    const most = await scim.get(`/Users/${id}?excludedAttributes=id,displayname,name.familyName,meta`)
    expect(most.body).toEqual({
      schemas: [USER_SCHEMA],
      id,
      userName: named('ann'),
      active: true,
      name: { givenName: 'Ann' },
    })
  })
})

describe('discovery', () => {
  it('says what is supported and what is not', async () => {
    const { body } = await scim.get('/ServiceProviderConfig')
    expect(body).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true, maxResults: 200 },
      changePassword: { supported: false },
      sort: { supported: false },
      etag: { supported: true },
    })
  })

  it.each(['Bulk', 'Me'])('answers %s with 501 in the form of SCIM (RFC 7644, 3.11 and table 8)', async (name) => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, body } = await scim.send(method, `/${name}`, method === 'GET' ? undefined : {})
      expect([status, body.status, body.schemas]).toEqual([501, '501', [ERROR_SCHEMA]])
    }
  })

  it('names the types of resources with their schemas', async () => {
    const types = (await scim.get('/ResourceTypes')).body as unknown as { Resources: { id: string; schema: string }[] }
    expect(types.Resources.map(({ id }) => id)).toEqual(['User', 'Group'])
    for (const { id, schema } of types.Resources) {
      expect((await scim.get(`/ResourceTypes/${id}`)).body).toMatchObject({ id, endpoint: `/${id}s` })
      expect((await scim.get(`/Schemas/${schema}`)).body).toMatchObject({ id: schema, name: id })
    }
    expect((await scim.get('/Schemas/urn:none')).status).toBe(404)
  })

  it('takes no filter', async () => {
    for (const path of ['ServiceProviderConfig', 'ResourceTypes', 'Schemas'])
      expect((await scim.get(`/${path}?filter=name+eq+"x"`)).status).toBe(403)
  })
})

describe('a refusal', () => {
  it('has the form of SCIM wherever it comes from', async () => {
    for (const [answer, status] of [
      [await scim.get('/Users/nobody'), 404],
      [await scim.get('/Groups/nobody'), 404],
      [await scim.get('/Nothing'), 404],
      [await scim.send('PUT', '/Users', {}), 405],
      [await scim.send('POST', '/Users', '{'), 400],
      [await scim.send('POST', '/Users', { userName: 'x' }), 400],
      [await scim.send('POST', '/Users', 'x', { 'content-type': 'text/plain' }), 415],
      [await scim.get('/Users', { accept: 'image/png' }), 406],
      [await scim.get('/Users', { authorization: 'Bearer nonsense' }), 401],
    ] as const) {
      expect(answer.headers['content-type']).toBe('application/scim+json; charset=utf-8')
      expect(answer.body.schemas).toEqual([ERROR_SCHEMA])
      expect([answer.status, answer.body.status]).toEqual([status, String(status)])
    }
  })

  it.each(['{', 'null', '[1]', '"x"'])('says that %s has not the structure of a message', async (body) => {
    const path = `/Users/${await user('ann')}`
    expect(refusal(await scim.send('POST', '/Users', body))).toEqual([400, 'invalidSyntax'])
    expect(refusal(await scim.send('PATCH', path, body))).toEqual([400, 'invalidSyntax'])
  })

  it('names the attribute that is wrong', async () => {
    const { body } = await scim.createUser({ userName: named('ann'), active: 'perhaps' })
    expect(body).toMatchObject({ status: '400', scimType: 'invalidValue' })
    expect(body.detail).toContain('/active')
  })
})

it('answers in plain JSON to a client that knows no other, and takes it', async () => {
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  const answer = await scim.send('POST', '/Users', { schemas: [USER_SCHEMA], userName: named('ann') }, headers)
  expect([answer.status, answer.headers['content-type']]).toEqual([201, 'application/json; charset=utf-8'])
})

it('writes down what was done, and no names or addresses of people', async () => {
  const id = await user('ann', { displayName: 'Secret', emails: [{ value: 'secret@example.com' }] })
  await scim.patch(`/Users/${id}`, [{ op: 'replace', path: 'active', value: false }])
  const admin = await scim.as('root', ['admin'])
  const { text } = await admin('GET', `/admin/audit?target=user:${id}`)
  expect(JSON.parse(text).data).toMatchObject([
    { action: 'updateScimUser', actor: 'directory', before: { active: true }, after: { active: false } },
    { action: 'createScimUser', actor: 'directory' },
  ])
  expect(text.toLowerCase()).not.toContain('secret')
})
