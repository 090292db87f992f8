/**
 * Loads for many in few statements: what is asked for in one turn of the event loop goes together, and while one
 * statement runs, the next batch gathers. Each statement begins after all that it answers were asked for.
 */
export interface Batches<Key, Value> {
  /** @throws what the load of the whole batch throws */
  load(key: Key): Promise<Value>
}

interface Asked<Key, Value> {
  readonly key: Key
  resolve(value: Value): void
  reject(error: unknown): void
}

const KEYS_PER_BATCH = 200

/** @param loadAll one value for each key, in their order */
export function createBatches<Key, Value>(
  loadAll: (keys: readonly Key[]) => Promise<readonly Value[]>,
): Batches<Key, Value> {
  const waiting: Asked<Key, Value>[] = []
  let running = false
  let gathering = false

  function gather(): void {
    if (gathering || running || waiting.length === 0) return
    gathering = true
    setImmediate(() => {
      gathering = false
      void run(waiting.splice(0, KEYS_PER_BATCH))
    })
  }

  async function run(batch: readonly Asked<Key, Value>[]): Promise<void> {
    running = true
    try {
      const keys = [...new Set(batch.map(({ key }) => key))]
      const values = await loadAll(keys)
      const places = new Map(keys.map((key, place) => [key, place]))
      for (const { key, resolve } of batch) resolve(values[places.get(key) ?? -1] as Value)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      running = false
      gather()
    }
  }

  return {
    load: (key) =>
      new Promise((resolve, reject) => {
        waiting.push({ key, resolve, reject })
        gather()
      }),
  }
}
