/** A connection that goes to the primary where the URL names several servers. */
import pg from 'pg'
import type { Primary } from './primary.ts'
import type { Server } from './servers.ts'

export interface RoutedConfig extends pg.ClientConfig {
  /** Absent: to the one host that there is. */
  readonly primary?: Primary | undefined
}

type Connected = (error?: Error) => void

export class RoutedClient extends pg.Client {
  readonly #primary: Primary | undefined
  #server: Server | undefined

  constructor(config: RoutedConfig) {
    super(config)
    this.#primary = config.primary
    // Others have listeners of their own.
    if (this.#primary) this.on('error', () => this.leaveServer())
  }

  /** The server turned out not to be the primary, or ended the connection: the next connection looks for it again. */
  leaveServer(): void {
    if (this.#server) this.#primary?.lost(this.#server)
  }

  /** With a callback, as the pool calls it, or with a promise. */
  override connect(): Promise<pg.Client>
  override connect(callback: Connected): void
  override connect(callback?: Connected): Promise<pg.Client> | undefined {
    const connected = this.#primary
      ? this.#connectTo(this.#primary)
      : (super.connect() as unknown as Promise<pg.Client>)
    if (!callback) return connected
    connected.then(() => callback(), callback)
    return undefined
  }

  async #connectTo(primary: Primary): Promise<pg.Client> {
    const server = await primary.find()
    this.#server = server
    Object.assign(this, server)
    const ended = primary.endIfMoved(server, (reason) => this.connection.stream.destroy(reason))
    this.once('end', ended)
    try {
      return (await super.connect()) as unknown as pg.Client
    } catch (error) {
      ended()
      this.leaveServer()
      throw error
    }
  }
}
