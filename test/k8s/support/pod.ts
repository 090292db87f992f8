/** A pod of the StatefulSet: a folder for its volume, a loopback address, and its two containers. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Container, createContainer } from './container.ts'

export interface PodSpec {
  readonly ordinal: number
  /** Where the observer finds it. */
  readonly address: string
  /** What its servers bind; undefined: everything, as in a cluster. */
  readonly bindAddress: string | undefined
  /** Scripts and configuration of the manifests; another folder to run a changed copy. */
  readonly manifestFolder: string
  readonly folder: string
  readonly secretFolder: string
  readonly namespace: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly backOffMs?: readonly number[]
}

export interface Pod {
  readonly ordinal: number
  readonly name: string
  readonly fqdn: string
  readonly address: string
  readonly volume: string
  readonly redis: Container
  readonly sentinel: Container
  readonly scriptFolder: string
  writeNames(hosts: Readonly<Record<string, string>>, resolver?: string): void
  start(): void
  /** `kubectl delete pod`: preStop of both containers, SIGTERM, grace. The pod stays down until start(). */
  deleteGracefully(): Promise<void>
  /** `kubectl delete pod --force`, or the node's death. */
  deleteForcibly(): Promise<void>
  wipeVolume(): void
  hasSnapshot(): boolean
  log(): string
}

export const SERVICE_DOMAIN = 'redis-node.redis-sentinel.svc.cluster.local'
const GRACE_MS = 30_000

export function createPod(spec: PodSpec): Pod {
  const name = `redis-node-${spec.ordinal}`
  const at = (...parts: string[]): string => path.join(spec.folder, ...parts)
  const volume = at('volume')
  const scriptFolder = path.join(spec.manifestFolder, 'scripts')
  const files = { hosts: at('hosts'), resolv: at('resolv.conf'), log: at('pod.log') }
  mkdirSync(volume, { recursive: true })

  const environment = (container: string): Record<string, string> => ({
    PATH: `${path.join(spec.folder, '..', 'bin')}:${process.env.PATH}`,
    POD_NAME: name,
    SERVICE_DOMAIN,
    ...(spec.bindAddress === undefined ? {} : { BIND_ADDRESS: spec.bindAddress }),
    SCRIPT_DIR: scriptFolder,
    CONFIG_DIR: path.join(spec.manifestFolder, 'config'),
    SECRET_DIR: spec.secretFolder,
    RUN_DIR: at('run', container),
    DATA_DIR: volume,
    MEMORY_LIMIT_BYTES: String(64 * 1024 * 1024),
    ...spec.env,
  })
  const container = (kind: 'redis' | 'sentinel'): Container =>
    createContainer({
      name: kind,
      script: path.join(scriptFolder, `start-${kind}.sh`),
      preStop: path.join(scriptFolder, `prestop-${kind}.sh`),
      env: environment(kind),
      namespace: spec.namespace,
      hostsFile: files.hosts,
      resolvFile: files.resolv,
      logFile: files.log,
      ...(spec.backOffMs ? { backOffMs: spec.backOffMs } : {}),
    })
  const redis = container('redis')
  const sentinel = container('sentinel')
  const dropEmptyDirs = (): void => rmSync(at('run'), { recursive: true, force: true })

  return {
    ordinal: spec.ordinal,
    name,
    fqdn: `${name}.${SERVICE_DOMAIN}`,
    address: spec.address,
    volume,
    redis,
    sentinel,
    scriptFolder,
    writeNames(hosts, resolver = 'nameserver 127.0.0.1') {
      const lines = Object.entries(hosts).map(([host, address]) => `${address} ${host}`)
      // In place: a bind mount follows the file, not the name.
      writeFileSync(files.hosts, `127.0.0.1 localhost\n${lines.join('\n')}\n`)
      writeFileSync(files.resolv, `${resolver}\noptions ndots:2 timeout:1 attempts:1\n`)
    },
    start() {
      mkdirSync(at('run', 'redis'), { recursive: true })
      sentinel.start()
      redis.start()
    },
    async deleteGracefully() {
      const containers = [redis, sentinel]
      await Promise.all(
        containers.map(async (one) => {
          await one.preStop()
          await one.terminate(GRACE_MS)
        }),
      )
      dropEmptyDirs()
    },
    async deleteForcibly() {
      await Promise.all([redis.destroy(), sentinel.destroy()])
      dropEmptyDirs()
    },
    wipeVolume() {
      rmSync(volume, { recursive: true, force: true })
      mkdirSync(volume, { recursive: true })
    },
    hasSnapshot: () => existsSync(path.join(volume, 'dump.rdb')),
    log: () => (existsSync(files.log) ? readFileSync(files.log, 'utf8') : ''),
  }
}

/** A copy of the manifests' scripts that a drill may change, to show what a guard is for. */
export function copyManifests(from: string, to: string, change: (script: string) => string): string {
  cpSync(from, to, { recursive: true })
  const script = path.join(to, 'scripts', 'start-redis.sh')
  const before = readFileSync(script, 'utf8')
  const after = change(before)
  if (after === before) throw new Error('the change did not touch start-redis.sh: the drill would prove nothing')
  writeFileSync(script, after)
  return to
}
