/** `npm run drill -- scim [--users 10000] [--groups 2000] [--lanes 2] [--pace 110] [--rate 200]`: a directory provisions an organisation as Entra ID does, beside readers whose pace does not change. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createScript, wholeNumber } from '../../src/cli/script.ts'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'
import { waitUntil } from '../../src/local/wait-until.ts'
import { type DrillStack, withDrillStack } from '../security/drill-stack.ts'
import { createHttpClient, type HttpClient } from '../security/http-client.ts'
import { createHttpConnection, encodeRequest } from './http-connection.ts'

const { users, groups, rate, lanes, pace } = createScript(
  'npm run drill -- scim',
  'A directory provisions an organisation as Entra ID does, beside readers whose pace does not change.',
)
  .addOption(wholeNumber('--users <n>', 'how many users', { lowest: 100 }).default(10_000))
  .addOption(wholeNumber('--groups <n>', 'how many groups', { lowest: 10 }).default(2000))
  .addOption(wholeNumber('--lanes <n>', 'calls of the directory at once', { lowest: 1 }).default(2))
  .addOption(
    wholeNumber('--pace <n>', 'calls of the directory a second; 0: as many as it can', { lowest: 0 }).default(110),
  )
  .addOption(wholeNumber('--rate <n>', 'reads a second', { lowest: 1 }).default(200))
  .parse()
  .opts<{ users: number; groups: number; rate: number; lanes: number; pace: number }>()

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ISSUER = 'https://drill.portcullis.local'
const AUDIENCE = 'portcullis'
const READERS = 64
const RESOURCES = 1000
const MEMBERS_PER_CALL = 500
/** Of the group that everybody is in, and of the others by turns. */
const SIZES = [5, 10, 20, 45]
const BASELINE_MS = 20_000
const GOAL_MINUTES = 5
const GOAL_RATIO = 3

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

await withDrillStack(
  async (stack) => {
    const issuer = await createTokenIssuer({
      keysDir: path.join(stack.dataDir, 'keys'),
      issuer: ISSUER,
      audience: AUDIENCE,
    })
    const service = startService(stack, issuer.publicKeyFile)
    const port = stack.servicePort
    const client = createHttpClient({ port, connections: lanes })
    await waitUntil(
      'the service is ready',
      async () => (await client.send({ method: 'GET', path: '/readyz' })).status === 200,
      { timeoutMs: 30_000 },
    )
    const tokenOf = (subject: string, role?: 'admin' | 'scim') =>
      issuer.issue({ subject, roles: role === undefined ? [] : [role], ttlSeconds: 3600 })
    await loadReaders(client, await tokenOf('root', 'admin'))
    const tokens = await Promise.all(Array.from({ length: READERS }, (_, at) => tokenOf(`reader-${at}`)))

    await readUntil(port, tokens, sleep(5000))
    const before = await readUntil(port, tokens, sleep(BASELINE_MS))
    const startedMs = performance.now()
    const directory = createDirectory(client, await tokenOf('directory', 'scim'))
    const work = directory.provision()
    const beside = await readUntil(port, tokens, work)
    const minutes = (performance.now() - startedMs) / 60_000
    const after = await readUntil(port, tokens, sleep(BASELINE_MS))
    const missing = await directory.missing()
    client.close()
    await service.stop(15_000)

    const { calls, refused } = directory.counts()
    console.log(
      `${users} users and ${groups} groups by ${calls} calls in ${minutes.toFixed(2)} min (at most ${GOAL_MINUTES})`,
    )
    show('readers before', before)
    show('beside the directory', beside)
    show('readers after', after)
    // Whatever else the machine did is in the slower of the two.
    const ratio = beside.p99 / Math.min(before.p99, after.p99)
    console.log(`p99 ratio ${ratio.toFixed(2)} (at most ${GOAL_RATIO}); ${refused} calls refused, ${missing} missing`)
    const wrong = refused + missing + before.failed + beside.failed + after.failed
    process.exitCode = minutes <= GOAL_MINUTES && ratio <= GOAL_RATIO && wrong === 0 ? 0 : 1
  },
  { durability: 'disk' },
)

function startService(stack: DrillStack, publicKeyFile: string) {
  return stack.run({
    name: 'api',
    command: process.execPath,
    args: [main],
    env: {
      ...process.env,
      ...stack.redis,
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      PORT: String(stack.servicePort),
      DATABASE_URL: stack.databaseUrl,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_PUBLIC_KEY_FILE: publicKeyFile,
      CURSOR_SECRET: 'q8Zk3vJr1Wm5Xs7Ty9Bd2Fg4Hj6Lp0Nc',
    },
    stopSignal: 'SIGTERM',
    output: { onData: (chunk) => void process.stderr.write(chunk) },
  })
}

async function loadReaders(client: HttpClient, admin: string): Promise<void> {
  const teams = Array.from({ length: 20 }, (_, at) => `team-${at}`)
  const readers = Array.from({ length: READERS }, (_, at) => `reader-${at}`)
  const resources = Array.from({ length: RESOURCES }, (_, at) => `resource-${at}`)
  const organisation = {
    users: readers.map((id) => ({ id })),
    groups: teams.map((name) => ({ name })),
    memberships: readers.map((user, at) => ({ group: teams[at % teams.length], user, role: 'member' })),
    resources: resources.map((name) => ({ name, kind: 'repository' })),
    grants: resources.map((resource, at) => ({ group: teams[at % teams.length], resource, permission: 'read' })),
  }
  const { status, text } = await client.send({
    method: 'POST',
    path: '/import',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(organisation),
  })
  if (status !== 200) throw new Error(`the readers could not be loaded: ${text}`)
}

