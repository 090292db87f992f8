/** Every attribute that the schemas name is kept as it is sent: a provider that reads it back finds no difference. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ScimAttribute } from '../../src/domain/scim-schema.ts'
import { GROUP_SCHEMA, type ScimAnswer, type ScimClient, scimClient, USER_SCHEMA } from '../support/scim.ts'
import { type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

interface Schema {
  readonly id: string
  readonly name: string
  readonly attributes: readonly ScimAttribute[]
}

let databaseUrl: string
let service: Service
let scim: ScimClient
let published: readonly Schema[]

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  service = await startService({ databaseUrl })
  scim = await scimClient(service)
  published = (await scim.get('/Schemas')).body.Resources as unknown as Schema[]
})
afterAll(async () => {
  await scim?.close()
  await service?.close()
  await dropDatabase(databaseUrl)
})

let counter = 0
let name = ''
beforeEach(() => {
  name = `a${++counter}`
})

/** A value that nobody has sent before, of the type that the schema gives the attribute. */
function valueFor({
  type,
  name: attribute,
  multiValued,
  canonicalValues = [],
  subAttributes = [],
}: ScimAttribute): unknown {
  const unique = `${attribute} ${++counter}`
  const parts = subAttributes.filter(({ mutability }) => mutability !== 'readOnly')
  const one =
    type === 'complex'
      ? Object.fromEntries(parts.map((part) => [part.name, valueFor(part)]))
      : type === 'boolean'
        ? true
        : type === 'reference'
          ? `https://example.com/${counter}`
          : (canonicalValues[0] ?? unique)
  return multiValued ? [one] : one
}

/** What a client may write, under the full names of RFC 7644, 3.10. */
function writable(schema: string) {
  const { attributes = [] } = published.find(({ id }) => id === schema) ?? {}
  return attributes
    .filter(({ mutability }) => mutability === 'readWrite')
    .map((attribute) => ({ attribute, path: `${schema}:${attribute.name}` }))
}

/** Where the attribute is in a resource. */
const at = (answer: ScimAnswer, schema: string, attribute: ScimAttribute): unknown => {
  const body = answer.body as unknown as Record<string, Record<string, unknown> | undefined>
  return schema === ENTERPRISE ? body[schema]?.[attribute.name] : body[attribute.name]
}

const SCHEMAS_OF_USERS = [USER_SCHEMA, ENTERPRISE]

describe('the schemas', () => {
  it('are those of the resources, of the extension, and of discovery itself', async () => {
    expect(published.map((schema) => schema.name).sort()).toEqual(
      ['EnterpriseUser', 'Group', 'ResourceType', 'Schema', 'ServiceProviderConfig', 'User'].sort(),
    )
    const user = await scim.get('/ResourceTypes/User')
    expect(user.body).toMatchObject({
      schema: USER_SCHEMA,
      schemaExtensions: [{ schema: ENTERPRISE, required: false }],
    })
    for (const { id } of published) expect((await scim.get(`/Schemas/${id}`)).status).toBe(200)
  })

  it('describe every attribute in full', () => {
    const facts = [
      'name',
      'type',
      'multiValued',
      'description',
      'required',
      'caseExact',
      'mutability',
      'returned',
      'uniqueness',
    ]
    const check = (attribute: ScimAttribute) => {
      for (const fact of facts) expect(attribute, attribute.name).toHaveProperty(fact)
      expect(attribute.type === 'complex', attribute.name).toBe(attribute.subAttributes !== undefined)
      attribute.subAttributes?.forEach(check)
    }
    for (const { attributes } of published) attributes.forEach(check)
  })

  it.each(['Schemas', 'ResourceTypes', 'ServiceProviderConfig'])('of %s are only read', async (endpoint) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect((await scim.send(method, `/${endpoint}`)).status).toBe(405)
  })
})

