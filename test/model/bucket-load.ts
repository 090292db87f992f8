/** Buckets that are behind are loaded beside, at a snapshot of their own, from the checkpoint at a start. */
import type { BucketContent } from './catalogue.ts'
import { GRANT_BITS, NEVER } from './ends.ts'
import type { Instance } from './instance.ts'
import { entryOf, loadedFrom } from './loaded.ts'
import { key, LAYER, RESOURCES_OF, tag } from './organisation.ts'
import { Unavailable } from './shared-store.ts'
import type { Steps, World } from './world.ts'

/** Runs as long as the instance does. */
export function* keepLoading(world: World, i: Instance): Steps<never> {
  for (;;) {
    yield () => i.catalogue.isBehind() && !world.db.logLocked()
    const bucket = i.catalogue.nextBehind()
    if (bucket !== undefined) yield* loadBucket(world, i, bucket)
  }
}

function* loadBucket(world: World, i: Instance, bucket: number): Steps<void> {
  const load = i.catalogue.beginLoad(bucket)
  const content = (yield* fromCheckpoint(world, i, bucket)) ?? (yield* fromTables(i, bucket))
  const covered = world.off['install before the position'] || (yield* i.follower.catchUp(content.stamp))
  const installed = covered && i.catalogue.install(bucket, content.grants, load)
  world.trace?.push(
    `      ${i.id}: bucket ${bucket} loaded: ${content.grants}; ${installed ? 'installed' : 'outdated'}`,
  )
}

function* fromTables(i: Instance, bucket: number): Steps<BucketContent> {
  const { value, stamp } = yield* i.select((state) => RESOURCES_OF[bucket]!.map((resource) => state.grants[resource]!))
  return { grants: value, stamp }
}

/** Judged at the position there is; what the log says from then on is kept, or marks the bucket again. */
function* fromCheckpoint(world: World, i: Instance, bucket: number): Steps<BucketContent | null> {
  try {
    const entry = yield* i.ask((commands) => commands.read(key.bucket(bucket)))
    if (!entry || !(i.isServable(entry) || world.off['checkpoint not judged'])) return null
    const { value, stamp } = loadedFrom(i, entry)
    const grants = RESOURCES_OF[bucket]!.map((_, at) => (value >>> (GRANT_BITS * at)) & ((1 << GRANT_BITS) - 1))
    return { grants, stamp }
  } catch (error) {
    if (error instanceof Unavailable) return null
    throw error
  }
}

/** What is stored is the state at the position, taken in one step with it. */
export function* storeCheckpoint(world: World, i: Instance): Steps<void> {
  if (i.catalogue.isBehind()) return
  const grants = i.catalogue.grants()
  const entries = RESOURCES_OF.map((resources, bucket) => {
    const value = resources.reduce<number>(
      (packed, resource, at) => packed | (grants[resource]! << (GRANT_BITS * at)),
      0,
    )
    const tags = tag.bucket(bucket) | tag.layer(LAYER.resources)
    return entryOf(world, i, { value, stamp: i.position(), tags, until: NEVER, shownUntil: NEVER })
  })
  try {
    yield* i.ask((commands) => {
      for (const [bucket, entry] of entries.entries()) commands.put(key.bucket(bucket), entry)
    })
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
  }
}
