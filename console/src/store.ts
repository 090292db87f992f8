/** A value to which components subscribe. */
import { useEffect, useState } from 'preact/hooks'

export interface Store<Value> {
  get(): Value
  set(value: Value): void
  /** @returns a function that unsubscribes */
  follow(listener: () => void): () => void
}

export function createStore<Value>(initial: Value): Store<Value> {
  let current = initial
  const listeners = new Set<() => void>()
  return {
    get: () => current,
    set(value) {
      current = value
      for (const listener of [...listeners]) listener()
    },
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function useStore<Value>(store: Store<Value>): Value {
  const [, redraw] = useState(0)
  const drawn = store.get()
  useEffect(() => {
    const change = () => redraw((count) => count + 1)
    // It may have changed between rendering and subscribing.
    if (store.get() !== drawn) change()
    return store.follow(change)
  }, [store])
  return drawn
}
