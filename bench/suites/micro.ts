/** The pieces by themselves: what a stamp check, an entry, an index of a hundred thousand tags and a page cost. */
import { createInvalidationIndex, parseSnapshot, type Stamp, type Tag, type Xid } from '../../src/cache/index.ts'
import { createCursorCodec } from '../../src/domain/cursor.ts'
import { retentionOf } from '../../src/domain/keys.ts'
import { EMPTY_CONTENT, type GroupId, type ResourceId, type UserId } from '../../src/domain/model.ts'
import type { CatalogueItem } from '../../src/domain/source.ts'
import { createCatalogue } from '../../src/domain/visibility/catalogue.ts'
import { bucketOfItems } from '../../src/domain/visibility/catalogue-bucket.ts'
import { createResourcePages, DEFAULT_LIMIT } from '../../src/domain/visibility/resource-page.ts'
import { nanosecondsPer } from '../harness/micro.ts'
import { createRandom } from '../harness/random.ts'

/** What a hit of somebody in ten groups is judged by. */
export const STAMP_CHECK = 'stamp check, 22 tags (a user in 10 groups), index of 100,000'

export interface MicroResult {
  readonly name: string
  readonly nanoseconds: number
}

const GROUPS = 100
const PER_GROUP = 50

export function measureMicro(): MicroResult[] {
  return [...indexOperations(), ...listOperations()].map(([name, operation]) => ({
    name,
    nanoseconds: nanosecondsPer(operation),
  }))
}

type Operation = readonly [name: string, run: () => unknown]

function indexOperations(): Operation[] {
  const database = '1-1-1'
  const index = createInvalidationIndex({ retentionOf, maxTags: 200_000 })
  const position: Stamp = { database, snapshot: parseSnapshot('500000:500000:') }
  const rows = Array.from({ length: 100_000 }, (_, at) => ({ xid: (at + 1) as Xid, tags: [`u:user-${at}` as Tag] }))
  index.reset({ position, floor: parseSnapshot('1:1:'), rows })
  const stamp: Stamp = { database, snapshot: parseSnapshot('499990:500000:499991,499995') }
  const few = ['u:user-1', 'l:user-resources', 't:a', 'g:a'] as Tag[]
  const usual = ['u:user-1', 'l:user-resources', ...groupTags(10)] as Tag[]
  const many = Array.from({ length: 400 }, (_, at) => `g:group-${at}` as Tag)
  return [
    ['stamp check, 4 tags, index of 100,000', () => index.judge(stamp, few, 'volatile')],
    [STAMP_CHECK, () => index.judge(stamp, usual, 'volatile')],
    ['stamp check, 400 tags (a user in 200 groups)', () => index.judge(stamp, many, 'volatile')],
    ['reading a snapshot', () => parseSnapshot('499990:500000:499991,499995')],
  ]
}

function groupTags(count: number): string[] {
  return Array.from({ length: count }, (_, at) => [`t:team-${at}`, `g:team-${at}`]).flat()
}

function listOperations(): Operation[] {
  const random = createRandom(7)
  const groups = Array.from({ length: GROUPS }, (_, at) => `group-${at}` as GroupId)
  const catalogue = createCatalogue()
  const items = groups.flatMap((group, number) =>
    Array.from({ length: PER_GROUP }, (_, at) => itemOf(group, number * PER_GROUP + at, random())),
  )
  const bucket = bucketOfItems(items)
  catalogue.replace(0, bucket)
  const pages = createResourcePages(createCursorCodec('a secret that only benchmarks know, 32 bytes or more'))
  const user = 'reader' as UserId
  const one = groups.slice(0, 1)
  const some = groups.slice(0, 20)
  const page = { count: DEFAULT_LIMIT + 1 }
  const at = { earliestMs: Date.now(), latestMs: Date.now() }
  const found = catalogue.visible(one, page, at)?.value ?? []
  const [first] = items
  if (!first) throw new Error('the catalogue is empty')
  const changed = bucketOfItems([{ ...first, description: 'changed' }])
  return [
    ['page of 50 of 50, one group', () => catalogue.visible(one, page, at)],
    ['page of 50 of 1,000, 20 groups', () => catalogue.visible(some, page, at)],
    ['page of 50 of 5,000, 100 groups', () => catalogue.visible(groups, page, at)],
    ['count of 1,000, 20 groups', () => catalogue.count(some, at)],
    ['page of 50 items, put together with its validator', () => pages.assemble(user, { limit: DEFAULT_LIMIT }, found)],
    ['one resource of 5,000 changed', () => catalogue.put(changed)],
    ['bucket of 5,000 items replaced', () => catalogue.replace(0, bucket)],
  ]
}

function itemOf(group: GroupId, at: number, order: number): CatalogueItem {
  return {
    ...EMPTY_CONTENT,
    id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}` as ResourceId,
    name: `${order.toFixed(6)}/${group}/${at}`,
    kind: 'repository',
    description: 'something to look at',
    attributes: { visibility: 'private', stars: at },
    version: 1,
    updatedAt: '2026-01-01T00:00:00.000Z',
    grants: [[group, 'write']],
  }
}
