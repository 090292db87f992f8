/** The cache with its judgement or its doubt after standing still taken out, or with another form, as the build says. */
import {
  createEntryCodec as createCodec,
  createLogFollower as createFollower,
  createInvalidationIndex as createReal,
  type EntryCodec,
  type InvalidationIndex,
  type LogFollower,
} from '../../../src/cache/index.ts'
import { inOtherForm } from './other-release.ts'
import { has } from './parts.ts'

export * from '../../../src/cache/index.ts'

export function createInvalidationIndex(options: Parameters<typeof createReal>[0]): InvalidationIndex {
  const index = createReal(options)
  if (has('stamps-ignored')) index.judge = () => 'servable'
  return index
}

export function createLogFollower(options: Parameters<typeof createFollower>[0]): LogFollower {
  const real = createFollower(options)
  const follower = has('ends-ignored') ? endless(real) : real
  return has('pauses-unnoticed') ? { ...follower, isOverdue: () => false } : follower
}

function endless(follower: LogFollower): LogFollower {
  const longAgo = () => Number.NEGATIVE_INFINITY
  return {
    ...follower,
    judge: ({ stamp, tags }, retention) => follower.judge({ stamp, tags }, retention),
    time: { ...follower.time, earliestMs: longAgo, latestMs: longAgo },
  }
}

export const createEntryCodec = (secret: string): EntryCodec => inOtherForm(createCodec(secret))
