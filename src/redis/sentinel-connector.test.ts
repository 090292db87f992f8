import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'
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

/** Names itself as the master, and answers INFO with these, the last one from then on. */
async function sentinelAndMaster(infos: readonly string[]) {
  let asked = 0
  const server = createServer((socket) => {
    const { port } = server.address() as AddressInfo
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const commands = data.toString().toLowerCase()
      for (const _ of commands.matchAll(/\r\nsetinfo\r\n/g)) socket.write('+OK\r\n')
      if (commands.includes('get-master-addr-by-name'))
        socket.write(`*2\r\n$9\r\n127.0.0.1\r\n$${`${port}`.length}\r\n${port}\r\n`)
      if (commands.includes('\r\ninfo\r\n')) socket.write(infos[Math.min(asked++, infos.length - 1)] ?? '')
      if (commands.includes('\r\nping\r\n')) socket.write('+PONG\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, asked: () => asked }
}

it('a server whose answer to INFO is not text is asked again: nothing else comes of it', async () => {
  const role = 'role:master'
  const { port, asked } = await sentinelAndMaster(['$-1\r\n', ':7\r\n', '*0\r\n', `$${role.length}\r\n${role}\r\n`])
  const client = new Redis({
    Connector: QuietSentinelConnector as never,
    sentinels: [{ host: '127.0.0.1', port }],
    name: 'mymaster',
    role: 'master',
    updateSentinels: false,
    protocol: 2,
    retryStrategy: () => 5,
    maxRetriesPerRequest: null,
  })
  onTestFinished(() => client.disconnect())
  expect(await client.ping()).toBe('PONG')
  expect(asked()).toBe(4)
})
