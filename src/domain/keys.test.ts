import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bucketIn,
  bucketOf,
  bucketTag,
  CATALOGUE_BUCKETS,
  catalogueBucketKey,
  catalogueKey,
  grantsGroupIn,
  grantsTag,
  isResourceTag,
  layerKey,
  layerTag,
  placeTag,
  resourceTag,
  retentionOf,
  userGroupsKey,
  userResourcesKey,
  userTag,
} from './keys.ts'
import type { GroupId, ResourceId, UserId } from './model.ts'

const user = (id: string) => id as UserId
const group = 'b7a1' as GroupId
const resource = '0a00-1' as ResourceId
const characters = ['a', 'l', '%', '2', '7', '{', '}', ':', '*', '(', ')', '!', '~', "'", '?', '[', ' ', '/', 'ż', '😀']
const users = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 8 }).map(user)

describe('the keys', () => {
  it('are spelled as the table says', () => {
    expect(catalogueKey).toBe('resources:all')
    expect([0, 10, 255].map(catalogueBucketKey)).toEqual(['resources:all:00', 'resources:all:0a', 'resources:all:ff'])
    expect(userGroupsKey(user('alice'))).toBe('user:groups:{alice}')
    expect(userResourcesKey(user('alice'))).toBe('resources:{alice}')
  })

  it('name their layer', () => {
    expect(layerKey.catalogue()).toEqual({ layer: 'resources', key: 'resources:all' })
    expect(layerKey.catalogueBucket(10)).toEqual({ layer: 'resources', key: 'resources:all:0a' })
  })

  it('of a user called all are not the catalogue', () => {
    expect(userResourcesKey(user('all'))).not.toBe(catalogueKey)
  })

  it('encode what a URL would, and what patterns and braces mean', () => {
    expect(userResourcesKey(user("a b/ż%{}*'()!~-_."))).toBe('resources:{a%20b%2F%C5%BC%25%7B%7D%2A%27%28%29%21%7E-_.}')
  })

  it('of two users are never the same, and read back as their ids', () => {
    fc.assert(
      fc.property(users, users, (a, b) => {
        for (const key of [userGroupsKey, userResourcesKey]) {
          expect(key(a) === key(b)).toBe(a === b)
          const [, id = ''] = /\{(.*)\}$/.exec(key(a)) ?? []
          expect(decodeURIComponent(id)).toBe(a)
        }
      }),
    )
  })

  it('hold one pair of braces and nothing a pattern or a line could trip over', () => {
    fc.assert(
      fc.property(users, (id) => {
        expect(userResourcesKey(id)).toMatch(/^resources:\{[A-Za-z0-9%._-]+\}$/)
        expect(userGroupsKey(id)).toMatch(/^user:groups:\{[A-Za-z0-9%._-]+\}$/)
      }),
    )
  })
})

describe('the tags', () => {
  it('are spelled as the log shows them', () => {
    expect(userTag(user('alice'))).toBe('u:alice')
    expect(placeTag(group)).toBe('t:b7a1')
    expect(grantsTag(group)).toBe('g:b7a1')
    expect(bucketTag(10)).toBe('c:0a')
    expect(resourceTag(resource)).toBe('r:0a00-1')
    expect(layerTag('user-groups')).toBe('l:user-groups')
  })

  it('are read back where they name what is asked for, and only there', () => {
    const all = [userTag(user('c:0a')), placeTag(group), grantsTag(group), bucketTag(255), resourceTag(resource)]
    expect([...all, layerTag('resources')].map(bucketIn)).toEqual([
      undefined,
      undefined,
      undefined,
      255,
      undefined,
      undefined,
    ])
    expect(all.map(grantsGroupIn)).toEqual([undefined, undefined, group, undefined, undefined])
    expect(all.map(isResourceTag)).toEqual([false, false, false, false, true])
    for (let bucket = 0; bucket < CATALOGUE_BUCKETS; bucket++) expect(bucketIn(bucketTag(bucket))).toBe(bucket)
  })

  it('of a resource are not remembered: no entry depends on one by name', () => {
    expect(retentionOf(resourceTag(resource))).toBeNull()
  })

  it('of the catalogue are remembered for hours, all others for minutes', () => {
    expect([bucketTag(0), layerTag('resources')].map(retentionOf)).toEqual(['lasting', 'lasting'])
    const others = [userTag(user('c:1')), placeTag(group), grantsTag(group), layerTag('user-groups')]
    expect(others.map(retentionOf)).toEqual(['volatile', 'volatile', 'volatile', 'volatile'])
    expect(retentionOf(layerTag('user-resources'))).toBe('volatile')
  })
})

it('the bucket of a resource is the first byte of its id', () => {
  const ids = ['00ff', '0a00', '10aa', 'ffab'].map((start) => `${start}0000-0000-4000-8000-000000000000` as ResourceId)
  expect(ids.map(bucketOf)).toEqual([0, 10, 16, 255])
  expect(CATALOGUE_BUCKETS).toBe(256)
})