interface Timed {
  readonly p50: number
  readonly p99: number
  readonly reads: number
  readonly failed: number
}

/** Each read at its time, whether or not the last was answered; a late one counts from when it was due. */
async function readUntil(port: number, tokens: readonly string[], end: Promise<unknown>): Promise<Timed> {
  const requests = tokens.map((token) => encodeRequest({ method: 'GET', path: '/resources', token }))
  const connections = Array.from({ length: 16 }, () => createHttpConnection({ port, timeoutMs: 10_000 }))
  const free = [...connections]
  const durations: number[] = []
  let [failed, due, over] = [0, 0, false]
  const startedMs = performance.now()
  const ended = end.finally(() => {
    over = true
  })
  const running = new Set<Promise<void>>()
  const dueMs = (at: number) => startedMs + (at * 1000) / rate
  while (!over) {
    for (let connection = free.pop(); connection !== undefined; connection = free.pop()) {
      if (dueMs(due) > performance.now()) {
        free.push(connection)
        break
      }
      const [used, at] = [connection, due++]
      const read: Promise<void> = used
        .send(requests[at % requests.length] as Buffer)
        .then(
          ({ status }) => status === 200,
          () => false,
        )
        .then((ok) => {
          durations.push(performance.now() - dueMs(at))
          if (!ok) failed++
          free.push(used)
          running.delete(read)
        })
      running.add(read)
    }
    await sleep(1)
  }
  await Promise.all(running)
  await ended
  for (const connection of connections) connection.close()
  durations.sort((a, b) => a - b)
  const at = (share: number) => durations[Math.floor(durations.length * share)] ?? 0
  return { p50: at(0.5), p99: at(0.99), reads: durations.length, failed }
}

function show(name: string, { p50, p99, reads, failed }: Timed): void {
  console.log(`${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${reads} reads, ${failed} failed`)
}

/** Looks for each user and group before it creates it; members follow, by the hundred. */
function createDirectory(client: HttpClient, token: string) {
  let [calls, refused] = [0, 0]
  let startedMs: number | undefined

  async function call(method: string, target: string, body?: object): Promise<{ id: string; totalResults: number }> {
    startedMs ??= performance.now()
    const dueMs = pace === 0 ? 0 : startedMs + (calls * 1000) / pace
    calls++
    await sleep(Math.max(0, dueMs - performance.now()))
    const { status, text } = await client.send({
      method,
      path: `/scim/v2/${target}`,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/scim+json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (status < 300) return JSON.parse(text || '{}')
    refused++
    throw new Error(`${method} ${target}: ${status} ${text}`)
  }

  const find = (list: string, attribute: string, value: string) =>
    call('GET', `${list}?filter=${encodeURIComponent(`${attribute} eq "${value}"`)}`)

  async function provisionUser(at: number): Promise<string> {
    const userName = `person-${at}@example.com`
    await find('Users', 'userName', userName)
    const name = { givenName: 'Person', familyName: String(at) }
    const emails = [{ primary: true, type: 'work', value: userName }]
    const created = await call('POST', 'Users', {
      schemas: [USER],
      userName,
      externalId: `00u${at}`,
      displayName: `Person ${at}`,
      active: true,
      name,
      emails,
    })
    return created.id
  }

  async function provisionGroup(at: number, ids: readonly string[]): Promise<void> {
    const displayName = `Group ${at}`
    await find('Groups', 'displayName', displayName)
    const { id } = await call('POST', 'Groups', { schemas: [GROUP], displayName, externalId: `00g${at}` })
    const size = at === 0 ? ids.length : (SIZES[at % SIZES.length] ?? 0)
    const members = Array.from({ length: size }, (_, place) => ids[(at * 31 + place) % ids.length])
    for (let from = 0; from < members.length; from += MEMBERS_PER_CALL) {
      const value = members.slice(from, from + MEMBERS_PER_CALL).map((member) => ({ value: member }))
      await call('PATCH', `Groups/${id}`, { schemas: [PATCH], Operations: [{ op: 'Add', path: 'members', value }] })
    }
  }

  return {
    async provision(): Promise<void> {
      const ids = await inLanes(users, provisionUser)
      await inLanes(groups, (at) => provisionGroup(at, ids))
    },
    /** What there should be and is not. */
    async missing(): Promise<number> {
      const found = await call('GET', `Users?count=0&filter=${encodeURIComponent('externalId pr')}`)
      const teams = await call('GET', `Groups?count=0&filter=${encodeURIComponent('externalId pr')}`)
      return users - found.totalResults + (groups - teams.totalResults)
    },
    counts: () => ({ calls, refused }),
  }
}

async function inLanes<Made>(count: number, make: (at: number) => Promise<Made>): Promise<Made[]> {
  const made: Made[] = []
  let next = 0
  const lane = async () => {
    for (let at = next++; at < count; at = next++) made[at] = await make(at)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return made
}
