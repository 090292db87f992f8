/** Loads that take their time between reading and storing, where the build says so. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheSource as createReal } from '../../../src/postgres/source.ts'
import { has } from './parts.ts'

export * from '../../../src/postgres/source.ts'

const LONGEST_MS = 40

export function createCacheSource(...args: Parameters<typeof createReal>): ReturnType<typeof createReal> {
  const source = createReal(...args)
  if (!has('slow-loads')) return source
  const slowly = async <T>(load: Promise<T>): Promise<T> => {
    const loaded = await load
    await sleep(Math.random() * LONGEST_MS)
    return loaded
  }
  return {
    ...source,
    effectiveGroups: (user) => slowly(source.effectiveGroups(user)),
    catalogueBuckets: (buckets) => slowly(source.catalogueBuckets(buckets)),
    visibleList: (user) => slowly(source.visibleList(user)),
  }
}
