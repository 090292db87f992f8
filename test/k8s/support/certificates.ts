/** An authority and a certificate for the pods' names, as cert-manager or a person makes them for the TLS component. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** What the runbook asks an operator to bring as the Secret redis-tls. */
export function writeCertificates(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const names = ['*.redis-node.redis-sentinel.svc.cluster.local', 'redis-sentinel.redis-sentinel.svc.cluster.local']
  writeFileSync(path.join(folder, 'names'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`)
  openssl('req', '-x509', ...key, '-subj', '/CN=drill CA', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.crt')
  openssl('req', '-new', ...key, '-subj', '/CN=redis', '-keyout', 'tls.key', '-out', 'tls.csr')
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'tls.csr', ...signed, '-out', 'tls.crt')
  return folder
}
