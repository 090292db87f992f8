/** What the runbook tells people on call to type and to look for: each command is taken by the servers, each name and each line exists. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { askRedis, askSentinel } from './support/ask.ts'
import { eventually } from './support/cluster.ts'
import { QUICK, skipReason, withHealthyCluster } from './support/live.ts'
import { K8S, noKubectl, ofKind, overlay } from './support/manifests.ts'

const root = path.resolve(import.meta.dirname, '../..')
const runbook = readFileSync(path.join(root, 'docs/runbook.md'), 'utf8')
const guides = runbook + readFileSync(path.join(root, 'docs/kubernetes.md'), 'utf8')

/** `redis 0 ROLE`, `sentinel $n PING`: whom to ask, and the words. */
const commands = [...runbook.matchAll(/(?<=`|^|; do |; )(redis|sentinel) (?:\d|\$n) ([A-Z][^`|;#\n]*)/gm)].map(
  ([, whom = '', words = '']) => [whom, words.trim().split(' ')] as const,
)

test.skipIf(skipReason)('each command to Redis and to a Sentinel is taken', { timeout: 60_000 }, async () => {
  const cluster = await withHealthyCluster({ subnet: 22, env: QUICK })
  // All three are usable once they have met.
  await eventually(cluster.settled, 30_000)
  expect(commands.length).toBeGreaterThan(15)
  const { address } = (await cluster.healthy()).master
  for (const [whom, words] of commands) {
    const ask = whom === 'redis' ? askRedis : askSentinel
    // A snapshot that is being written is no fault of the command.
    const answer = await ask(address, ...words).catch((error: Error) =>
      error.message.includes('Background save already in progress') ? 'OK' : `refused: ${error.message}`,
    )
    expect([words.join(' '), String(answer)]).not.toEqual([words.join(' '), expect.stringMatching(/^refused/)])
  }
  // ask.sh is what the functions of the runbook call.
  const [pod] = cluster.pods
  for (const [whom, words] of [
    ['redis', ['ROLE']],
    ['sentinel', ['SENTINEL', 'CKQUORUM', 'mymaster']],
  ] as const)
    expect(await pod[whom].exec(path.join(pod.scriptFolder, 'ask.sh'), whom, ...words)).toBe(0)
  expect(pod.log()).toContain('OK 3 usable Sentinels')
})

describe('each line of a log that it quotes is one that a program writes', () => {
  const read = (folder: string): string =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /(?<!\.test)\.(ts|sh)$/.test(name))
      .map((name) => readFileSync(path.join(folder, name), 'utf8'))
      .join('\n')
  // The scripts put a number or a path where the runbook has what people see.
  const written = `${read(path.join(root, 'src'))}\n${read(K8S)}`
    .replaceAll('$MAJORITY', '2')
    .replaceAll('$SNAPSHOT', 'dump.rdb')
  const quoted = [...new Set([...runbook.matchAll(/\*"([^"]+)"\*/g)].map(([, line = '']) => line))]

  test('there are some', () => expect(quoted.length).toBeGreaterThan(8))
  test.each(quoted)('%s', (line) => {
    for (const part of line
      .split('…')
      .map((one) => one.trim())
      .filter(Boolean))
      expect(written).toContain(part)
  })
})

describe.skipIf(noKubectl)('each object that a kubectl command names is one of the manifests', () => {
  const all = overlay('production')
  const said = [...guides.matchAll(/kubectl -n (\S+) ([^`#\n]*)/g)].map(([, namespace = '', words = '']) => ({
    namespace,
    words,
  }))

  test('workloads, containers and claims', () => {
    expect(said.length).toBeGreaterThan(12)
    const names = all.map(({ kind, metadata }) => `${metadata.namespace} ${kind.toLowerCase()} ${metadata.name}`)
    const [set] = ofKind(all, 'StatefulSet')
    const containers = set?.spec.template.spec.containers.map(({ name }: { name: string }) => name)
    for (const { namespace, words } of said) {
      for (const [, kind, name] of words.matchAll(/\b(statefulset|deployment) ([\w-]+)/g))
        expect(names).toContain(`${namespace} ${kind} ${name}`)
      for (const [, container] of words.matchAll(/ -c (\w+)/g)) expect(containers).toContain(container)
      for (const [, claim] of words.matchAll(/ pvc (\S+)-\$n/g))
        expect(claim).toBe(`${set?.spec.volumeClaimTemplates[0].metadata.name}-${set?.metadata.name}`)
      for (const [, job] of words.matchAll(/job\/([a-z-]+)-\d/g))
        expect(ofKind(all, 'Job')[0]?.metadata.name).toMatch(new RegExp(`^${job}-\\d`))
    }
  })

  test('labels select pods', () => {
    const templates = all.flatMap(({ metadata, spec }) =>
      spec?.template?.metadata ? [{ namespace: metadata.namespace, labels: spec.template.metadata.labels }] : [],
    )
    for (const { namespace, words } of said)
      for (const [, label = '', value] of words.matchAll(/ -l ([\w./-]+)=([\w-]+)/g))
        expect(templates.filter((one) => one.namespace === namespace && one.labels[label] === value)).not.toEqual([])
  })
})
