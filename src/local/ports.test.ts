import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { assertPortsFree, findFreeBase, isPortFree, PortTakenError, portsFrom } from './ports.ts'

const open: Server[] = []
afterEach(() => Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))))

async function occupyAny(): Promise<number> {
  const server = createServer()
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

describe('ports of the local stack', () => {
  it('are seven in a row from the base', () => {
    expect(portsFrom(15_400)).toEqual({
      postgres: 15_400,
      redis: [15_401, 15_402, 15_403],
      sentinels: [15_404, 15_405, 15_406],
    })
  })

  it('are not free while somebody listens, and free again afterwards', async () => {
    const port = await occupyAny()
    expect(await isPortFree(port)).toBe(false)
    await new Promise((resolve) => open.pop()?.close(resolve))
    expect(await isPortFree(port)).toBe(true)
  })

  it('are named with their purpose and the way out when they are taken', async () => {
    const port = await occupyAny()
    const check = assertPortsFree([{ port, purpose: 'PostgreSQL', remedy: 'Choose another.' }])
    await expect(check).rejects.toThrow(PortTakenError)
    await expect(check).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken, and PostgreSQL needs it. Choose another.`)
  })

  it('skip a block of which one is taken', async () => {
    const port = await occupyAny()
    // The first draw lands on the block that holds the taken port.
    const draws = [0]
    const base = await findFreeBase({
      count: 2,
      from: port - 1,
      to: port + 200,
      random: () => draws.shift() ?? Math.random(),
    })
    expect(draws).toEqual([])
    expect([port - 1, port]).not.toContain(base)
  })
})
