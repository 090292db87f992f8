import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { portRewriter, startProxy, type TcpProxy } from './proxy.ts'
import { createRandom } from './random.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

describe('the fault proxy', () => {
  it('passes bytes both ways', async () => {
    const { ask } = await echoed()
    expect(await ask('ping')).toBe('ping')
  })

  it('replaces answers by bytes of the same length that are others', async () => {
    const { ask, proxy } = await echoed()
    proxy.set({ kind: 'garbage', share: 1 })
    const answer = await ask('twelve bytes')
    expect(answer).not.toBe('twelve bytes')
  })

  it('holds what is said while it is frozen, and delivers it afterwards', async () => {
    const { ask, proxy } = await echoed()
    proxy.set({ kind: 'frozen' })
    const answer = ask('later')
    expect(await Promise.race([answer, sleep(50, 'nothing')])).toBe('nothing')
    proxy.set({ kind: 'pass' })
    expect(await answer).toBe('later')
  })

  it('resets connections', async () => {
    const { ask, proxy } = await echoed()
    proxy.set({ kind: 'reset', withinMs: 1 })
    await sleep(20)
    await expect(ask('anybody there')).rejects.toThrow()
  })
})

describe('the rewriting of ports', () => {
  it('changes whole numbers only, and no lengths', () => {
    const rewrite = portRewriter(new Map([[27001, 27121]]))
    expect(rewrite(Buffer.from('$5\r\n27001\r\n:127001\r\nab27001f 27002 127.0.0.1:27001')).toString()).toBe(
      '$5\r\n27121\r\n:127001\r\nab27001f 27002 127.0.0.1:27121',
    )
  })

  it('refuses proxies whose numbers are longer', () => {
    expect(() => portRewriter(new Map([[9999, 10_000]]))).toThrow(RangeError)
  })
})

async function echoed(): Promise<{ proxy: TcpProxy; ask: (text: string) => Promise<string> }> {
  const server = net.createServer((socket) => socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: targetPort } = server.address() as net.AddressInfo
  const port = await freePort()
  const proxy = await startProxy({ port, targetPort, random: createRandom(1) })
  const socket = net.connect({ port, host: '127.0.0.1' })
  const failed = new Promise<never>((_, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
  })
  failed.catch(() => {})
  closing.push(
    async () => socket.destroy(),
    proxy.close,
    async () => server.close(),
  )
  const ask = (text: string) =>
    Promise.race([
      failed,
      new Promise<string>((resolve) => {
        socket.once('data', (bytes) => resolve(bytes.toString('latin1')))
        socket.write(text)
      }),
    ])
  return { proxy, ask }
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
