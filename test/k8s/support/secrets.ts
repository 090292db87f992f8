/** The passwords of the drills' pods, as files like those of the cluster's Secret. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export const PASSWORDS = {
  app: 'drill-app-password',
  replication: 'drill-replication-password',
  sentinel: 'drill-sentinel-password',
  probe: 'drill-probe-password',
  exporter: 'drill-exporter-password',
  operator: 'drill-operator-password',
  'sentinel-requirepass': 'drill-sentinel-requirepass',
} as const

export function writeSecrets(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, password] of Object.entries(PASSWORDS)) writeFileSync(path.join(folder, name), password)
}
