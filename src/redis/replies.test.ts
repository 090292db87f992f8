import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { dropConnectionsWithUnreadableReplies } from './replies.ts'

/** Answers the first connection that sends the command with this, and everything else well. */
async function server(command: string, garbage: string) {
  let connections = 0
  let sent = false
  const listener = createServer((socket: Socket) => {
    connections++
    socket.on('error', () => {})
    socket.on('data', (data) => {
      const commands = data.toString().toLowerCase()
      for (const _ of commands.matchAll(/\r\nsetinfo\r\n/g)) socket.write('+OK\r\n')
      if (!sent && commands.includes(`\r\n${command}\r\n`)) {
        sent = true
        socket.write(garbage)
        return
      }
      if (commands.includes('\r\nsubscribe\r\n')) socket.write('*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n')
      if (commands.includes('\r\nping\r\n')) socket.write('+PONG\r\n')
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => void listener.close())
  return { port: (listener.address() as AddressInfo).port, connections: () => connections }
}

dropConnectionsWithUnreadableReplies()

it.each([
  ['a number in the place of a subscription', 'subscribe', ':7\r\n'],
  ['nothing in the place of a subscription', 'subscribe', '$-1\r\n'],
  ['a message without a channel', 'subscribe', '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*1\r\n$7\r\nmessage\r\n'],
  ['an empty array after a subscription', 'subscribe', '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*0\r\n'],
  ['one answer too many, and that one nothing', 'ping', '+PONG\r\n$-1\r\n'],
])('%s drops the connection and ends nothing else', async (_, command, garbage) => {
  const uncaught: unknown[] = []
  const hear = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', hear)
  onTestFinished(() => void process.off('uncaughtException', hear))
  const { port, connections } = await server(command, garbage)
  const client = new Redis({ port, protocol: 2, enableReadyCheck: false, retryStrategy: () => 5, lazyConnect: true })
  client.on('error', () => {})
  client.on('message', () => {})
  onTestFinished(() => client.disconnect())

  const asked = command === 'ping' ? client.ping() : client.subscribe('news')
  await asked.catch(() => {})
  await expect.poll(() => connections() === 2 && client.status).toBe('ready')
  expect(uncaught).toEqual([])
  expect(command === 'ping' ? await client.ping() : await client.subscribe('news')).toBe(
    command === 'ping' ? 'PONG' : 1,
  )
})
