/** Which loopback ports the local stack uses, and whether they are free. */
import { createServer } from 'node:net'

export interface StackPorts {
  readonly postgres: number
  readonly redis: readonly [number, number, number]
  readonly sentinels: readonly [number, number, number]
}

/** Seven ports in a row from `base`: PostgreSQL, three Redis servers, three Sentinels. */
export function portsFrom(base: number): StackPorts {
  return {
    postgres: base,
    redis: [base + 1, base + 2, base + 3],
    sentinels: [base + 4, base + 5, base + 6],
  }
}

export interface NeededPort {
  readonly port: number
  readonly purpose: string
  /** What the person can do if the port is taken. */
  readonly remedy: string
}

export class PortTakenError extends Error {
  readonly code = 'port-taken'
  readonly port: number
  constructor(port: number, purpose: string, remedy: string) {
    super(`Port ${port} on 127.0.0.1 is taken, and ${purpose} needs it. ${remedy}`)
    this.port = port
  }
}

/** Whether a server could listen on this loopback port right now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** @throws PortTakenError for the first port of the list that is taken */
export async function assertPortsFree(wanted: readonly NeededPort[]): Promise<void> {
  for (const { port, purpose, remedy } of wanted) {
    if (!(await isPortFree(port))) throw new PortTakenError(port, purpose, remedy)
  }
}

/**
 * A base from which `count` ports in a row are free.
 * Below the range that systems hand out to outgoing connections, so that nothing takes a port between probe and use.
 */
export async function findFreeBase(options: {
  readonly count: number
  readonly from: number
  readonly to: number
  readonly random?: () => number
}): Promise<number> {
  const { count, from, to, random = Math.random } = options
  for (let attempt = 0; attempt < 100; attempt++) {
    const base = from + Math.floor(random() * (to - from - count))
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isPortFree(base + index)))
    if (free.every(Boolean)) return base
  }
  throw new Error(`No ${count} free ports in a row between ${from} and ${to} on 127.0.0.1`)
}
