/** Short queries to one Redis server or Sentinel, each on a connection of its own. */
import { Redis } from 'ioredis'

/** Sends one command to 127.0.0.1:`port`; rejects when there is no answer within `timeoutMs`. */
export async function askRedis(
  port: number,
  command: string,
  args: readonly string[] = [],
  timeoutMs = 500,
): Promise<unknown> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}

/** The fields of `INFO replication`. */
export async function replicationOf(port: number): Promise<Record<string, string>> {
  const text = String(await askRedis(port, 'INFO', ['replication']))
  const pairs = text.split('\r\n').filter((line) => line.includes(':'))
  return Object.fromEntries(pairs.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

/** The port of the master by this Sentinel; null when it names none. */
export async function masterBySentinel(sentinelPort: number, masterName: string): Promise<number | null> {
  const address = await askRedis(sentinelPort, 'SENTINEL', ['get-master-addr-by-name', masterName])
  return Array.isArray(address) ? Number(address[1]) : null
}

/** What a Sentinel knows about its master, as field names and values. */
export async function sentinelView(sentinelPort: number, masterName: string): Promise<Record<string, string>> {
  return toRecord(await askRedis(sentinelPort, 'SENTINEL', ['master', masterName]))
}

export async function sentinelReplicas(sentinelPort: number, masterName: string): Promise<Record<string, string>[]> {
  const answer = await askRedis(sentinelPort, 'SENTINEL', ['replicas', masterName])
  return Array.isArray(answer) ? answer.map(toRecord) : []
}

/** The port that at least two of the Sentinels name; null without such a majority. */
export async function masterByMajority(sentinelPorts: readonly number[], masterName: string): Promise<number | null> {
  const answers = await Promise.all(sentinelPorts.map((port) => masterBySentinel(port, masterName).catch(() => null)))
  return answers.find((port) => port !== null && answers.filter((other) => other === port).length >= 2) ?? null
}

/** RESP2 answers a flat list, RESP3 a map. */
function toRecord(answer: unknown): Record<string, string> {
  if (answer instanceof Map) return Object.fromEntries(answer)
  if (!Array.isArray(answer)) return { ...(answer as Record<string, string>) }
  return Object.fromEntries(
    Array.from({ length: answer.length / 2 }, (_, index) => [String(answer[2 * index]), String(answer[2 * index + 1])]),
  )
}
