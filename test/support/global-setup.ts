/** One private stack for the whole integration run, on ports of its own, so that a running `npm start` does not notice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { findFreeBase, PortTakenError, portsFrom } from '../../src/local/ports.ts'
import { type LocalStack, startStack } from '../../src/local/stack.ts'
import { serveStackControl } from './stack-control.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated, empty database; `freshDatabase()` copies it. */
    databaseUrl: string
    sentinels: { host: string; port: number }[]
    masterName: string
    /** Where test/support/stack.ts asks for processes to be killed and started. */
    stackControlUrl: string
  }
}

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-test-'))
  const stack = await startOnFreePorts(dataDir)
  const control = await serveStackControl(stack)
  project.provide('databaseUrl', stack.databaseUrl)
  project.provide('sentinels', [...stack.sentinels])
  project.provide('masterName', stack.masterName)
  project.provide('stackControlUrl', control.url)
  return async () => {
    await control.close()
    await stack.stop()
    if (stack.postgresHome) rmSync(stack.postgresHome, { recursive: true, force: true })
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Another run may take a port between our look and our start: look again. */
async function startOnFreePorts(dataDir: string): Promise<LocalStack> {
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
        log: (message) => console.error(`[stack] ${message}`),
        onUnexpectedExit: (name, exit) => console.error(`[stack] ${name} ended by itself: ${JSON.stringify(exit)}`),
      })
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === 5) throw error
    }
  }
}
