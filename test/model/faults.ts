/** What goes wrong around the protocol; a scenario names which of these may happen, a schedule decides when. */
import type { Instance } from './instance.ts'
import { KEYS, LAYERS } from './organisation.ts'
import type { World } from './world.ts'

/** Faults of the store suspend P2 while they last; the rest must not be noticed at all. */
export type Fault =
  | 'outage'
  | 'timeout'
  | 'lost writes'
  | 'old snapshot'
  | 'split'
  | 'eviction'
  | 'lease expiry'
  | 'generation eviction'
  | 'instance crash'
  | 'database crash'
  | 'restore'
  | 'forgetting'
  | 'log pruning'
  | 'log locked'

export const EVERY_FAULT: readonly Fault[] = [
  'outage',
  'timeout',
  'lost writes',
  'old snapshot',
  'split',
  'eviction',
  'lease expiry',
  'generation eviction',
  'instance crash',
  'database crash',
  'restore',
  'forgetting',
  'log pruning',
  'log locked',
]

/** While these last, Redis is well and P2 is asked for. */
export const SPARES_THE_STORE: readonly Fault[] = ['log locked']

export interface FaultTarget {
  readonly world: World
  readonly instances: readonly Instance[]
  crash(instance: number): void
  storeFailed(): void
}

/** Begins a fault; what it returns ends it some steps later. */
export function inject(fault: Fault, target: FaultTarget): (() => void) | null {
  const { world, instances } = target
  const { db, store, chooser } = world
  switch (fault) {
    case 'outage':
      store.setAvailable(false)
      return () => store.setAvailable(true)
    case 'timeout':
      store.arm()
      return () => store.disarm()
    case 'lost writes':
      store.loseWrites(1 + chooser.pick(6))
      target.storeFailed()
      return null
    case 'old snapshot':
      store.goBack(chooser.pick)
      target.storeFailed()
      return null
    case 'split':
      store.split(1 + chooser.pick(Math.max(1, instances.length - 1)))
      return () => store.heal()
    case 'eviction':
      store.evict(chooser.pick(KEYS))
      return null
    case 'lease expiry':
      store.expireLease(chooser.pick(KEYS))
      return null
    case 'generation eviction':
      store.evictGeneration(chooser.pick(LAYERS))
      return null
    case 'instance crash':
      target.crash(chooser.pick(instances.length))
      return null
    case 'database crash':
      db.crash(chooser.pick)
      return null
    case 'restore':
      db.restore()
      return null
    case 'forgetting':
      instances[chooser.pick(instances.length)]?.index.forget()
      return null
    case 'log pruning':
      db.prune()
      return null
    case 'log locked':
      db.lockLog(true)
      return () => db.lockLog(false)
  }
}
