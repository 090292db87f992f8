/** What the pods and a client have between them, and how it is cut. */

/** A place in the network: a pod, or a client that may find itself on either side of a partition. */
export type Place = 0 | 1 | 2 | 'client'
export const PODS = [0, 1, 2] as const
export const PLACES: readonly Place[] = [...PODS, 'client']

export interface Network {
  readonly kind: 'namespaces' | 'relays'
  /** Command words that put a process where the pod is; none where all share one network. */
  enter(pod: number): readonly string[]
  /** What the pod's servers bind; undefined: everything, as in a cluster. */
  bind(pod: number): string | undefined
  /** Where the observer finds the pod, past every partition. */
  observed(pod: number): string
  /** Where a place finds the pod. */
  seen(from: Place, pod: number): string
  /** An address of the test's own process that every pod reaches, past every partition. */
  readonly outside: string
  /**
   * The pod's next life has another address, and the old one answers nobody, not even with a refusal: connections that peers
   * attempt meanwhile hang. Sentinel gives up on such a one after 15 s. Absent where the network cannot do that.
   */
  forgetAddress?(pod: number): void
  /** Cuts every route between the two groups, in silence; those inside a group stay. */
  partition(minority: readonly Place[]): void
  heal(): void
  close(): Promise<void>
}

/** Whether a partition stands between the two. */
export const parted = (minority: readonly Place[], one: Place, other: Place): boolean =>
  minority.includes(one) !== minority.includes(other)
