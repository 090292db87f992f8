/** Holds one instance at one step until the test lets it go on; the test first sees that it really got there. */
import type { Gate } from './fleet.ts'

export interface Held {
  /** Resolves when somebody waits here: the hazard is staged. */
  readonly reached: Promise<void>
  release(): void
}

export interface Barriers {
  readonly gate: Gate
  /** The next time this instance comes to this step it waits. */
  hold(instance: string, step: string): Held
  /** The next time this instance comes to this step it is never heard of again, as after SIGKILL. */
  die(instance: string, step: string): Pick<Held, 'reached'>
}

interface Waiting {
  readonly at: string
  arrive(): void
  readonly released: Promise<void>
}

export function createBarriers(): Barriers {
  const waiting: Waiting[] = []

  function hold(instance: string, step: string): Held {
    const { promise: reached, resolve: arrive } = Promise.withResolvers<void>()
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    waiting.push({ at: `${instance} ${step}`, arrive, released })
    return { reached, release }
  }

  return {
    hold,
    die: hold,
    async gate(instance, step) {
      const index = waiting.findIndex(({ at }) => at === `${instance} ${step}`)
      const [held] = index < 0 ? [] : waiting.splice(index, 1)
      held?.arrive()
      await held?.released
    },
  }
}
