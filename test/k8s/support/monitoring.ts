/** Exporters and Prometheus beside the pods, configured from the rendered manifests as the operator would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stringify } from 'yaml'
import type { Cluster } from './cluster.ts'
import { spawnWithNames } from './container.ts'
import { type Manifest, ofKind, overlay, workloads, type Yaml } from './manifests.ts'
import { PASSWORDS } from './secrets.ts'
import { findOnPath, namespaceCommand } from './tools.ts'

const EXPORTERS = ['redis_exporter', 'prometheus-redis-exporter']

export function missingForMonitoring(): string | undefined {
  if (!findOnPath('prometheus')) return 'no prometheus on the PATH (Debian: apt-get install prometheus)'
  if (!EXPORTERS.some(findOnPath)) return 'no redis_exporter on the PATH (Debian 13: prometheus-redis-exporter)'
  return undefined
}

export interface Monitoring {
  /** The values of a query, one a series. */
  query(expression: string): Promise<number[]>
  /** Names of the alerts that fire now. */
  firing(): Promise<string[]>
  exporterLog(): string
  stop(): Promise<void>
}

const byName = (kind: string, name: string): Manifest => {
  const found = ofKind(overlay('staging'), kind).find(({ metadata }) => metadata.name === name)
  if (!found) throw new Error(`no ${kind} ${name}`)
  return found
}

/** What the operator makes of a ServiceMonitor, for the pods behind its Service. */
function scrapeConfigs(monitor: Manifest, pods: Readonly<Record<string, string>>): Yaml[] {
  const { name, namespace } = monitor.metadata
  return monitor.spec.endpoints.map((endpoint: Yaml, i: number) => ({
    job_name: `serviceMonitor/${namespace}/${name}/${i}`,
    metrics_path: endpoint.path,
    params: endpoint.params,
    scrape_interval: endpoint.interval,
    scrape_timeout: endpoint.scrapeTimeout,
    static_configs: Object.entries(pods).map(([pod, address]) => ({
      targets: [address],
      labels: { namespace, pod, service: 'redis-exporter', endpoint: endpoint.port, container: 'exporter' },
    })),
    relabel_configs: endpoint.relabelings.map((one: Yaml) => ({
      target_label: one.targetLabel,
      replacement: one.replacement,
    })),
  }))
}

export async function startMonitoring(cluster: Cluster, firstPort: number): Promise<Monitoring> {
  const folder = path.join(cluster.folder, 'monitoring')
  const at = (name: string): string => path.join(folder, name)
  mkdirSync(folder)
  const names = cluster.names('client')
  const table = Object.entries(names).map(([name, address]) => `${address} ${name}\n`)
  writeFileSync(at('hosts'), `127.0.0.1 localhost\n${table.join('')}`)
  writeFileSync(at('resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  const addresses = Object.keys(names).flatMap((name) => [6379, 26379].map((port) => `${name}:${port}`))
  const passwords = addresses.map((address) => [`redis://exporter@${address}`, PASSWORDS.exporter])
  writeFileSync(at('passwords.json'), JSON.stringify(Object.fromEntries(passwords)))

  const container = workloads(overlay('staging')).find(({ manifest }) => manifest.metadata.name === 'redis-exporter')
    ?.containers[0]
  const settings = Object.fromEntries(container.env.map((one: Yaml) => [one.name, one.value]))
  const pods = { 'redis-exporter-a': `127.0.0.1:${firstPort + 1}`, 'redis-exporter-b': `127.0.0.1:${firstPort + 2}` }
  let exporterLog = ''
  const exporters = Object.values(pods).map((address) => {
    const words = [EXPORTERS.map(findOnPath).find(Boolean) ?? '', '-web.listen-address', address]
    const env = { PATH: process.env.PATH, ...settings, REDIS_PASSWORD_FILE: at('passwords.json') }
    const names = { namespace: namespaceCommand() ?? [], hostsFile: at('hosts'), resolvFile: at('resolv.conf') }
    const child = spawnWithNames(names, words, env)
    child.stdout?.resume()
    child.stderr?.on('data', (chunk) => (exporterLog += chunk))
    return child
  })

  writeFileSync(at('rules.yml'), stringify(byName('PrometheusRule', 'redis-sentinel').spec))
  const jobs = scrapeConfigs(byName('ServiceMonitor', 'redis'), pods)
  const global = { evaluation_interval: '15s' }
  writeFileSync(at('prometheus.yml'), stringify({ global, rule_files: ['rules.yml'], scrape_configs: jobs }))
  const url = `127.0.0.1:${firstPort}`
  const words = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=${url}`]
  const prometheus = spawn('setpriv', ['--pdeathsig', 'KILL', 'prometheus', ...words], { cwd: folder, stdio: 'ignore' })

  const ask = async (what: string): Promise<Yaml> =>
    ((await (await fetch(`http://${url}/api/v1/${what}`)).json()) as Yaml).data
  const ended = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.once('exit', () => resolve()))
  return {
    async query(expression) {
      const { result } = await ask(`query?query=${encodeURIComponent(expression)}`)
      return result.map((one: Yaml) => Number(one.value[1]))
    },
    async firing() {
      const { alerts } = await ask('alerts')
      const names = alerts.filter((one: Yaml) => one.state === 'firing').map((one: Yaml) => one.labels.alertname)
      return [...new Set<string>(names)].sort()
    },
    exporterLog: () => exporterLog,
    async stop() {
      const all = [prometheus, ...exporters]
      const gone = Promise.all(all.map(ended))
      for (const child of all) child.kill('SIGTERM')
      await gone
    },
  }
}
