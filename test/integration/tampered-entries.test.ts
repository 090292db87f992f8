/** Redis holds what somebody else put there: bytes changed by hand, entries moved from key to key, lists made up. */
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OrganisationImport } from '../../src/domain/api.ts'
import type { UserId } from '../../src/domain/model.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { becomes } from '../support/becomes.ts'
import {
  asRoot,
  newPrefix,
  outcomeOf,
  PATIENT,
  type Service,
  smallOrganisation,
  startService,
  withMaster,
} from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

/** Beside it somebody who sees more than one page. */
const organisation: OrganisationImport = {
  ...smallOrganisation,
  users: [...smallOrganisation.users, { id: 'lea' }, { id: 'max' }],
  groups: [...smallOrganisation.groups, { name: 'archive' }],
  memberships: [
    ...smallOrganisation.memberships,
    { group: 'archive', user: 'lea', role: 'member' },
    { group: 'archive', user: 'max', role: 'member' },
  ],
  resources: [...smallOrganisation.resources, ...archived().map((name) => ({ name, kind: 'file' }))],
  grants: [
    ...smallOrganisation.grants,
    ...archived().map((resource) => ({ group: 'archive', resource, permission: 'read' as const })),
  ],
}

let databaseUrl: string
let filler: Service
let prefix: string
const reading: Service[] = []

/** Everybody's entries as the service makes them. */
const genuine = new Map<string, Buffer>()

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  prefix = newPrefix()
  filler = await startService({ databaseUrl, prefix, environment: PATIENT })
  await filler.portcullis.mutations.importOrganisation(organisation, asRoot)
  for (const { id } of organisation.users) {
    await filler.visible(id)
    // A list that SQL derived, because the catalogue was being loaded, stores no groups.
    await filler.portcullis.reads.effectiveGroups(id as UserId, {})
  }
  await withMaster(async (redis) => {
    const stored = async () => (await redis.exists(`${prefix}resources:all`)) === 1
    await waitUntil('the catalogue is stored', stored, { timeoutMs: 10_000 })
    for (const name of await redis.keys(`${prefix}*`)) {
      const dumped = await redis.dumpBuffer(name)
      if (dumped) genuine.set(name, dumped)
    }
  })
})
afterAll(async () => {
  for (const service of [filler, ...reading]) await service?.close()
  await dropDatabase(databaseUrl)
})

/** The genuine entries, then the damage, then an instance that has no copy of anything. */
async function readerAfter(damage: (redis: Redis) => Promise<unknown>): Promise<Service> {
  await withMaster(async (redis) => {
    for (const [name, bytes] of genuine) await redis.restore(name, 600_000, bytes, 'REPLACE')
    await damage(redis)
  })
  const reader = await startService({ databaseUrl, prefix, environment: PATIENT })
  reading.push(reader)
  await becomes(() => isWhole(reader), true)
  return reader
}

/** Until then its lists are loaded by SQL, whatever groups there are in Redis. */
async function isWhole({ portcullis }: Service): Promise<boolean> {
  const { catalogue } = (await portcullis.cache.status()) as unknown as { catalogue: { whole: boolean } }
  return catalogue.whole
}

async function rejectionsOf({ portcullis }: Service, layer: string): Promise<Record<string, number>> {
  const { layers } = (await portcullis.cache.status()) as unknown as {
    layers: Record<string, { rejections: Record<string, number> }>
  }
  return layers[layer]?.rejections ?? {}
}

/** Keeps the life it had, as somebody who knows Redis would. */
async function put(redis: Redis, name: string, bytes: Buffer): Promise<void> {
  expect(await redis.set(prefix + name, bytes, 'KEEPTTL')).toBe('OK')
}

async function bytesOf(redis: Redis, name: string): Promise<Buffer> {
  const bytes = await redis.getBuffer(prefix + name)
  if (!bytes) throw new Error(`${name} is not in Redis`)
  return bytes
}

const replaced = (bytes: Buffer, from: string, to: string): Buffer => {
  expect(bytes.includes(from), `the hazard: there is a ${from} to change`).toBe(true)
  return Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1')
}

