/** Puts load on a server and says what came of it, in requests and in processor time. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Request } from 'autocannon'
import type { LoadOrder, LoadResult } from './load-worker.ts'
import { pinned, processorUs } from './processor.ts'

const worker = fileURLToPath(new URL('load-worker.ts', import.meta.url))

export interface Measured extends LoadResult {
  /** Processor time of the server per request, in microseconds; null where the system does not tell. */
  readonly serverUs: number | null
}

export interface LoadGenerator {
  run(server: { readonly url: string; readonly pid: number }, load: Load): Promise<Measured>
  close(): void
}

export interface Load {
  readonly requests: readonly Request[]
  readonly seconds: number
  readonly connections?: number
  readonly rate?: number
}

const CONNECTIONS = 32

export function startLoadGenerator(): LoadGenerator {
  const [command, args] = pinned('load', process.execPath, [worker])
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return {
    async run({ url, pid }, { requests, seconds, connections = CONNECTIONS, rate }) {
      const before = processorUs(pid)
      child.send({ url, requests, seconds, connections, ...(rate !== undefined && { rate }) } satisfies LoadOrder)
      const [result] = (await once(child, 'message')) as [LoadResult]
      const after = processorUs(pid)
      const serverUs = before === null || after === null ? null : (after - before) / result.requests
      return { ...result, serverUs }
    },
    close: () => child.disconnect(),
  }
}