describe('a user', () => {
  const whole = () => {
    const flat = (schema: string) =>
      Object.fromEntries(writable(schema).map(({ attribute }) => [attribute.name, valueFor(attribute)]))
    return { schemas: SCHEMAS_OF_USERS, ...flat(USER_SCHEMA), userName: name, [ENTERPRISE]: flat(ENTERPRISE) }
  }

  it('keeps every attribute that it is created with, and is replaced by', async () => {
    const given = whole()
    const created = await scim.send('POST', '/Users', given)
    expect([created.status, created.body]).toMatchObject([201, given])
    expect((await scim.get(`/Users/${name}`)).body).toEqual(created.body)
    const other = whole()
    const replaced = await scim.send('PUT', `/Users/${name}`, { ...other, userName: given.userName })
    expect([replaced.status, replaced.body]).toMatchObject([200, { ...other, userName: given.userName }])
    const bare = await scim.send('PUT', `/Users/${name}`, { schemas: [USER_SCHEMA], userName: given.userName })
    expect(Object.keys(bare.body).sort()).toEqual(['active', 'id', 'meta', 'schemas', 'userName'])
  })

  it('that is sent back as it was read does not change', async () => {
    await scim.send('POST', '/Users', whole())
    const read = await scim.get(`/Users/${name}`)
    const back = await scim.send('PUT', `/Users/${name}`, read.body)
    expect([back.status, back.body, back.headers.etag]).toEqual([200, read.body, read.headers.etag])
  })

  it('has each attribute added, replaced and removed by its full name', async () => {
    await scim.createUser({ userName: name })
    for (const schema of SCHEMAS_OF_USERS)
      for (const { attribute, path } of writable(schema)) {
        if (attribute.name === 'userName') continue
        for (const op of ['add', 'replace']) {
          const value = valueFor(attribute)
          const answer = await scim.patch(`/Users/${name}`, [{ op, path, value }])
          expect(answer.status, `${op} ${path} ${answer.text}`).toBe(200)
          const expected = op === 'add' && attribute.multiValued ? expect.arrayContaining(value as []) : value
          expect(at(answer, schema, attribute), `${op} ${path}`).toEqual(expected)
          expect((await scim.get(`/Users/${name}`)).body).toEqual(answer.body)
        }
        if (attribute.required) continue
        const removed = await scim.patch(`/Users/${name}`, [{ op: 'remove', path }])
        expect([removed.status, at(removed, schema, attribute)], `remove ${path}`).toEqual([200, undefined])
      }
  })

  it('is found by each attribute and each of its parts', async () => {
    const given = whole()
    await scim.send('POST', '/Users', given)
    const isFound = async (path: string, value: unknown) => {
      const literal = typeof value === 'string' ? `"${value}"` : value
      const answer = await scim.find('Users', `${path} eq ${literal} and userName eq "${name}"`)
      expect([answer.status, answer.body.totalResults], path).toEqual([200, 1])
      const none = await scim.find('Users', `not (${path} pr) and userName eq "${name}"`)
      expect([none.status, none.body.totalResults], path).toEqual([200, 0])
    }
    for (const schema of SCHEMAS_OF_USERS)
      for (const { attribute, path } of writable(schema)) {
        const source = (schema === ENTERPRISE ? given[ENTERPRISE] : given) as Record<string, unknown>
        const value = source[attribute.name]
        const one = (Array.isArray(value) ? value[0] : value) as Record<string, unknown>
        if (attribute.type !== 'complex') await isFound(path, one)
        else
          for (const [part, inner] of Object.entries(one)) if (part !== '$ref') await isFound(`${path}.${part}`, inner)
      }
  })

  it('shows of an extension what is asked for', async () => {
    const extension = { department: 'Research', manager: { value: '7', displayName: 'Bob' } }
    await scim.createUser({ userName: name, title: 'Engineer', [ENTERPRISE]: extension })
    const shown = async (query: string) => {
      const { schemas: _schemas, id: _id, meta: _meta, ...rest } = (await scim.get(`/Users/${name}?${query}`)).body
      return rest
    }
    expect(await shown(`attributes=${ENTERPRISE}`)).toEqual({ [ENTERPRISE]: extension })
    expect(await shown(`attributes=title,${ENTERPRISE}:DEPARTMENT`)).toEqual({
      title: 'Engineer',
      [ENTERPRISE]: { department: 'Research' },
    })
    expect(await shown(`attributes=${ENTERPRISE}:manager.value`)).toEqual({ [ENTERPRISE]: { manager: { value: '7' } } })
    expect(await shown(`excludedAttributes=${ENTERPRISE},active`)).toEqual({ userName: name, title: 'Engineer' })
    expect(await shown(`excludedAttributes=${ENTERPRISE}:manager,active,title`)).toEqual({
      userName: name,
      [ENTERPRISE]: { department: 'Research' },
    })
  })

  it('has the extension changed as a whole, and says that it has it only while it does', async () => {
    await scim.createUser({ userName: name })
    const patched = async (operation: object) => (await scim.patch(`/Users/${name}`, [operation])).body
    const added = await patched({ op: 'add', value: { [ENTERPRISE]: { department: 'Sales', costCenter: '4130' } } })
    expect(added).toMatchObject({
      schemas: SCHEMAS_OF_USERS,
      [ENTERPRISE]: { department: 'Sales', costCenter: '4130' },
    })
    const changed = await patched({ op: 'replace', path: ENTERPRISE, value: { department: 'Research' } })
    expect(changed).toMatchObject({ [ENTERPRISE]: { department: 'Research', costCenter: '4130' } })
    const removed = await patched({ op: 'remove', path: ENTERPRISE })
    expect(removed.schemas).toEqual([USER_SCHEMA])
    expect(removed).not.toHaveProperty(ENTERPRISE)
  })

  it.each([
    [
      'an attribute that the extension lacks',
      [{ op: 'add', path: `${ENTERPRISE}:colour`, value: 'red' }],
      'invalidPath',
    ],
    ['a part that it lacks', [{ op: 'add', path: `${ENTERPRISE}:manager.colour`, value: 'red' }], 'invalidPath'],
    ['an extension that is a text', [{ op: 'add', path: ENTERPRISE, value: 'red' }], 'invalidValue'],
    ['a text that is a number', [{ op: 'add', path: 'title', value: 7 }], 'invalidValue'],
    [
      'more values than fifty',
      [{ op: 'add', path: 'roles', value: Array.from({ length: 51 }, (_, n) => `r${n}`) }],
      'invalidValue',
    ],
  ])('is not changed by %s', async (_what, operations, scimType) => {
    await scim.createUser({ userName: name })
    const { status, body } = await scim.patch(`/Users/${name}`, operations)
    expect([status, body.scimType]).toEqual([400, scimType])
  })

  it('has several addresses of one type, and none of them twice', async () => {
    const [here, there] = ['Berlin', 'Bonn'].map((locality) => ({ type: 'work', locality, country: 'DE' }))
    await scim.createUser({ userName: name })
    const patched = async (op: string, value: unknown) =>
      (await scim.patch(`/Users/${name}`, [{ op, path: 'addresses', value }])).body as unknown as { addresses: unknown }
    expect((await patched('replace', [here, there])).addresses).toEqual([here, there])
    expect((await patched('add', { country: 'DE', locality: 'Bonn', type: 'work' })).addresses).toEqual([here, there])
    const third = { type: 'work', locality: 'Köln' }
    expect((await patched('add', [third])).addresses).toEqual([here, there, third])
  })

  it('keeps no password and no certificate, and says nothing of them', async () => {
    const created = await scim.createUser({
      userName: name,
      password: 'secret-1',
      x509Certificates: [{ value: 'c2VjcmV0' }],
    })
    expect(created.status).toBe(201)
    const patch = [{ op: 'replace', path: 'password', value: 'secret-1' }]
    expect((await scim.patch(`/Users/${name}`, patch)).text).not.toMatch(/secret-1|c2VjcmV0/)
  })
})

