/** ioredis's search for the master: without its noise and its crashes, and with reports of the errors it meets. */
import { type Redis, SentinelConnector } from 'ioredis'
import { type Credential, keepPresent } from './credentials.ts'

/** Where a server listens. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Gets reports of the search for the master; each Sentinel is named by its address. */
export interface SentinelObserver {
  answered(sentinel: string): void
  failed(sentinel: string, error: Error): void
  /** Where the next connection leads; null where the Sentinel names nobody. */
  resolved(server: string | null): void
}

interface Inner {
  connectToSentinel(endpoint: Endpoint, ...more: unknown[]): Redis
  resolve(endpoint: Endpoint): Promise<Endpoint | null>
}

interface Extras {
  readonly observer?: SentinelObserver
  readonly name?: string
  readonly role?: string
  readonly sentinelCredentials?: Readonly<Record<string, Credential | undefined>>
}

const ignored = () => {}
const addressOf = ({ host, port }: Endpoint) => `${host}:${port}`

/**
 * The connections that listen for +switch-master have no listener for errors, so each Sentinel that is down would be
 * printed with its stack every second for as long as it is (ioredis 6.0.0). They are reported instead, and so is what
 * the search itself meets: ioredis would sum it up as `All sentinels are unreachable`.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0])
    const { observer, name, role, sentinelCredentials = {} } = options as Extras
    const inner = this as unknown as Inner
    const connect = inner.connectToSentinel.bind(this)
    const resolve = inner.resolve.bind(this)
    const heard = new WeakSet<Endpoint>()
    inner.connectToSentinel = (endpoint, ...more) => {
      const client = quiet(connect(endpoint, ...more))
      keepPresent(client, sentinelCredentials)
      client.on('error', (error: Error) => {
        heard.add(endpoint)
        observer?.failed(addressOf(endpoint), error)
      })
      client.on('ready', () => heard.delete(endpoint))
      return client
    }
    inner.resolve = async (endpoint) => {
      try {
        const server = await resolve(endpoint)
        if (server || role === 'slave') observer?.answered(addressOf(endpoint))
        else observer?.failed(addressOf(endpoint), new Error(`it knows no master named ${name}`))
        observer?.resolved(server && addressOf(server))
        return server
      } catch (error) {
        // An error that was reported before tells more than that the connection is closed.
        if (!heard.has(endpoint)) observer?.failed(addressOf(endpoint), error as Error)
        throw error
      }
    }
  }

  /**
   * Whether the server that was found may be used, by its answer to INFO. ioredis 6.0.0 reads the role of any answer:
   * if that is not a text, the exception ends the process.
   */
  override check(info: unknown): boolean {
    return typeof info === 'object' && info !== null && !Array.isArray(info) && super.check(info as { role?: string })
  }
}

/**
 * When such a connection comes back, ioredis subscribes again by itself and looks at no result. If it is dropped just
 * then, because the master has been found meanwhile, the subscription fails with nobody to hear of it, and an unhandled
 * rejection ends a Node process: seen where all Redis servers and Sentinels went away together.
 */
function quiet(client: Redis): Redis {
  const subscribe = client.subscribe.bind(client) as (...channels: unknown[]) => Promise<unknown>
  client.subscribe = ((...channels: unknown[]) => {
    const subscribed = subscribe(...channels)
    subscribed.catch(ignored)
    return subscribed
  }) as Redis['subscribe']
  return client
}
