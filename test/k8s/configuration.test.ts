/** Every row of redis.conf, sentinel.conf and the users, asked of running servers that the manifests' scripts started. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRedis, askSentinel } from './support/ask.ts'
import { type Cluster, createCluster, eventually, MANIFESTS } from './support/cluster.ts'
import { skipReason } from './support/live.ts'
import { PASSWORDS } from './support/secrets.ts'

let cluster: Cluster
beforeAll(async () => {
  if (skipReason) return
  cluster = await createCluster({ subnet: 17 })
  cluster.start()
  await eventually(cluster.healthy, 30_000)
  await eventually(cluster.settled, 30_000)
})
afterAll(async () => cluster?.destroy())

const MEMORY_LIMIT = 64 * 1024 * 1024
const master = () => cluster.pods[0]
const setting = async (name: string): Promise<string | undefined> =>
  ((await askRedis(master().address, 'CONFIG', 'GET', name)) as string[])[1]

describe.skipIf(skipReason)('redis.conf', () => {
  test.each([
    ['save', '10800 1'],
    ['appendonly', 'no'],
    ['replica-announce-port', '6379'],
    ['min-replicas-to-write', '1'],
    ['min-replicas-max-lag', '10'],
    ['maxmemory', String(Math.round(MEMORY_LIMIT * 0.6))],
    ['maxmemory-policy', 'allkeys-lru'],
    ['repl-backlog-size', String(MEMORY_LIMIT / 16)],
    ['maxmemory-clients', String(MEMORY_LIMIT / 8)],
    ['proto-max-bulk-len', String(MEMORY_LIMIT / 16)],
    ['repl-timeout', '30'],
    ['repl-diskless-sync', 'yes'],
    ['repl-diskless-load', 'disabled'],
    ['stop-writes-on-bgsave-error', 'no'],
    ['shutdown-on-sigterm', 'default'],
    ['shutdown-timeout', '10'],
    ['tcp-keepalive', '60'],
    ['timeout', '0'],
  ])('%s is %s', async (name, value) => {
    expect(await setting(name)).toBe(value)
  })

  test("client-output-buffer-limit replica is a quarter of the container's memory, 256mb 64mb 60 from 1Gi on", async () => {
    expect(await setting('client-output-buffer-limit')).toContain(`slave ${MEMORY_LIMIT / 4} ${MEMORY_LIMIT / 16} 60`)
    const buffers = (bytes: number): string => {
      const script = readFileSync(path.join(MANIFESTS, 'scripts/start-redis.sh'), 'utf8')
      const body = /^buffers\(\) \{[\s\S]*?^\}/m.exec(script)?.[0]
      return execFileSync('sh', ['-c', `${body}; buffers`], {
        env: { ...process.env, MEMORY_LIMIT_BYTES: String(bytes) },
      }).toString()
    }
    for (const gibibytes of [1, 4])
      expect(buffers(gibibytes * 1024 ** 3)).toContain(`replica ${256 * 1024 ** 2} ${64 * 1024 ** 2} 60\n`)
  })

  test('dir is the volume, replica-announce-ip the name, aclfile the rendered one', async () => {
    expect(await setting('dir')).toBe(master().volume)
    expect(await setting('replica-announce-ip')).toBe(master().fqdn)
    expect(await setting('aclfile')).toMatch(/users\.acl$/)
  })

  test('replicaof is written by the start script only: what CONFIG REWRITE left is gone after a restart', async () => {
    const [, one] = cluster.pods
    const config = path.join(cluster.folder, one.name, 'run/redis/redis.conf')
    await askRedis(one.address, 'CONFIG', 'SET', 'repl-timeout', '31')
    await askRedis(one.address, 'CONFIG', 'REWRITE')
    expect(readFileSync(config, 'utf8')).toContain('repl-timeout 31')
    await one.redis.destroy()
    one.redis.start()
    await eventually(cluster.healthy, 30_000)
    const text = readFileSync(config, 'utf8')
    expect(text).not.toContain('repl-timeout 31')
    expect(text.match(/^replicaof .*$/gm)).toEqual([`replicaof ${master().fqdn} 6379`])
  })
})

/** Signs in as the user and tries one command. @returns its error's first word, or "allowed" */
async function attempt(user: keyof typeof PASSWORDS, words: string, port = 6379): Promise<string> {
  const client = new Redis({
    host: master().address,
    port,
    username: user,
    password: PASSWORDS[user],
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.call(...(words.split(' ') as [string, ...string[]]))
    return 'allowed'
  } catch (error) {
    return (error as Error).message.split(' ')[0] as string
  } finally {
    client.disconnect()
  }
}

/** One line from somebody who has not signed in, and the answer. */
function unknown(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: master().address, port }, () => socket.write(`${line}\r\n`))
    socket.once('data', (answer) => {
      resolve(answer.toString())
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

const HELLO = '__sentinel__:hello'
const NOTHING_ELSE = [
  'GET portcullis:a',
  'SET portcullis:a b',
  'CONFIG GET dir',
  'FLUSHALL',
  'ACL LIST',
  'KEYS *',
  'MONITOR',
]

describe.skipIf(skipReason)('users of Redis', () => {
  test('there are the ones of the design and an operator; "default" is off, and nobody gets in without a password', async () => {
    const list = (await askRedis(master().address, 'ACL', 'LIST')) as string[]
    const users = Object.fromEntries(list.map((line) => line.split(' ').slice(1, 3)))
    const on = ['app', 'replication', 'sentinel', 'probe', 'exporter', 'operator'].map((name) => [name, 'on'])
    expect(users).toEqual({ default: 'off', ...Object.fromEntries(on) })
    expect(list.filter((line) => line.includes('nopass'))).toEqual([])
    expect(await unknown(6379, 'PING')).toMatch(/^-NOAUTH/)
    expect(await unknown(6379, 'AUTH anything')).toMatch(/^-WRONGPASS/)
  })

  test.each([
    [
      'app',
      [
        'GET portcullis:a',
        'SET portcullis:a b',
        'INFO',
        'EVAL return(1) 0',
        'SCRIPT LOAD return(1)',
        'PING',
        'DEL portcullis:a',
      ],
    ],
    [
      'sentinel',
      [
        'PING',
        'INFO',
        'ROLE',
        `PUBLISH ${HELLO} nonsense`,
        `SUBSCRIBE ${HELLO}`,
        'CLIENT SETNAME a',
        'CONFIG REWRITE',
        'MULTI',
      ],
    ],
    ['replication', ['PING', 'REPLCONF capa psync2']],
    ['probe', ['PING', 'ROLE', 'INFO', 'CLIENT PAUSE 1 WRITE', 'CLIENT UNPAUSE']],
    ['exporter', ['PING', 'INFO', 'SLOWLOG GET', 'SLOWLOG LEN', 'LATENCY LATEST', 'CLIENT SETNAME a']],
  ] as const)('%s may do what it is for', async (user, commands) => {
    for (const command of commands) expect([command, await attempt(user, command)]).toEqual([command, 'allowed'])
  })

  test.each([
    // Publishing on that channel can forge the topology.
    [
      'app',
      [
        'GET foreign',
        `PUBLISH ${HELLO} nonsense`,
        'PUBLISH portcullis:a b',
        `SUBSCRIBE ${HELLO}`,
        ...NOTHING_ELSE.slice(2),
        'REPLICAOF NO ONE',
        'CLIENT KILL TYPE normal',
        'SHUTDOWN NOSAVE',
        'SAVE',
        'CLIENT PAUSE 1',
        'SWAPDB 0 1',
      ],
    ],
    ['sentinel', [...NOTHING_ELSE, 'PUBLISH portcullis:a b', 'SUBSCRIBE portcullis:a', 'SAVE', 'SHUTDOWN NOSAVE']],
    ['replication', [...NOTHING_ELSE, 'INFO', 'ROLE', `PUBLISH ${HELLO} nonsense`, 'REPLICAOF NO ONE']],
    ['probe', [...NOTHING_ELSE, `PUBLISH ${HELLO} nonsense`, 'SHUTDOWN NOSAVE', 'CLIENT LIST']],
    ['exporter', [...NOTHING_ELSE, 'ROLE', 'REPLICAOF NO ONE', 'CLIENT LIST', 'SLOWLOG RESET']],
  ] as const)('%s may do nothing else', async (user, commands) => {
    for (const command of commands) expect([command, await attempt(user, command)]).toEqual([command, 'NOPERM'])
  })

  test('no command of @admin or @dangerous is open to the application but INFO', async () => {
    const commands = await Promise.all(
      ['admin', 'dangerous'].map((category) => askRedis(master().address, 'ACL', 'CAT', category)),
    )
    const open: string[] = []
    for (const command of new Set(commands.flat() as string[])) {
      const words = command.split('|')
      const answer = await askRedis(master().address, 'ACL', 'DRYRUN', 'app', ...words, 'a', 'b').catch(
        (error) => error,
      )
      if (answer === 'OK' || !/permission|wrong number|unknown/i.test(String(answer))) open.push(command)
    }
    expect(open).toEqual(['info'])
  })
})

describe.skipIf(skipReason)('sentinel.conf', () => {
  const file = (): string => readFileSync(path.join(master().volume, 'sentinel/sentinel.conf'), 'utf8')
  const monitoring = async (): Promise<Record<string, string>> => {
    const reply = (await askSentinel(master().address, 'SENTINEL', 'MASTER', 'mymaster')) as string[]
    return Object.fromEntries(reply.flatMap((key, i) => (i % 2 === 0 ? [[key, reply[i + 1] ?? '']] : [])))
  }

  test.each([
    ['ip', () => master().fqdn],
    ['port', () => '6379'],
    ['quorum', () => '2'],
    ['down-after-milliseconds', () => '5000'],
    ['failover-timeout', () => '10000'],
    ['parallel-syncs', () => '1'],
    ['num-slaves', () => '2'],
    ['num-other-sentinels', () => '2'],
  ])('mymaster: %s', async (name, value) => {
    expect((await monitoring())[name]).toBe(value())
  })

  test('resolve-hostnames and announce-hostnames are on', async () => {
    for (const name of ['resolve-hostnames', 'announce-hostnames'])
      expect(await askSentinel(master().address, 'SENTINEL', 'CONFIG', 'GET', name)).toEqual([name, 'yes'])
  })

  test('it lies on the volume, and once a Sentinel starts again names come before the monitor line', async () => {
    const pod = cluster.pods[2]
    await pod.sentinel.destroy()
    const sentinelFile = path.join(pod.volume, 'sentinel/sentinel.conf')
    pod.sentinel.start()
    await eventually(() => pod.log().split('start-sentinel starting').length >= 3, 10_000)
    const text = readFileSync(sentinelFile, 'utf8')
    for (const name of ['resolve-hostnames yes', 'announce-hostnames yes']) {
      const at = text.indexOf(`sentinel ${name}`)
      expect([name, at >= 0 && at < text.indexOf('sentinel monitor')]).toEqual([name, true])
    }
    await eventually(cluster.healthy, 20_000)
  })

  test('announce-ip is the name, myid the SHA-1 of it, auth-user and auth-pass are set', async () => {
    expect(file()).toMatch(new RegExp(`^sentinel announce-ip "?${master().fqdn}"?$`, 'm'))
    expect(file()).toMatch(/^sentinel announce-port 26379$/m)
    const id = createHash('sha1').update(master().name).digest('hex')
    expect(await askSentinel(master().address, 'SENTINEL', 'MYID')).toBe(id)
    expect(file()).toMatch(/^sentinel auth-user mymaster sentinel$/m)
    expect(file()).toMatch(/^sentinel auth-pass mymaster \S+$/m)
    expect(file()).toMatch(/^sentinel master-reboot-down-after-period mymaster 1000$/m)
  })

  test('deny-scripts-reconfig: nobody sets a script at run time', async () => {
    const attempt = askSentinel(master().address, 'SENTINEL', 'SET', 'mymaster', 'notification-script', '/bin/true')
    await expect(attempt).rejects.toThrow(/[Rr]econfiguration of scripts/)
  })

  test('nobody gets in without the password', async () => {
    expect(await unknown(26379, 'SENTINEL MASTERS')).toMatch(/^-NOAUTH/)
  })

  test('the application and the exporter may ask and not act', async () => {
    for (const command of [
      'SENTINEL GET-MASTER-ADDR-BY-NAME mymaster',
      'SENTINEL SENTINELS mymaster',
      'SUBSCRIBE +switch-master',
    ])
      expect([command, await attempt('app', command, 26379)]).toEqual([command, 'allowed'])
    for (const command of ['SENTINEL MASTERS', 'SENTINEL CKQUORUM mymaster', 'INFO'])
      expect([command, await attempt('exporter', command, 26379)]).toEqual([command, 'allowed'])
    for (const user of ['app', 'exporter'] as const)
      for (const command of [
        'SENTINEL FAILOVER mymaster',
        'SENTINEL RESET mymaster',
        'SENTINEL SET mymaster quorum 1',
        `PUBLISH ${HELLO} nonsense`,
        'ACL LIST',
        'SHUTDOWN',
      ])
        expect([user, command, await attempt(user, command, 26379)]).toEqual([user, command, 'NOPERM'])
  })
})
