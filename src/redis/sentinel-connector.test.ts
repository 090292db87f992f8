import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { QuietSentinelConnector } from './sentinel-connector.ts'

const SUBSCRIBED = '*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n'

/** A Sentinel that takes the first subscription, and says nothing to the next. */
async function sentinel() {
  const events = { first: Promise.withResolvers<Socket>(), second: Promise.withResolvers<void>() }
  let connections = 0
  const server = createServer((socket) => {
    const connection = ++connections
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const commands = data.toString().toLowerCase()
      // Whatever else it is told to set up.
      for (const _ of commands.matchAll(/\r\nsetinfo\r\n/g)) socket.write('+OK\r\n')
      if (!commands.includes('subscribe')) return
      if (connection > 1) return events.second.resolve()
      socket.write(SUBSCRIBED)
      events.first.resolve(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { ...events, port: (server.address() as AddressInfo).port }
}

it('a subscription that is dropped while it is renewed rejects into nothing', async () => {
  const unheard: unknown[] = []
  const hear = (reason: unknown) => unheard.push(reason)
  process.on('unhandledRejection', hear)
  onTestFinished(() => void process.off('unhandledRejection', hear))
  const { first, second, port } = await sentinel()
  const connector = new QuietSentinelConnector({
    sentinels: [{ host: '127.0.0.1', port }],
    name: 'mymaster',
    protocol: 2,
  })
  const { connectToSentinel } = connector as unknown as { connectToSentinel(...args: unknown[]): Redis }
  const client = connectToSentinel({ host: '127.0.0.1', port }, { lazyConnect: true, retryStrategy: () => 5 })

  await client.subscribe('+switch-master')
  ;(await first.promise).destroy()
  // The hazard: ioredis subscribes again, unasked, and the connection ends before there is an answer.
  await second.promise
  client.disconnect()
  await once(client, 'end')
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(unheard).toEqual([])
})
