/** The catalogue in buckets: every copy in the process is proved current by the fill id of one manifest. */
import type { Instance, Stamped } from './instance.ts'
import { releaseQuietly } from './layer-read.ts'
import { BUCKETS, key, LAYER, tag } from './organisation.ts'
import type { Entry } from './shared-store.ts'
import type { Steps, World } from './world.ts'

const ALL = Array.from({ length: BUCKETS }, (_, bucket) => bucket)

export function* refreshCatalogue(world: World, i: Instance): Steps<void> {
  if (world.off['in-process copies unchecked'] && servable(i)) return
  const followOrRebuild = function* (seal: () => void) {
    seal()
    const current = (yield* followManifest(i)) || (yield* rebuild(world, i, seal))
    return { shareable: () => current && servable(i) }
  }
  yield* i.flights.run('resources:all', followOrRebuild, followOrRebuild, world.off)
}

export const servable = (i: Instance) => ALL.every((bucket) => bucketServable(i, bucket))

export function copiesOf(i: Instance): readonly Stamped[] {
  return i.catalogue.held.filter((copy) => copy !== null)
}

export const grantsHeld = (i: Instance) => ALL.map((bucket) => i.catalogue.held[bucket]?.value ?? 0)

function bucketServable(i: Instance, bucket: number): boolean {
  const copy = i.catalogue.held[bucket]
  return copy !== null && copy !== undefined && i.judgeServable(copy)
}

function* followManifest(i: Instance): Steps<boolean> {
  const manifest = yield* i.ask((commands) => commands.read(key.manifest))
  if (!manifest) return false
  if (manifest.fillId === i.catalogue.manifestFillId) return servable(i)
  if (!i.judgeServable(manifest)) return false
  yield* fetchBuckets(
    i,
    ALL.filter((bucket) => i.catalogue.held[bucket]?.fillId !== manifest.fills?.[bucket]),
  )
  if (!servable(i)) return false
  i.catalogue.manifestFillId = manifest.fillId
  return true
}

function* fetchBuckets(i: Instance, buckets: readonly number[]): Steps<void> {
  if (buckets.length === 0) return
  const answers = yield* i.ask((commands) => buckets.map((bucket) => commands.read(key.bucket(bucket))))
  for (const [at, bucket] of buckets.entries()) {
    const answer = answers[at] ?? null
    if (answer && answer.fillId === i.catalogue.held[bucket]?.fillId) continue
    i.catalogue.held[bucket] = answer && i.judgeServable(answer) ? answer : null
  }
}

function* rebuild(world: World, i: Instance, seal: () => void): Steps<boolean> {
  if (world.off['no leases']) {
    yield* fetchBuckets(i, ALL)
    yield* loadBuckets(
      world,
      i,
      ALL.filter((bucket) => !bucketServable(i, bucket)),
    )
    return true
  }
  const lease = yield* leaseOrFollowed(i, seal)
  if (lease === 'followed') return true
  let stored = false
  try {
    yield* fetchBuckets(i, ALL)
    const complete = yield* loadBuckets(
      world,
      i,
      ALL.filter((bucket) => !bucketServable(i, bucket)),
    )
    seal()
    if (lease && complete && servable(i)) {
      const fills = i.catalogue.held.map((copy) => copy?.fillId ?? 0)
      const entry = {
        fillId: world.store.fresh(),
        value: 0,
        fills,
        stamp: i.position(),
        tags: tag.layer(LAYER.resources),
      }
      stored = yield* i.ask((commands) =>
        commands.fill(key.manifest, { ...entry, generation: lease.generation }, lease),
      )
      if (stored) i.catalogue.manifestFillId = entry.fillId
    }
    return stored
  } finally {
    if (lease && !stored) yield* releaseQuietly(i, key.manifest, lease)
  }
}

function* leaseOrFollowed(i: Instance, seal: () => void) {
  for (let look = 0; ; look++) {
    const lease = yield* i.ask((commands) => commands.takeLease(key.manifest))
    if (lease || look === 2) return lease
    seal()
    if (yield* followManifest(i)) return 'followed' as const
  }
}

/** One statement for all that are missing, under the leases that are free; true when every one was stored. */
function* loadBuckets(world: World, i: Instance, buckets: readonly number[]): Steps<boolean> {
  if (buckets.length === 0) return true
  const leases = yield* i.ask((commands) => buckets.map((bucket) => commands.takeLease(key.bucket(bucket))))
  const { value: grants, stamp } = yield* i.select((state) => state.grants)
  const entries = buckets.map((bucket, at): Entry => {
    const tags = tag.bucket(bucket) | tag.layer(LAYER.resources)
    const generation = leases[at]?.generation ?? 0
    return { fillId: world.store.fresh(), generation, value: grants[bucket]!, stamp, tags }
  })
  for (const [at, bucket] of buckets.entries()) i.catalogue.held[bucket] = entries[at]!
  const accepted = yield* i.ask((commands) =>
    buckets.map((bucket, at) => {
      const lease = leases[at]
      if (world.off['no leases']) return commands.put(key.bucket(bucket), entries[at]!)
      return lease ? commands.fill(key.bucket(bucket), entries[at]!, lease) : false
    }),
  )
  world.trace?.push(`      ${i.id}: catalogue buckets ${buckets} loaded, ${accepted.filter(Boolean).length} stored`)
  return accepted.every(Boolean)
}
