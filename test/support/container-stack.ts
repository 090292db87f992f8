/** The stack of the integration tests in containers: PostgreSQL in one; three Redis servers and three Sentinels in another. */
import { PostgreSqlContainer } from '@testcontainers/postgresql'
import { GenericContainer, Wait } from 'testcontainers'
import { findFreeBase, portsFrom, type StackPorts } from '../../src/local/ports.ts'
import {
  renderRedisConfiguration,
  renderSentinelConfiguration,
  sentinelId,
} from '../../src/local/redis-configuration.ts'
import { masterByMajority } from '../../src/local/redis-questions.ts'
import type { LocalStack } from '../../src/local/stack.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { applyMigrations } from '../../src/postgres/migrate.ts'

const MASTER_NAME = 'mymaster'
const POSTGRES_IMAGE = process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-alpine'
const REDIS_IMAGE = process.env.TEST_REDIS_IMAGE ?? 'redis:8-alpine'
const READY_WITHIN_MS = 60_000

/** What of a stack the tests that only need addresses ask for. */
export type ContainerStack = Pick<LocalStack, 'databaseUrl' | 'masterName' | 'sentinels' | 'state' | 'master' | 'stop'>

export async function startContainerStack(): Promise<ContainerStack> {
  const ports = portsFrom(await findFreeBase({ count: 7, from: 17_000, to: 31_000 }))
  const started = await Promise.allSettled([startPostgres(), startRedis(ports)])
  const containers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async () => {
    await Promise.all(containers.map((container) => container.stop()))
  }
  try {
    const [postgres, redis] = started
    if (postgres.status === 'rejected') throw postgres.reason
    if (redis.status === 'rejected') throw redis.reason
    const databaseUrl = postgres.value.getConnectionUri()
    await applyMigrations(databaseUrl)
    const masterPort = () => masterByMajority(ports.sentinels, MASTER_NAME)
    await waitUntil('the Sentinels agree on a master', masterPort, { timeoutMs: READY_WITHIN_MS })
    return {
      databaseUrl,
      masterName: MASTER_NAME,
      sentinels: ports.sentinels.map((port) => ({ host: '127.0.0.1', port })),
      state: () => ({ pid: process.pid, masterName: MASTER_NAME, ports, databaseUrl, processes: [] }),
      async master() {
        const index = ports.redis.indexOf((await masterPort()) ?? 0)
        return `redis-${index + 1}` as Awaited<ReturnType<LocalStack['master']>>
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function startPostgres() {
  return new PostgreSqlContainer(POSTGRES_IMAGE)
    .withDatabase('portcullis')
    .withUsername('portcullis')
    .withPassword('portcullis')
    .start()
}

/**
 * One container, so that all six name each other by the same loopback addresses by which the tests reach them; each port
 * is published under its own number.
 */
function startRedis(ports: StackPorts) {
  const [masterPort, ...replicaPorts] = ports.redis
  const all = [...ports.redis, ...ports.sentinels]
  const peers = ports.sentinels.map((port, index) => ({ port, id: sentinelId('containers', index + 1) }))
  const files = [
    ...ports.redis.map((port) => ({
      name: `redis-${port}`,
      text: renderRedisConfiguration({ port, replicaOf: port === masterPort ? null : masterPort }),
    })),
    ...peers.map((self) => ({
      name: `sentinel-${self.port}`,
      text: renderSentinelConfiguration({
        ...self,
        masterName: MASTER_NAME,
        masterPort,
        replicaPorts,
        peers: peers.filter(({ id }) => id !== self.id),
      }),
    })),
  ]
  const commands = files.map(({ name }) => {
    const mode = name.startsWith('sentinel') ? ' --sentinel' : ''
    return `mkdir -p /run/${name} && cd /run/${name} && cp /configuration/${name}.conf own.conf && (redis-server own.conf${mode} &)`
  })
  return new GenericContainer(REDIS_IMAGE)
    .withCopyContentToContainer(
      files.map(({ name, text }) => ({ target: `/configuration/${name}.conf`, content: reachable(text) })),
    )
    .withCommand(['sh', '-c', `${commands.join('\n')}\nexec sleep infinity`])
    .withExposedPorts(...all.map((port) => ({ container: port, host: port })))
    .withWaitStrategy(Wait.forListeningPorts())
    .start()
}

/** What comes through a published port does not come from the container's own loopback. */
function reachable(configuration: string): string {
  return configuration.replace('bind 127.0.0.1', 'bind * -::*').replace('protected-mode yes', 'protected-mode no')
}
