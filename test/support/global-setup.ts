/**
 * Private stacks for a test run, on ports of their own, so that a running `npm start` does not notice. Each worker has its
 * own, so that a file may stop servers while others run beside it; it is started when the worker's first file asks.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { findFreeBase, PortTakenError, portsFrom } from '../../src/local/ports.ts'
import { findRedis } from '../../src/local/redis-binary.ts'
import { type LocalStack, startStack } from '../../src/local/stack.ts'
import { serveStackControl } from './stack-control.ts'

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))
const log = (message: string) => console.error(`[stack] ${message}`)

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Where it has to be fetched, it is fetched once.
  await findRedis({ toolsDir, log })
  const stacks = new Map<string, Promise<LocalStack>>()
  const control = await serveStackControl((worker) => {
    const stack = stacks.get(worker) ?? startOnFreePorts()
    stacks.set(worker, stack)
    return stack
  })
  project.provide('stackControlUrl', control.url)
  return async () => {
    await control.close()
    for (const started of await Promise.allSettled(stacks.values()))
      if (started.status === 'fulfilled') await remove(started.value)
  }
}

async function remove(stack: LocalStack): Promise<void> {
  await stack.stop()
  for (const folder of [stack.postgresHome, stack.dataDir]) if (folder) rmSync(folder, { recursive: true, force: true })
}

/** Another run may take a port between our look and our start: look again. */
async function startOnFreePorts(): Promise<LocalStack> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-test-'))
  for (let attempt = 1; ; attempt++) {
    const base = await findFreeBase({ count: 7, from: 17_000, to: 31_000 })
    try {
      return await startStack({
        dataDir,
        toolsDir,
        ports: portsFrom(base),
        portRemedy: 'Another program took it while the tests started; run them again.',
        durability: 'memory',
        removeDataDir: 'after-crash',
        log,
        onUnexpectedExit: (name, exit) => log(`${name} ended by itself: ${JSON.stringify(exit)}`),
      })
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === 5) throw error
    }
  }
}
