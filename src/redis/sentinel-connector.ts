/** ioredis's search for the master, without its noise. */
import { type Redis, SentinelConnector } from 'ioredis'

type ConnectToSentinel = (...args: unknown[]) => Redis

/**
 * The connections that listen for +switch-master have no listener for errors, so each Sentinel that is down would be
 * printed with its stack every second for as long as it is (ioredis 6.0.0). What a dead Sentinel means is in the topology.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const inner = this as unknown as { connectToSentinel: ConnectToSentinel }
    const connect = inner.connectToSentinel.bind(this)
    inner.connectToSentinel = (...args) => connect(...args).on('error', () => {})
  }
}
