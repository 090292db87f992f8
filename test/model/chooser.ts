/** Where a schedule's decisions come from: a seed, or an enumeration of all of them. */
export interface Chooser {
  /** A number from 0 to n-1: which user, which fault, which way. */
  pick(n: number): number
  /** Which of the `ready` processes takes the next step; `current` took the last one, -1 when it cannot go on. */
  next(ready: number, current: number): number
}

/** mulberry32: small, fast, the same on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How likely a switch to another process is: lock-step finds crowded races, long bursts find those that need a sleeper. */
const SWITCHING = [1, 0.5, 0.2, 0.07] as const

export function seededChooser(seed: number): Chooser {
  const random = randomNumbers(seed)
  const switching = SWITCHING[Math.floor(random() * SWITCHING.length)]!
  const pick = (n: number) => Math.floor(random() * n)
  return { pick, next: (ready, current) => (current >= 0 && random() >= switching ? current : pick(ready)) }
}

export interface Enumeration {
  readonly chooser: Chooser
  /** Moves to the next unexplored sequence of decisions; false when there is none. */
  advance(): boolean
}

/** Depth first over every decision: each run replays a prefix and takes the first way wherever it is new. */
export function enumerateChoices(): Enumeration {
  let taken: { choice: number; of: number }[] = []
  let depth = 0
  function pick(n: number): number {
    if (n <= 1) return 0
    const known = taken[depth]
    if (!known) taken.push({ choice: 0, of: n })
    else if (known.of !== n) throw new Error('a schedule is not a function of its decisions')
    return taken[depth++]!.choice
  }
  return {
    chooser: { pick, next: pick },
    advance() {
      depth = 0
      while (taken.length > 0) {
        const last = taken.at(-1)!
        if (last.choice + 1 < last.of) {
          last.choice++
          return true
        }
        taken = taken.slice(0, -1)
      }
      return false
    },
  }
}
