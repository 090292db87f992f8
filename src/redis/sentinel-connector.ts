/** ioredis's search for the master, without its noise and without what would end the process. */
import { type Redis, SentinelConnector } from 'ioredis'

type ConnectToSentinel = (...args: unknown[]) => Redis

const ignored = () => {}

/**
 * The connections that listen for +switch-master have no listener for errors, so each Sentinel that is down would be
 * printed with its stack every second for as long as it is (ioredis 6.0.0). What a dead Sentinel means is in the topology.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const inner = this as unknown as { connectToSentinel: ConnectToSentinel }
    const connect = inner.connectToSentinel.bind(this)
    inner.connectToSentinel = (...args) => quiet(connect(...args))
  }
}

/**
 * When such a connection comes back, ioredis subscribes again by itself and looks at no result. If it is dropped just
 * then, because the master has been found meanwhile, the subscription fails with nobody to hear of it, and an unhandled
 * rejection ends a Node process: seen where all Redis servers and Sentinels went away together.
 */
function quiet(client: Redis): Redis {
  client.on('error', ignored)
  const subscribe = client.subscribe.bind(client) as (...channels: unknown[]) => Promise<unknown>
  client.subscribe = ((...channels: unknown[]) => {
    const subscribed = subscribe(...channels)
    subscribed.catch(ignored)
    return subscribed
  }) as Redis['subscribe']
  return client
}
