/** Seeded synthetic organisations: the same seed gives the same rows on every machine. */
import { createHash } from 'node:crypto'
import pg from 'pg'
import { applyMigrations } from '../../src/postgres/migrate.ts'
import { createRandom, type Random, zipf } from './random.ts'

/** How many resources each kind of reader sees; every kind has as many readers as `READERS_PER_SIZE`. */
export const SIZES = [1, 50, 200] as const
export type ListSize = (typeof SIZES)[number]
export const READERS_PER_SIZE = 64
/** Sees this many, where there are so many. */
export const LONG_LIST = 10_000

/** Bumped when what is generated changes, so that data of an older version is not reused. */
const VERSION = 5
const ROWS_PER_INSERT = 10_000
const KINDS = ['repository', 'document', 'dashboard', 'pipeline']
const PERMISSIONS = ['read', 'triage', 'write', 'maintain', 'admin']

export const readerOf = (size: ListSize, index: number): string => `reader-${size}-${index}`
export const longReader = 'reader-long'
/** Administrator's own groups; the target of the mutations that are measured. */
export const SCRATCH_GROUP = 'scratch'
export const scratchUser = (index: number): string => `scratch-${index}`
export const SCRATCH_USERS = 64
/** Each sees the 50 resources of one of the teams and has never asked for them. */
export const NEWCOMERS = 8000
export const newcomer = (index: number): string => `newcomer-${index}`

export interface DataSet {
  readonly resources: number
  readonly databaseUrl: string
  readonly name: string
}

/** Creates and fills the database unless an earlier run has left it complete. */
export function loadDataSet(adminUrl: string, resources: number): Promise<DataSet> {
  const name = `bench_${resources}_v${VERSION}`
  return completed({ adminUrl, name, resources, template: 'template1', fill: (client) => fill(client, resources) })
}

export interface Filling {
  readonly adminUrl: string
  readonly name: string
  readonly resources: number
  /** What the new database begins with. */
  readonly template: string
  readonly fill: (client: pg.Client) => Promise<void>
}

export async function completed({ adminUrl, name, resources, template, fill }: Filling): Promise<DataSet> {
  const databaseUrl = withDatabase(adminUrl, name)
  const known = await isComplete(databaseUrl)
  if (!known)
    await withClient(adminUrl, async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
    })
  await applyMigrations(databaseUrl)
  if (!known)
    await withClient(databaseUrl, async (client) => {
      await client.query('SET synchronous_commit = off')
      // No check of references and no trigger for each row: what is generated refers to what is generated.
      await client.query('SET session_replication_role = replica')
      // Imported long ago: an instance that starts finds nothing of it in the log.
      await client.query(`SET portcullis.declared = 'on'`)
      await fill(client)
      await client.query('VACUUM ANALYZE')
      await client.query(`COMMENT ON DATABASE ${name} IS 'complete'`)
    })
  return { resources, databaseUrl, name }
}

