/** The servers that a security drill runs on, on ports of their own, gone when it ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreeBase, portsFrom } from '../../src/local/ports.ts'
import { type LocalStack, startStack } from '../../src/local/stack.ts'

const toolsDir = fileURLToPath(new URL('../../.portcullis/tools', import.meta.url))

export interface DrillStack extends LocalStack {
  /** The environment that points a service at this stack's Redis. */
  readonly redis: Readonly<Record<string, string>>
  /** A free port beside the stack's own. */
  readonly servicePort: number
}

/** @param durability of PostgreSQL: in memory alone where only answers matter, and not how long they take */
export async function withDrillStack(
  work: (stack: DrillStack) => Promise<void>,
  { durability = 'memory' }: { readonly durability?: 'disk' | 'memory' } = {},
): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'portcullis-drill-'))
  const base = await findFreeBase({ count: 8, from: 30_000, to: 31_000 })
  const stack = await startStack({
    dataDir,
    toolsDir,
    ports: portsFrom(base),
    portRemedy: 'Another program took it while the drill started; run it again.',
    durability,
    removeDataDir: 'after-crash',
    log: () => {},
    onUnexpectedExit: (name, exit) => console.error(`${name} ended by itself: ${JSON.stringify(exit)}`),
  })
  const sentinels = stack.sentinels.map(({ host, port }) => `${host}:${port}`).join(',')
  const redis = { REDIS_SENTINELS: sentinels, REDIS_MASTER_NAME: stack.masterName }
  try {
    await work({ ...stack, redis, servicePort: base + 7 })
  } finally {
    await stack.stop()
    if (stack.postgresHome) rmSync(stack.postgresHome, { recursive: true, force: true })
    rmSync(dataDir, { recursive: true, force: true })
  }
}