describe('a list in Redis', () => {
  it.each<[string, (redis: Redis) => Promise<void>]>([
    ['that is another user’s', async (redis) => put(redis, 'resources:{ben}', await bytesOf(redis, 'resources:{dee}'))],
    [
      'in which a permission was raised',
      async (redis) =>
        put(redis, 'resources:{ben}', replaced(await bytesOf(redis, 'resources:{ben}'), '"write"', '"admin"')),
    ],
    [
      'of which the end is missing',
      async (redis) => put(redis, 'resources:{ben}', (await bytesOf(redis, 'resources:{ben}')).subarray(0, -20)),
    ],
    [
      'of which one byte is another',
      async (redis) => void (await redis.setrange(`${prefix}resources:{ben}`, 400, '~')),
    ],
  ])('%s is refused, counted and replaced', async (_what, damage) => {
    const reader = await readerAfter(damage)
    expect(await outcomeOf(reader, 'ben')).toBe('miss')
    expect(await reader.visible('ben')).toEqual(await reader.truth('ben'))
    expect(await rejectionsOf(reader, 'user-resources')).toEqual({ damaged: 1 })
    expect(await outcomeOf(reader, 'ben')).toBe('hit')
  })

  it('cannot be continued by groups that were added to what it names', async () => {
    const reader = await readerAfter(async (redis) => {
      const [lea, dee] = [await bytesOf(redis, 'resources:{lea}'), await bytesOf(redis, 'resources:{dee}')]
      const groupsOf = (bytes: Buffer) => /"gt":\[[^\]]*\]/.exec(bytes.toString('latin1'))?.[0] ?? 'none'
      await put(redis, 'resources:{lea}', replaced(lea, groupsOf(lea), groupsOf(dee)))
    })
    expect(await reader.visible('lea', { limit: 200 })).toEqual(await reader.truth('lea', { limit: 200 }))
    expect(await rejectionsOf(reader, 'user-resources')).toHaveProperty('damaged')
  })
})

describe('what lists are derived from', () => {
  it('groups of another user give nobody the resources of that user', async () => {
    const reader = await readerAfter(async (redis) => {
      await put(redis, 'user:groups:{ben}', await bytesOf(redis, 'user:groups:{dee}'))
      await redis.del(`${prefix}resources:{ben}`)
    })
    expect(await reader.visible('ben')).toEqual(await reader.truth('ben'))
    expect(await rejectionsOf(reader, 'user-groups')).toEqual({ damaged: 1 })
  })

  it('a catalogue with a grant made up gives nothing', async () => {
    const reader = await readerAfter(async (redis) => {
      const names = await redis.keys(`${prefix}resources:all:*`)
      for (const name of names) {
        const bytes = await redis.getBuffer(name)
        if (bytes?.includes('elsewhere'))
          await put(redis, name.slice(prefix.length), replaced(bytes, '"maintain"', '"admin"'))
      }
      await redis.del(`${prefix}resources:{dee}`)
    })
    expect(await reader.visible('dee')).toEqual(await reader.truth('dee'))
    expect(await rejectionsOf(reader, 'resources')).toHaveProperty('damaged')
  })
})

describe('an instance with another secret, as while it is rotated', () => {
  it('believes nothing of the others, nor they of it, and all answer right', async () => {
    await filler.visible('ben')
    const environment = { ...PATIENT, CURSOR_SECRET: 'the next one, from which entries of the former differ' }
    const other = await startService({ databaseUrl, prefix, environment })
    reading.push(other)
    expect(await outcomeOf(other, 'ben')).toBe('miss')
    expect(await other.visible('ben')).toEqual(await other.truth('ben'))
    expect(await outcomeOf(filler, 'ben')).toBe('miss')
    expect(await filler.visible('ben')).toEqual(await filler.truth('ben'))
  })
})

describe('an administrator', () => {
  it('is told that an entry is damaged', async () => {
    const reader = await readerAfter((redis) => redis.setrange(`${prefix}resources:{ben}`, 400, '~'))
    const shown = JSON.stringify(await reader.portcullis.cache.userEntries('ben' as never))
    expect(shown).toContain('"wouldBeServed":false,"why":"damaged"')
  })
})

function archived(): string[] {
  return Array.from({ length: 120 }, (_, number) => `file-${String(number).padStart(3, '0')}`)
}