/** Copies of a data set that may be changed; gone afterwards. */
export async function withCopies<Result>(
  adminUrl: string,
  { name, databaseUrl }: DataSet,
  suffixes: readonly string[],
  work: (urls: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const copies = suffixes.map((suffix) => `${name}_${suffix}`)
  const drop = (client: pg.Client, copy: string) => client.query(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`)
  await withClient(adminUrl, async (client) => {
    for (const copy of copies) {
      await drop(client, copy)
      await client.query(`CREATE DATABASE ${copy} TEMPLATE ${name}`)
    }
  })
  try {
    return await work(copies.map((copy) => withDatabase(databaseUrl, copy)))
  } finally {
    await withClient(adminUrl, async (client) => {
      for (const copy of copies) await drop(client, copy)
    })
  }
}

async function isComplete(databaseUrl: string): Promise<boolean> {
  try {
    return await withClient(databaseUrl, async (client) => {
      const { rows } = await client.query(
        `SELECT shobj_description(oid, 'pg_database') AS note FROM pg_database WHERE datname = current_database()`,
      )
      return rows[0]?.note === 'complete'
    })
  } catch {
    return false
  }
}

async function fill(client: pg.Client, resources: number): Promise<void> {
  const random = createRandom(42)
  const ids = Array.from({ length: resources }, (_, index) => uuid('resource', index))
  await insert(client, 'resources', ['id', 'name', 'kind', 'description', 'attributes'], resourceRows(ids, random))
  await fillBackground(client, ids, random)
  await fillReaders(client, ids)
}

function* resourceRows(ids: readonly string[], random: Random): Generator<unknown[]> {
  for (const [index, id] of ids.entries()) {
    const attributes = { visibility: random() < 0.7 ? 'private' : 'internal', stars: Math.floor(random() * 5000) }
    const owner = `team-${index % 97}`
    yield [
      id,
      `${owner}/service-${index}`,
      KINDS[index % KINDS.length],
      `Owned by ${owner}`,
      JSON.stringify(attributes),
    ]
  }
}

/** What everybody else has: groups in a tree, members and grants by a Zipf distribution. */
async function fillBackground(client: pg.Client, resources: readonly string[], random: Random): Promise<void> {
  const groups = Array.from({ length: Math.max(20, resources.length / 50) }, (_, index) => uuid('group', index))
  const users = Array.from({ length: resources.length / 2 }, (_, index) => `user-${index}`)
  const pick = zipf(groups.length, random)
  const parentOf = (index: number) => (index < 10 ? null : groups[Math.floor(index / 4)])
  await insert(
    client,
    'users',
    ['id'],
    rowsOf(users, (id) => [id]),
  )
  await insert(
    client,
    'groups',
    ['id', 'name', 'parent_id'],
    rowsOf(groups, (id, index) => [id, `group-${index}`, parentOf(index)]),
  )
  await insert(
    client,
    'memberships',
    ['user_id', 'group_id'],
    rowsOf(users, (id) => [id, groups[pick()]]),
  )
  const grants = rowsOf(resources, (id) => [groups[pick()], id, PERMISSIONS[Math.floor(random() * 5)]])
  await insert(client, 'grants', ['group_id', 'resource_id', 'permission'], grants)
}

/** Readers whose lists have a known length: in a team that is granted exactly so many resources, below a department. */
async function fillReaders(client: pg.Client, resources: readonly string[]): Promise<void> {
  const teams = SIZES.flatMap((size) => Array.from({ length: READERS_PER_SIZE }, (_, index) => ({ size, index })))
  const department = uuid('department', 0)
  const scratch = Array.from({ length: SCRATCH_USERS }, (_, index) => scratchUser(index))
  await insert(
    client,
    'groups',
    ['id', 'name', 'parent_id'],
    [
      [department, 'department', null],
      [uuid('scratch', 0), SCRATCH_GROUP, department],
      [uuid('long', 0), 'long', department],
    ],
  )
  await insert(
    client,
    'groups',
    ['id', 'name', 'parent_id'],
    rowsOf(teams, ({ size, index }) => [teamId(size, index), `team-${size}-${index}`, department]),
  )
  await insert(client, 'users', ['id'], [[longReader], ...scratch.map((id) => [id])])
  await insert(
    client,
    'users',
    ['id'],
    rowsOf(teams, ({ size, index }) => [readerOf(size, index)]),
  )
  await insert(client, 'memberships', ['user_id', 'group_id'], [[longReader, uuid('long', 0)]])
  await insert(
    client,
    'memberships',
    ['user_id', 'group_id'],
    rowsOf(teams, ({ size, index }) => [readerOf(size, index), teamId(size, index)]),
  )
  const newcomers = Array.from({ length: NEWCOMERS }, (_, index) => newcomer(index))
  await insert(
    client,
    'users',
    ['id'],
    rowsOf(newcomers, (id) => [id]),
  )
  await insert(
    client,
    'memberships',
    ['user_id', 'group_id'],
    rowsOf(newcomers, (id, index) => [id, teamId(50, index % READERS_PER_SIZE)]),
  )
  const granted = teams.flatMap(({ size, index }) =>
    Array.from({ length: size }, (_, item) => {
      const resource = resources[(index * 131 + item * Math.floor(resources.length / 200)) % resources.length]
      return [teamId(size, index), resource, PERMISSIONS[(index + item) % 5]]
    }),
  )
  const long = resources.slice(0, LONG_LIST).map((id) => [uuid('long', 0), id, 'read'])
  await insert(client, 'grants', ['group_id', 'resource_id', 'permission'], [...granted, ...long])
}

/** What the readers of lists of 50 are granted, each by their own team. */
export async function grantsOfReaders(databaseUrl: string): Promise<{ group: string; resource: string }[]> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ group: string; resource: string }>(
      `SELECT group_id AS "group", resource_id AS resource FROM grants WHERE group_id = ANY($1::uuid[]) ORDER BY 1, 2`,
      [Array.from({ length: READERS_PER_SIZE }, (_, index) => teamId(50, index))],
    ),
  )
  return rows
}

const teamId = (size: ListSize, index: number) => uuid(`team-${size}`, index)

function* rowsOf<Item>(items: readonly Item[], row: (item: Item, index: number) => unknown[]): Generator<unknown[]> {
  for (const [index, item] of items.entries()) yield row(item, index)
}

/** As `INSERT … SELECT FROM unnest`: a few statements for hundreds of thousands of rows, without another dependency. */
async function insert(client: pg.Client, table: string, columns: string[], rows: Iterable<unknown[]>): Promise<void> {
  const types = await columnTypes(client, table, columns)
  const places = columns.map((_, index) => `$${index + 1}::text[]`).join(', ')
  const values = columns.map((column, index) => `c${index}::${types.get(column)}`).join(', ')
  const names = columns.map((_, index) => `c${index}`).join(', ')
  const text = `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values} FROM unnest(${places}) AS t(${names}) ON CONFLICT DO NOTHING`
  let chunk: unknown[][] = []
  const flush = async () => {
    if (chunk.length > 0)
      await client.query(
        text,
        columns.map((_, index) => chunk.map((row) => row[index])),
      )
    chunk = []
  }
  for (const row of rows) {
    chunk.push(row)
    if (chunk.length === ROWS_PER_INSERT) await flush()
  }
  await flush()
}

async function columnTypes(client: pg.Client, table: string, columns: string[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attname = ANY($2)`,
    [table, columns],
  )
  return new Map(rows.map(({ name, type }) => [name, type]))
}

function uuid(kind: string, index: number): string {
  const hex = createHash('sha256').update(`${kind} ${index}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function withDatabase(url: string, name: string): string {
  const parsed = new URL(url)
  parsed.pathname = `/${name}`
  return parsed.toString()
}

export async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
