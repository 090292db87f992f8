/** Commands for the stack that the global set-up owns, for test files, which run in processes of their own. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LocalStack } from '../../src/local/stack.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where test/support/stack.ts asks for the worker's stack, and for its processes to be killed and started. */
    stackControlUrl: string
  }
}

export interface StackAddresses {
  /** A migrated, empty database; `freshDatabase()` copies it. */
  readonly databaseUrl: string
  readonly sentinels: { readonly host: string; readonly port: number }[]
  readonly masterName: string
}

const COMMANDS = {
  addresses: async ({ databaseUrl, sentinels, masterName }: LocalStack): Promise<StackAddresses> => ({
    databaseUrl,
    sentinels: [...sentinels],
    masterName,
  }),
  state: async (stack: LocalStack) => stack.state(),
  master: (stack: LocalStack) => stack.master(),
  kill: (stack: LocalStack, target: never) => stack.kill(target),
  hang: (stack: LocalStack, target: never) => stack.hang(target),
  resume: async (stack: LocalStack, name: never) => stack.resume(name),
  restart: (stack: LocalStack, name: never) => stack.restart(name),
  stopAllRedis: (stack: LocalStack, how: never) => stack.stopAllRedis(how),
  startAllRedis: (stack: LocalStack) => stack.startAllRedis(),
  waitForHealthyRedis: (stack: LocalStack, timeoutMs: never) => stack.waitForHealthyRedis(timeoutMs),
} as const

export type StackCommand = keyof typeof COMMANDS

interface Question {
  readonly command: StackCommand
  readonly argument?: never
  readonly worker: string
}

/** @param stackOf the stack of a worker of the test run, started if need be */
export async function serveStackControl(
  stackOf: (worker: string) => Promise<LocalStack>,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? null))
    try {
      const { command, argument, worker } = JSON.parse(await readAll(request)) as Question
      const stack = await stackOf(worker)
      answer(200, await COMMANDS[command](stack, argument as never))
    } catch (error) {
      answer(500, (error as Error).message)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Sends one command to this worker's stack and returns its answer; rejects with the stack's own message. */
export async function commandStack<T>(url: string, command: StackCommand, argument?: unknown): Promise<T> {
  const worker = process.env.VITEST_POOL_ID
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ command, argument, worker }) })
  const body = await response.json()
  if (!response.ok) throw new Error(`stack ${command}: ${body}`)
  return body as T
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}
