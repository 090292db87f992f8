/** Sentinels in the place of the example's single Redis, with the store of the build. */
import type { EntryStore } from '../../../src/cache/index.ts'
import { sentinelRedis, type singleRedis as single } from '../../../src/package/redis.ts'
import { builtStore } from '../build/store.ts'
import { say } from './cache-status.ts'

export const singleRedis: typeof single = ({ prefix }) => {
  const sentinels = (process.env.REDIS_SENTINELS ?? '').split(',').map((each) => {
    const [host = '', port] = each.split(':')
    return { host, port: Number(port) }
  })
  const connect = sentinelRedis({ sentinels, masterName: process.env.REDIS_MASTER_NAME ?? '', prefix })
  return (layers) => {
    const connected = connect(layers)
    return { ...connected, store: telling(builtStore(connected.store)) }
  }
}

/** Where Redis fails, the answer says so: the judge asks for more where it is healthy. */
function telling(store: EntryStore): EntryStore {
  return new Proxy(store, {
    get(target, name: keyof EntryStore) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const answer = (method as (...given: unknown[]) => unknown).apply(target, args)
        if (answer instanceof Promise) answer.catch(() => say('shop; fwd=bypass; detail=redis-unavailable'))
        return answer
      }
    },
  })
}
