/** Questions of the scripts that are not answered in time, not yet, or with a refusal. Real processes, the scripts themselves. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { askSentinel, info } from './support/ask.ts'
import { redisRuns, says, sentinelRuns } from './support/bootstrap.ts'
import { type Cluster, eventually } from './support/cluster.ts'
import { QUICK, skipReason, withCluster, withHealthyCluster } from './support/live.ts'
import type { Pod } from './support/pod.ts'
import { PASSWORDS } from './support/secrets.ts'

const SUBNET = 21
const run = (pod: Pod, script: string, ...args: string[]) =>
  pod.redis.exec(path.join(pod.scriptFolder, `${script}.sh`), ...args)
const conf = (pod: Pod): string => readFileSync(path.join(pod.volume, 'sentinel/sentinel.conf'), 'utf8')

async function downAfterMs(pod: Pod): Promise<string | undefined> {
  const fields = (await askSentinel(pod.address, 'SENTINEL', 'MASTER', 'mymaster')) as string[]
  return fields[fields.indexOf('down-after-milliseconds') + 1]
}

async function sentinelProcess(pod: Pod): Promise<number> {
  const text = String(await askSentinel(pod.address, 'INFO', 'server'))
  return Number(/process_id:(\d+)/.exec(text)?.[1])
}

/** A redis-cli that does `act` after the first command that contains these words, once `arm` was called. */
function actingClient(words: string, act: string): { file: string; arm(): void; acted(): boolean } {
  const folder = mkdtempSync(path.join(tmpdir(), 'acting-client-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'client')
  const armed = path.join(folder, 'armed')
  writeFileSync(
    file,
    `#!/bin/sh
case "$*" in *'${words}'*) ;; *) exec redis-cli "$@" ;; esac
rm ${armed} 2>/dev/null || exec redis-cli "$@"
without=$(printf '%s' "$*" | sed 's/ ${words}.*//')
server=$(redis-cli $without INFO server | tr -d '\\r' | sed -n 's/^process_id://p')
redis-cli "$@"
${act}
`,
  )
  chmodSync(file, 0o755)
  return { file, arm: () => writeFileSync(armed, ''), acted: () => !existsSync(armed) }
}

/** A password that nobody accepts, and the right one again. */
function replaceSecret(cluster: Cluster, name: keyof typeof PASSWORDS, password: string): () => void {
  const file = path.join(cluster.folder, 'secrets', name)
  writeFileSync(file, password)
  return () => writeFileSync(file, PASSWORDS[name])
}

describe.skipIf(skipReason)('answers that come late', { timeout: 90_000 }, () => {
  test('a Sentinel that hangs while its patience ends is impatient afterwards', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, PATIENCE_SECONDS: '2' } })
    const [, , two] = cluster.pods
    await eventually(async () => (await downAfterMs(two)) === QUICK.DOWN_AFTER_MS, 20_000)
    await two.sentinel.destroy()
    two.sentinel.start()
    await sentinelRuns(two)
    const hanging = await sentinelProcess(two)
    process.kill(hanging, 'SIGSTOP')
    await sleep(8_000)
    process.kill(hanging, 'SIGCONT')
    await eventually(async () => (await downAfterMs(two)) === QUICK.DOWN_AFTER_MS, 20_000)
  })

  test('a Sentinel that hangs while it is told its settings has all of them in the end', async () => {
    const client = actingClient(
      'SENTINEL SET mymaster auth-pass',
      'kill -STOP "$server"; { sleep 5; kill -CONT "$server"; } >/dev/null 2>&1 &',
    )
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, REDIS_CLI: client.file } })
    const [, , two] = cluster.pods
    await eventually(cluster.settled, 30_000)
    await two.deleteForcibly()
    two.wipeVolume()
    client.arm()
    two.start()
    await eventually(() => client.acted(), 20_000)
    await eventually(async () => (await downAfterMs(two)) === QUICK.DOWN_AFTER_MS, 30_000)
    const settings = ['auth-user', 'auth-pass', 'failover-timeout', 'master-reboot-down-after-period']
    await eventually(() => settings.every((name) => conf(two).includes(`\nsentinel ${name} mymaster `)), 20_000)
  })

  test('a master that does not answer for some seconds hands over nevertheless', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, DOWN_AFTER_MS: '20000' } })
    const [zero] = cluster.pods
    await eventually(cluster.settled, 30_000)
    zero.redis.pause()
    const [redis, sentinel] = [zero.redis.preStop(), zero.sentinel.preStop()]
    await sleep(3_000)
    zero.redis.resume()
    expect(await Promise.all([redis, sentinel])).toEqual([0, 0])
    expect(zero.log()).toContain('prestop-redis handed over')
    expect((await info(zero.address))?.role).toBe('slave')
  })

  test('the Sentinel that is asked for a hand-over dies before it begins: it is asked for again', async () => {
    const client = actingClient('SENTINEL FAILOVER', 'kill -KILL "$server"')
    const cluster = await withHealthyCluster({
      subnet: SUBNET,
      env: { ...QUICK, DOWN_AFTER_MS: '20000', REDIS_CLI: client.file },
    })
    const [zero] = cluster.pods
    await eventually(cluster.settled, 30_000)
    client.arm()
    const started = performance.now()
    expect(await zero.redis.preStop()).toBe(0)
    expect(client.acted()).toBe(true)
    expect(zero.log()).toContain('prestop-redis handed over')
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  test("the secrets' rotation waits for a Redis that starts, and says so where none does", async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: { ...QUICK, ANSWER_WITHIN_SECONDS: '60' } })
    const [, one] = cluster.pods
    await one.redis.destroy()
    const impatient = path.join(cluster.folder, 'impatient.sh')
    writeFileSync(impatient, 'ANSWER_WITHIN_SECONDS=2 exec sh "$SCRIPT_DIR/reload-secrets.sh"\n')
    expect(await one.redis.exec(impatient)).toBe(1)
    expect(one.log()).toContain('failed: Redis does not answer')
    const reloaded = run(one, 'reload-secrets')
    one.redis.start()
    expect(await reloaded).toBe(0)
  })
})

describe.skipIf(skipReason)('passwords that are wrong', { timeout: 60_000 }, () => {
  test('one that was replaced instead of rotated makes no pod ready, and has none killed', async () => {
    const cluster = await withHealthyCluster({ subnet: SUBNET, env: QUICK })
    const [zero] = cluster.pods
    for (const [name, server] of [
      ['probe', 'redis'],
      ['sentinel-requirepass', 'sentinel'],
    ] as const) {
      const undo = replaceSecret(cluster, name, 'another-password')
      expect([name, await run(zero, 'probe', `${server}-live`)]).toEqual([name, 0])
      expect(await run(zero, 'probe', `${server}-ready`)).not.toBe(0)
      undo()
      expect(await run(zero, 'probe', `${server}-ready`)).toBe(0)
    }
  })

  test.each(['probe', 'replication', 'sentinel', 'sentinel-requirepass'] as const)(
    'a Secret without %s stops the pod, which says so',
    async (name) => {
      const cluster = await withCluster({ subnet: SUBNET, env: QUICK })
      replaceSecret(cluster, name, '')
      cluster.pods[0].start()
      for (const script of ['start-redis', 'start-sentinel'])
        await says(cluster.pods[0], `${script} STOPPED: ${path.join(cluster.folder, 'secrets', name)} has no password`)
      expect(await redisRuns(cluster.pods[0])).toBe(false)
    },
  )
})
