/**
 * One load per key and instance. A reader that arrives during a load is answered by it only if its fill was accepted
 * and it arrived before the command that proves it went out; else it takes part in a load that begins afterwards.
 */
import type { Off } from './protections.ts'
import type { Step, Steps } from './world.ts'

export interface Shareable {
  shareable(): boolean
}

interface Flight {
  readonly startedAt: number
  sealedAt: number
  outcome: { value: Shareable } | { error: unknown } | null
}

type Load<T> = (seal: () => void) => Steps<T>

export function createFlights() {
  const flights = new Map<string, Flight>()
  let ticks = 0

  function* lead<T extends Shareable>(name: string, load: Load<T>): Generator<Step, Flight, void> {
    const flight: Flight = { startedAt: ++ticks, sealedAt: Number.POSITIVE_INFINITY, outcome: null }
    flights.set(name, flight)
    try {
      const value = yield* load(() => {
        flight.sealedAt = ++ticks
      })
      flight.outcome = { value }
    } catch (error) {
      flight.outcome = { error }
    }
    flights.delete(name)
    return flight
  }

  return {
    *run<T extends Shareable>(name: string, load: Load<T>, off: Off): Steps<T> {
      const arrivedAt = ++ticks
      for (;;) {
        const running = flights.get(name)
        if (running) yield () => running.outcome !== null
        const flight = running ?? (yield* lead(name, load))
        const outcome = flight.outcome
        const beganAfterArrival = flight.startedAt > arrivedAt
        if (outcome && 'error' in outcome) {
          if (beganAfterArrival) throw outcome.error
        } else if (outcome) {
          const inTime = arrivedAt < flight.sealedAt || off['joins after the seal']
          const proven = inTime && outcome.value.shareable()
          if (beganAfterArrival || proven || off['naive joins']) return outcome.value as T
        }
      }
    },
  }
}
