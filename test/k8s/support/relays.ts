/** Pods on loopback addresses of one network; every route between two places is a relay of its own that can be cut. */
import { createEdge, type Edge } from './edge.ts'
import { type Network, PLACES, type Place, PODS, parted } from './network.ts'

const PORTS = [6379, 26379]

interface Route {
  readonly from: Place
  readonly to: Place
  readonly edges: readonly Edge[]
}

/** Routes from `places` to every pod but themselves, listening on 127.0.<subnet>.1xy. */
export async function createRoutes(input: {
  readonly subnet: number
  readonly from: readonly Place[]
  readonly target: (pod: number) => string
}) {
  const seen = (from: Place, pod: number): string => `127.0.${input.subnet}.${100 + 10 * PLACES.indexOf(from) + pod}`
  const routes: Route[] = []
  for (const from of input.from)
    for (const to of PODS) {
      if (from === to) continue
      const edges = PORTS.map((port) => createEdge({ listenHost: seen(from, to), targetHost: input.target(to), port }))
      routes.push({ from, to, edges: await Promise.all(edges) })
    }
  const all = (): Edge[] => routes.flatMap(({ edges }) => edges)
  return {
    seen,
    cut(minority: readonly Place[]) {
      for (const { from, to, edges } of routes) if (parted(minority, from, to)) for (const edge of edges) edge.cut()
    },
    heal() {
      for (const edge of all()) edge.heal()
    },
    async close() {
      await Promise.all(all().map((edge) => edge.close()))
    },
  }
}

export async function createRelays(subnet: number): Promise<Network> {
  const address = (pod: number): string => `127.0.${subnet}.${10 + pod}`
  const routes = await createRoutes({ subnet, from: PLACES, target: address })
  return {
    kind: 'relays',
    enter: () => [],
    bind: address,
    observed: address,
    seen: (from, pod) => (from === pod ? address(pod) : routes.seen(from, pod)),
    outside: `127.0.${subnet}.53`,
    partition: routes.cut,
    heal: routes.heal,
    close: routes.close,
  }
}