describe('a group', () => {
  it('has each attribute added, replaced and removed by its full name', async () => {
    const member = (await scim.createUser({ userName: name })).body.id
    const { id } = (await scim.createGroup(name)).body
    for (const { attribute, path } of writable(GROUP_SCHEMA))
      for (const op of attribute.required ? ['replace'] : ['add', 'replace', 'remove']) {
        const value = attribute.name === 'members' ? [{ value: member, type: 'User' }] : `${valueFor(attribute)}`
        const operation = op === 'remove' ? { op, path } : { op, path, value }
        expect((await scim.patch(`/Groups/${id}`, [operation])).status, `${op} ${path}`).toBe(204)
        const now = at(await scim.get(`/Groups/${id}`), GROUP_SCHEMA, attribute)
        if (op === 'remove') expect(now ?? []).toEqual([])
        else expect(now, `${op} ${path}`).toEqual(Array.isArray(value) ? [expect.objectContaining(value[0])] : value)
      }
  })
})

describe('a search by POST (RFC 7644, 3.4.3)', () => {
  const SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest'

  it('finds what the same query finds', async () => {
    await scim.createUser({ userName: name, title: 'Engineer' })
    await scim.createGroup(name, [name])
    const search = { schemas: [SEARCH], startIndex: 1, count: 5, sortBy: 'userName' }
    const users = await scim.send('POST', '/Users/.search', {
      ...search,
      filter: `userName eq "${name}"`,
      attributes: ['userName', 'title'],
    })
    expect([users.status, users.body]).toMatchObject([200, { totalResults: 1, startIndex: 1, itemsPerPage: 1 }])
    expect(users.body.Resources).toEqual([{ schemas: [USER_SCHEMA], id: name, userName: name, title: 'Engineer' }])
    const groups = await scim.send('POST', '/Groups/.search', {
      ...search,
      filter: `displayName eq "${name}"`,
      excludedAttributes: ['members'],
    })
    expect(groups.body.Resources).toHaveLength(1)
    expect(groups.body.Resources[0]).not.toHaveProperty('members')
  })

  it('of everything finds users, then groups, on pages over both', async () => {
    for (const n of [1, 2, 3]) await scim.createUser({ userName: `${name}.${n}`, displayName: `${name}.${n}` })
    for (const n of [4, 5]) await scim.createGroup(`${name}.${n}`)
    const page = async (startIndex: number, count: number, filter = `displayName sw "${name}."`) => {
      const search = { schemas: [SEARCH], filter, startIndex, count, attributes: ['displayName'] }
      const { status, body } = await scim.send('POST', '/.search', search)
      return {
        status,
        total: body.totalResults,
        found: body.Resources?.map(({ displayName }) => displayName?.slice(-1)),
      }
    }
    expect(await page(1, 10)).toEqual({ status: 200, total: 5, found: ['1', '2', '3', '4', '5'] })
    expect(await page(2, 3)).toEqual({ status: 200, total: 5, found: ['2', '3', '4'] })
    expect(await page(4, 1)).toEqual({ status: 200, total: 5, found: ['4'] })
    expect(await page(5, 10)).toEqual({ status: 200, total: 5, found: ['5'] })
    expect(await page(6, 10)).toEqual({ status: 200, total: 5, found: [] })
    expect(await page(1, 0)).toEqual({ status: 200, total: 5, found: [] })
  })

  it('of everything takes an attribute that a resource has not for one without a value (RFC 7644, 3.4.2.1)', async () => {
    await scim.createUser({ userName: name, displayName: name })
    await scim.createGroup(name, [name])
    const kinds = async (filter: string) => {
      const { body } = await scim.send('POST', '/.search', { schemas: [SEARCH], filter })
      return body.Resources.map(({ meta }) => meta.resourceType)
    }
    const mine = `displayName eq "${name}"`
    expect(await kinds(`userName eq "${name}"`)).toEqual(['User'])
    expect(await kinds(`userName eq "${name}" or ${mine}`)).toEqual(['User', 'Group'])
    expect(await kinds(`${mine} and not (userName pr)`)).toEqual(['Group'])
    expect(await kinds(`${mine} and not (members[value eq "${name}"])`)).toEqual(['User'])
    expect(await kinds(`${mine} and (active eq true or members.value eq "${name}")`)).toEqual(['User', 'Group'])
    expect(await kinds(`${mine} and ${USER_SCHEMA}:active eq true`)).toEqual(['User'])
    expect(await kinds(`${mine} and title eq null`)).toEqual(['User', 'Group'])
    expect(await kinds(`${mine} and name.familyName ne "x"`)).toEqual(['User', 'Group'])
    expect(await kinds(`${mine} and meta.resourceType eq "Group"`)).toEqual(['Group'])
    expect(await kinds('colour eq "red"')).toEqual([])
    const wrong = await scim.send('POST', '/.search', { schemas: [SEARCH], filter: 'active gt true' })
    expect([wrong.status, wrong.body.scimType]).toEqual([400, 'invalidFilter'])
  })

  it.each([
    ['no schema', {}, 'invalidValue'],
    ['another schema', { schemas: [USER_SCHEMA] }, 'invalidValue'],
    ['a filter that cannot be read', { schemas: [SEARCH], filter: 'x' }, 'invalidFilter'],
    ['a count that is a text', { schemas: [SEARCH], count: 'x' }, 'invalidValue'],
  ])('is refused for %s', async (_what, body, scimType) => {
    const answer = await scim.send('POST', '/Users/.search', body)
    expect([answer.status, answer.body.scimType]).toEqual([400, scimType])
  })
})
