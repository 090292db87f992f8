/** Real network namespaces where the machine allows, relays on loopback where not or where DRILL_NETWORK=relays asks. */
import { canNamespaceNetworks, createNamespaces } from './namespaces.ts'
import type { Network } from './network.ts'
import { createRelays } from './relays.ts'

/** @param subnet a number below 256: one network each, so that several run at once */
export function createNetwork(subnet: number): Promise<Network> {
  const relays = process.env.DRILL_NETWORK === 'relays' || !canNamespaceNetworks()
  return relays ? createRelays(subnet) : createNamespaces(subnet)
}
