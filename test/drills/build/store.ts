/** A store without the lease's protection, slower, or with a crash instead of a deletion, where the build says so. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { EntryStore } from '../../../src/cache/index.ts'
import { has, POINT_SIGNAL } from './parts.ts'

export function builtStore(store: EntryStore): EntryStore {
  return withPausePoint(withCrashPoint(withSlowFills(withoutLeases(store))))
}

/** For the moment between taking it and filling. */
const LEASE_MS = 10_000

/** Every fill succeeds, even if the lease is lost or the key was invalidated: a plain SET. */
function withoutLeases(store: EntryStore): EntryStore {
  if (!has('leases-ignored')) return store
  return {
    ...store,
    async fill(fills) {
      await store.invalidate(fills.map(({ key }) => key))
      const retaken = await store.takeLeases(fills.map(({ key, layer }) => ({ key, layer, leaseMs: LEASE_MS })))
      return store.fill(fills.map((fill, index) => ({ ...fill, lease: retaken[index] ?? fill.lease })))
    },
  }
}

/** Longer than the pause between many pairs of mutations, shorter than a lease. */
const LONGEST_PAUSE_MS = 150

function withSlowFills(store: EntryStore): EntryStore {
  if (!has('slow-fills')) return store
  return {
    ...store,
    async fill(fills) {
      await sleep(Math.random() * LONGEST_PAUSE_MS)
      return store.fill(fills)
    },
  }
}

function withCrashPoint(store: EntryStore): EntryStore {
  if (!has('crash-point')) return store
  const isDue = onceAfterSignal()
  return {
    ...store,
    async invalidate(keys) {
      if (isDue()) process.kill(process.pid, 'SIGKILL')
      return store.invalidate(keys)
    },
  }
}

function withPausePoint(store: EntryStore): EntryStore {
  if (!has('pause-point')) return store
  const isDue = onceAfterSignal()
  return {
    ...store,
    async fill(fills) {
      if (isDue()) process.kill(process.pid, 'SIGSTOP')
      return store.fill(fills)
    },
  }
}

function onceAfterSignal(): () => boolean {
  let armed = false
  process.on(POINT_SIGNAL, () => {
    armed = true
  })
  return () => {
    const due = armed
    armed = false
    return due
  }
}
