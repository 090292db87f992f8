/** What Entra ID and Okta really send, in their own spelling, in the order in which they send it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GROUP_SCHEMA, PATCH_SCHEMA, type ScimClient, scimClient, USER_SCHEMA } from '../support/scim.ts'
import { asRoot, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

let databaseUrl: string
let service: Service
let scim: ScimClient

async function start(environment: Readonly<Record<string, string>>): Promise<void> {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl, environment })
  scim = await scimClient(service)
}
async function stop(): Promise<void> {
  await scim?.close()
  await service?.close()
  await dropDatabase(databaseUrl)
}

describe('Entra ID, whose tokens carry the object id', () => {
  const OBJECT_ID = '7cfa5b3c-26b1-4d4b-9ff6-4f5a0bd5a1d6'
  const UPN = 'Ann.Example@contoso.onmicrosoft.com'
  let team: string
  beforeAll(() => start({ SCIM_USER_ID: 'externalId' }))
  afterAll(stop)

  it('tests the connection with a user that there cannot be', async () => {
    const probe = await scim.find('Users', 'userName eq "d8e6b8f0-4a2a-4a88-a4d9-6f7f0c1d9f33"')
    expect([probe.status, probe.body.totalResults, probe.body.Resources]).toEqual([200, 0, []])
    // It appends flags of its own to any address.
    expect((await scim.get('/Users?aadOptscim062020&startIndex=1&count=1')).status).toBe(200)
    expect((await scim.get('/Groups?excludedAttributes=members&filter=displayName+eq+"x"')).body.totalResults).toBe(0)
  })

  it('creates a user with all that it maps by default', async () => {
    const created = await scim.send('POST', '/Users', {
      schemas: [USER_SCHEMA, ENTERPRISE],
      externalId: OBJECT_ID,
      userName: UPN,
      active: true,
      displayName: 'Ann Example',
      emails: [{ primary: true, type: 'work', value: 'ann@contoso.com' }],
      meta: { resourceType: 'User' },
      name: { formatted: 'Ann Example', familyName: 'Example', givenName: 'Ann' },
      roles: [],
      title: 'Engineer',
      [ENTERPRISE]: { employeeNumber: '7', department: 'Research', manager: { value: '26118915' } },
    })
    expect([created.status, created.body.id, created.body.userName]).toEqual([201, OBJECT_ID, UPN])
    expect((await scim.find('Users', `userName eq "${UPN.toLowerCase()}"`)).body.Resources[0]?.id).toBe(OBJECT_ID)
    expect((await scim.find('Users', `externalId eq "${OBJECT_ID}"`)).body.totalResults).toBe(1)
    expect((await scim.find('Users', 'emails[type eq "work"].value eq "ann@contoso.com"')).body.totalResults).toBe(1)
  })

  it('refuses a user without the attribute that becomes the id, and another value of it', async () => {
    expect((await scim.createUser({ userName: 'no-object-id' })).body.scimType).toBe('invalidValue')
    const other = await scim.patch(`/Users/${OBJECT_ID}`, [{ op: 'Replace', path: 'externalId', value: 'another' }])
    expect([other.status, other.body.scimType]).toEqual([400, 'mutability'])
  })

  it('writes operations with a capital, several to a message', async () => {
    const { status, body } = await scim.patch(`/Users/${OBJECT_ID}`, [
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'a.example@contoso.com' },
      { op: 'Add', path: 'name.givenName', value: 'Anna' },
      { op: 'Replace', path: 'title', value: 'Senior' },
      { op: 'Add', path: `${ENTERPRISE}:department`, value: 'Sales' },
      { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '1' },
      { op: 'Replace', path: 'userName', value: 'anna.example@contoso.onmicrosoft.com' },
      { op: 'Remove', path: 'displayName' },
    ])
    expect(status).toBe(200)
    expect(body).toMatchObject({
      id: OBJECT_ID,
      userName: 'anna.example@contoso.onmicrosoft.com',
      name: { givenName: 'Anna', familyName: 'Example' },
      emails: [{ value: 'a.example@contoso.com', type: 'work', primary: true }],
    })
    expect(body).not.toHaveProperty('displayName')
  })

  it('writes whole paths as the names of a value without a path', async () => {
    const value = {
      displayName: 'Anna Example',
      'name.familyName': 'Other',
      'emails[type eq "work"].value': 'anna@contoso.com',
      [`${ENTERPRISE}:employeeNumber`]: '8',
    }
    const { body } = await scim.patch(`/Users/${OBJECT_ID}`, [{ op: 'Add', value }])
    expect(body).toMatchObject({ displayName: 'Anna Example', name: { familyName: 'Other' } })
    expect(body.emails).toMatchObject([{ value: 'anna@contoso.com' }])
  })

  it.each([
    ['False', false],
    ['True', true],
  ])('says "%s" as a text', async (value, active) => {
    const { status, body } = await scim.patch(`/Users/${OBJECT_ID}`, [{ op: 'Replace', path: 'active', value }])
    expect([status, body.active]).toEqual([200, active])
    expect((await scim.find('Users', `active eq ${active} and externalId eq "${OBJECT_ID}"`)).body.totalResults).toBe(1)
  })

  it('creates a group and fills it by hundreds', async () => {
    const created = await scim.send('POST', '/Groups', {
      schemas: [GROUP_SCHEMA, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'Everybody',
      meta: { resourceType: 'Group' },
    })
    expect(created.status).toBe(201)
    team = created.body.id
    const people = Array.from({ length: 500 }, (_, n) => `person-${n}`)
    await service.portcullis.mutations.importOrganisation(
      { users: people.map((id) => ({ id })), groups: [], memberships: [], resources: [], grants: [] },
      asRoot,
    )
    const add = (some: string[]) => ({
      op: 'Add',
      path: 'members',
      value: some.map((value) => ({ $ref: null, value })),
    })
    expect((await scim.patch(`/Groups/${team}`, [add(people.slice(0, 300)), add(people.slice(300))])).status).toBe(204)
    expect((await scim.get(`/Groups/${team}`)).body.members).toHaveLength(500)
    expect((await scim.get(`/Groups/${team}?excludedAttributes=members`)).body).not.toHaveProperty('members')
    const isIn = (user: string) => scim.find('Groups', `id eq "${team}" and members eq "${user}"`)
    expect([(await isIn('person-7')).body.totalResults, (await isIn(OBJECT_ID)).body.totalResults]).toEqual([1, 0])
  })

  it('removes members by a value beside the path, and repeats itself', async () => {
    const remove = { op: 'Remove', path: 'members', value: [{ $ref: null, value: 'person-0' }, { value: 'person-1' }] }
    for (let turn = 0; turn < 2; turn++) expect((await scim.patch(`/Groups/${team}`, [remove])).status).toBe(204)
    const { members = [] } = (await scim.get(`/Groups/${team}`)).body
    expect([members.length, members.some(({ value }) => value === 'person-0')]).toEqual([498, false])
  })

  it('renames the group, disables the user and deletes them for good', async () => {
    const rename = { op: 'Replace', path: 'displayName', value: 'All of us' }
    expect((await scim.patch(`/Groups/${team}`, [rename])).status).toBe(204)
    expect((await scim.find('Groups', 'displayName eq "all of us"')).body.Resources[0]?.id).toBe(team)
    await scim.patch(`/Users/${OBJECT_ID}`, [{ op: 'Replace', path: 'active', value: 'False' }])
    const found = await scim.find('Users', `externalId eq "${OBJECT_ID}"`)
    expect(found.body.Resources[0]?.active).toBe(false)
    expect((await scim.send('DELETE', `/Users/${OBJECT_ID}`)).status).toBe(204)
    expect((await scim.send('DELETE', `/Groups/${team}`)).status).toBe(204)
  })
})

describe("Entra ID's validator, and its default mapping", () => {
  const MAPPED = {
    externalId: 'a.example',
    userName: 'Ann.Example@contoso.com',
    active: true,
    displayName: 'Ann Example',
    title: 'Engineer',
    preferredLanguage: 'de-DE',
    emails: [{ primary: true, type: 'work', value: 'ann@contoso.com' }],
    name: { formatted: 'Ann Example', familyName: 'Example', givenName: 'Ann' },
    phoneNumbers: [
      { primary: true, type: 'work', value: '+49 30 1' },
      { type: 'mobile', value: '+49 170 1' },
      { type: 'fax', value: '+49 30 2' },
    ],
    addresses: [
      {
        type: 'work',
        formatted: 'Example Ltd\nMain Street 1',
        streetAddress: 'Main Street 1',
        locality: 'Berlin',
        region: 'BE',
        postalCode: '10115',
        country: 'DE',
      },
    ],
    [ENTERPRISE]: { employeeNumber: '7', department: 'Research', manager: { value: '26118915' } },
  }
  let path: string
  beforeAll(() => start({}))
  afterAll(stop)

  it('finds no difference in what it has created, so that it repeats nothing', async () => {
    const created = await scim.send('POST', '/Users', { schemas: [USER_SCHEMA, ENTERPRISE], roles: [], ...MAPPED })
    expect([created.status, created.body]).toMatchObject([201, MAPPED])
    path = `/Users/${encodeURIComponent(created.body.id)}`
    expect((await scim.get(path)).body).toMatchObject(MAPPED)
    const [found] = (await scim.find('Users', `userName eq "${MAPPED.userName}"`)).body.Resources
    expect(found).toMatchObject(MAPPED)
  })

  it.each([
    ['title', 'Senior'],
    ['preferredLanguage', 'fr-FR'],
    ['emails[type eq "work"].value', 'anna@contoso.com'],
    ['phoneNumbers[type eq "mobile"].value', '+49 170 2'],
    ['addresses[type eq "work"].streetAddress', 'Side Street 2'],
    ['addresses[type eq "work"].locality', 'Bonn'],
    [`${ENTERPRISE}:department`, 'Sales'],
    [`${ENTERPRISE}:employeeNumber`, '8'],
  ])('replaces %s, and finds it so', async (target, value) => {
    const { status, headers } = await scim.patch(path, [{ op: 'Replace', path: target, value }])
    const quoted = JSON.stringify(value)
    expect([status, (await scim.find('Users', `${target} eq ${quoted}`)).body.totalResults]).toEqual([200, 1])
    const again = await scim.patch(path, [{ op: 'Replace', path: target, value }])
    expect(again.headers.etag).toBe(headers.etag)
  })

  it('adds a number and an address of a type that there was none of', async () => {
    const { body } = await scim.patch(path, [
      { op: 'Add', path: 'phoneNumbers[type eq "pager"].value', value: '1' },
      { op: 'Add', path: 'addresses[type eq "home"].locality', value: 'Potsdam' },
    ])
    expect(body).toMatchObject({
      phoneNumbers: expect.arrayContaining([{ type: 'pager', value: '1' }]),
      addresses: expect.arrayContaining([{ type: 'home', locality: 'Potsdam' }]),
    })
  })

  it.each([
    ['an object', { value: 'boss-1' }],
    ['its id alone', 'boss-2'],
    ['a list of one', [{ $ref: null, value: 'boss-3' }]],
  ])('names the manager by %s', async (_how, value) => {
    const { body } = await scim.patch(path, [{ op: 'Add', path: `${ENTERPRISE}:manager`, value }])
    const id = typeof value === 'string' ? value : (Array.isArray(value) ? value[0] : value)?.value
    expect(body).toMatchObject({ [ENTERPRISE]: { manager: { value: id } } })
  })

  it('removes the manager, and leaves the rest', async () => {
    const { body } = await scim.patch(path, [{ op: 'Remove', path: `${ENTERPRISE}:manager` }])
    expect((body as unknown as Record<string, object>)[ENTERPRISE]).toEqual({
      department: 'Sales',
      employeeNumber: '8',
    })
  })

  it('writes a role as the primary one by a text', async () => {
    const { body } = await scim.patch(path, [{ op: 'Add', path: 'roles[primary eq "True"].value', value: 'Auditor' }])
    expect(body).toMatchObject({ roles: [{ primary: true, value: 'Auditor' }] })
    const changed = await scim.patch(path, [{ op: 'Replace', path: 'roles[primary eq "True"].value', value: 'Owner' }])
    expect(changed.body).toMatchObject({ roles: [{ primary: true, value: 'Owner' }] })
  })

  it('changes a name without a path, and is refused a group of a name that is taken', async () => {
    const renamed = await scim.patch(path, [{ op: 'replace', value: { userName: 'anna@contoso.com' } }])
    expect([renamed.status, renamed.body.userName]).toEqual([200, 'anna@contoso.com'])
    const team = (await scim.createGroup('HNNCQL')).body.id
    expect((await scim.createGroup('HNNCQL')).status).toBe(409)
    expect((await scim.patch(`/Groups/${team}`, [{ op: 'replace', value: { externalId: 'c3b9' } }])).status).toBe(204)
    const lean = await scim.get(
      `/Groups?excludedAttributes=members&filter=${encodeURIComponent('displayName eq "hnncql"')}`,
    )
    expect(lean.body.Resources).toMatchObject([{ displayName: 'HNNCQL', externalId: 'c3b9' }])
    expect(lean.body.Resources[0]).not.toHaveProperty('members')
  })
})

describe("Okta's test suite for the API", () => {
  beforeAll(() => start({}))
  afterAll(stop)

  it('passes', async () => {
    const first = {
      userName: 'first@example.com',
      name: { givenName: 'First', familyName: 'Example' },
      emails: [{ primary: true, value: 'first@example.com', type: 'work' }],
    }
    await scim.createUser(first)
    const list = await scim.get('/Users?count=1&startIndex=1')
    expect(list.status).toBe(200)
    expect(list.body).toMatchObject({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      itemsPerPage: expect.any(Number),
      startIndex: expect.any(Number),
      totalResults: expect.any(Number),
      Resources: [{ id: expect.any(String), active: expect.any(Boolean), ...first }],
    })
    const { id } = list.body.Resources[0] as { id: string }
    expect((await scim.get(`/Users/${encodeURIComponent(id)}`)).body).toMatchObject({ id, ...first })

    const nobody = await scim.find('Users', 'userName eq "abcdefgh@example.com"')
    expect([nobody.status, nobody.body]).toMatchObject([200, { totalResults: 0 }])
    const invalid = await scim.get('/Users/010101001010101011001010101011')
    expect([invalid.status, invalid.body]).toMatchObject([
      404,
      { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], detail: expect.stringMatching(/./) },
    ])

    const random = {
      userName: 'runscope123abc@example.com',
      name: { givenName: 'Runscope', familyName: 'Test' },
      emails: [{ primary: true, value: 'runscope123abc@example.com', type: 'work' }],
      displayName: 'Runscope Test',
      active: true,
    }
    const created = await scim.createUser(random)
    expect([created.status, created.body]).toMatchObject([201, { schemas: [USER_SCHEMA], ...random }])
    expect((await scim.get(`/Users/${encodeURIComponent(created.body.id)}`)).body).toMatchObject(random)
    expect((await scim.createUser(random)).status).toBe(409)
    const folded = await scim.find('Users', 'userName eq "RUNSCOPE123ABC@example.com"')
    expect(folded.body).toMatchObject({ totalResults: 1, Resources: [random] })
    expect((await scim.get('/Groups')).status).toBe(200)
  })

  it('finds no difference in a profile with everything that Okta maps by default', async () => {
    const profile = {
      userName: 'whole@example.com',
      name: { givenName: 'W', familyName: 'E', middleName: 'M', honorificPrefix: 'Dr', honorificSuffix: 'III' },
      displayName: 'W E',
      nickName: 'Dubya',
      profileUrl: 'https://example.com/w',
      title: 'Engineer',
      userType: 'Employee',
      preferredLanguage: 'en-US',
      locale: 'en-US',
      timezone: 'America/Los_Angeles',
      emails: [
        { primary: true, value: 'whole@example.com', type: 'work' },
        { primary: false, value: 'w@example.org', type: 'home' },
      ],
      phoneNumbers: [{ primary: true, value: '555-1', type: 'work' }],
      addresses: [{ primary: true, type: 'work', streetAddress: '1', locality: 'C', region: 'S', country: 'US' }],
      entitlements: [{ value: 'a', primary: true }],
      roles: [{ value: 'b' }],
      [ENTERPRISE]: {
        employeeNumber: '1',
        costCenter: '2',
        organization: 'O',
        division: 'D',
        department: 'E',
        manager: { value: '00u1', displayName: 'Bob' },
      },
    }
    const created = await scim.createUser({ schemas: [USER_SCHEMA, ENTERPRISE], groups: [], ...profile })
    expect([created.status, created.body]).toMatchObject([201, profile])
    const put = await scim.send('PUT', `/Users/${encodeURIComponent(created.body.id)}`, created.body)
    expect([put.status, put.body]).toEqual([200, created.body])
  })
})

describe('Okta', () => {
  let ann: string
  let team: string
  beforeAll(() => start({}))
  afterAll(stop)

  it('begins with a page of users and of groups', async () => {
    for (const list of ['Users?startIndex=1&count=2', 'Groups?startIndex=1&count=100'])
      expect((await scim.get(`/${list}`)).body).toMatchObject({ totalResults: 0, startIndex: 1, Resources: [] })
  })

  it('looks for a user before it creates one', async () => {
    const query = '/Users?filter=userName%20eq%20%22ann%40example.com%22&startIndex=1&count=100'
    expect((await scim.get(query)).body.totalResults).toBe(0)
    const created = await scim.send(
      'POST',
      '/Users',
      {
        schemas: [USER_SCHEMA],
        userName: 'ann@example.com',
        name: { givenName: 'Ann', familyName: 'Example' },
        emails: [{ primary: true, value: 'ann@example.com', type: 'work' }],
        displayName: 'Ann Example',
        locale: 'en-US',
        externalId: '00ujl29u0le5T6Aj10h7',
        groups: [],
        password: '1mz050nq',
        active: true,
      },
      { 'content-type': 'application/scim+json; charset=utf-8', accept: 'application/scim+json' },
    )
    expect([created.status, created.body.active, created.body.name?.familyName]).toEqual([201, true, 'Example'])
    expect(JSON.stringify(created.body)).not.toContain('1mz050nq')
    ann = created.body.id
    expect((await scim.get(query)).body.Resources[0]).toMatchObject({ id: ann, name: { givenName: 'Ann' } })
    const repeated = await scim.createUser({ userName: 'ann@example.com' })
    expect([repeated.status, repeated.body.scimType]).toEqual([409, 'uniqueness'])
  })

  it('replaces a user as a whole, with what it has read', async () => {
    const { body } = await scim.get(`/Users/${ann}`)
    const put = await scim.send('PUT', `/Users/${ann}`, { ...body, name: { ...body.name, givenName: 'Anna' } })
    expect([put.status, put.body.name?.givenName, put.body.id]).toEqual([200, 'Anna', ann])
    expect((await scim.get('/Users/23a35c27-23d3-4c03-b4c5-6443c09e7173')).status).toBe(404)
  })

  it('disables and enables without a path', async () => {
    for (const active of [false, true]) {
      const { status, body } = await scim.patch(`/Users/${ann}`, [{ op: 'replace', value: { active } }])
      expect([status, body.active]).toEqual([200, active])
    }
  })

  it('pushes a group, with its id in a value, and members by a filter', async () => {
    const created = await scim.createGroup('Engineers')
    team = created.body.id
    const rename = { op: 'replace', value: { id: team, displayName: 'All Engineers' } }
    expect((await scim.patch(`/Groups/${team}`, [rename])).status).toBe(204)
    const ben = (await scim.createUser({ userName: 'ben@example.com' })).body.id
    const add = { op: 'add', path: 'members', value: [{ value: ann, display: 'ann@example.com' }, { value: ben }] }
    expect((await scim.patch(`/Groups/${team}`, [add])).status).toBe(204)
    const remove = { op: 'remove', path: `members[value eq "${ben}"]` }
    expect((await scim.patch(`/Groups/${team}`, [remove])).status).toBe(204)
    const group = (await scim.get(`/Groups/${team}`)).body
    expect([group.displayName, group.members?.map(({ value }) => value)]).toEqual(['All Engineers', [ann]])
    const all = { op: 'replace', path: 'members', value: [{ value: ben, display: 'ben@example.com' }] }
    expect((await scim.patch(`/Groups/${team}`, [all])).status).toBe(204)
    expect((await scim.get(`/Groups/${team}`)).body.members?.map(({ value }) => value)).toEqual([ben])
    expect((await scim.get('/Groups?startIndex=1&count=100')).body.totalResults).toBe(1)
  })

  it('writes a message by names in any case', async () => {
    const answer = await scim.send('PATCH', `/Users/${ann}`, {
      SCHEMAS: [PATCH_SCHEMA],
      operations: [{ OP: 'REPLACE', Path: 'DisplayName', VALUE: 'Anna' }],
    })
    expect([answer.status, answer.body.displayName]).toEqual([200, 'Anna'])
  })
})
