/** The folders of the local Redis: the configuration of each process, and the master that they name. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  readMonitoredMaster,
  renderRedisConfiguration,
  renderSentinelConfiguration,
  sentinelId,
} from './redis-configuration.ts'
import {
  portOf,
  REDIS_NAMES,
  type RedisName,
  type RedisPorts,
  SENTINEL_NAMES,
  type SentinelName,
} from './redis-names.ts'

export interface RedisFiles {
  folderOf(name: RedisName | SentinelName): string
  /** Writes the server's configuration: as the master itself, or as a replica of another. */
  writeServer(name: RedisName, master: RedisName): void
  /** Writes the configuration of all three Sentinels, each knowing the master, its replicas and the other two. */
  writeSentinels(master: RedisName): void
  /** By the newest configuration epoch among the files; a server is recognised by the port that it had then. */
  masterAsWritten(): RedisName
}

export function createRedisFiles({
  dataDir,
  ports,
  masterName,
}: {
  readonly dataDir: string
  readonly ports: RedisPorts
  readonly masterName: string
}): RedisFiles {
  const folderOf = (name: RedisName | SentinelName) => path.join(dataDir, name)

  function write(name: RedisName | SentinelName, file: string, configuration: string): void {
    mkdirSync(folderOf(name), { recursive: true })
    writeFileSync(path.join(folderOf(name), file), configuration)
  }

  return {
    folderOf,
    writeServer(name, master) {
      const replicaOf = name === master ? null : portOf(master, ports)
      write(name, 'redis.conf', renderRedisConfiguration({ port: portOf(name, ports), replicaOf }))
    },
    writeSentinels(master) {
      const masterPort = portOf(master, ports)
      const replicaPorts = ports.redis.filter((port) => port !== masterPort)
      const known = SENTINEL_NAMES.map((name, index) => ({
        name,
        port: portOf(name, ports),
        id: sentinelId(dataDir, index + 1),
      }))
      for (const { name, port, id } of known) {
        const peers = known.filter((other) => other.name !== name).map(({ port, id }) => ({ port, id }))
        const configuration = { port, id, masterName, masterPort, replicaPorts, peers }
        write(name, 'sentinel.conf', renderSentinelConfiguration(configuration))
      }
    },
    masterAsWritten() {
      const [newest] = SENTINEL_NAMES.map((name) => readIfPresent(path.join(folderOf(name), 'sentinel.conf')))
        .map((text) => (text === null ? null : readMonitoredMaster(text, masterName)))
        .filter((view) => view !== null)
        .sort((one, other) => other.epoch - one.epoch)
      const found = REDIS_NAMES.find((name) => {
        const port = /^port (\d+)$/m.exec(readIfPresent(path.join(folderOf(name), 'redis.conf')) ?? '')?.[1]
        return port !== undefined && Number(port) === newest?.port
      })
      return found ?? 'redis-1'
    },
  }
}

export function readIfPresent(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}
