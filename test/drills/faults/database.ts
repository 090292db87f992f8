/** Faults of PostgreSQL that leave it answering: locks on the log, transactions that do not end. */
import { nowMs } from '../clock.ts'
import type { Environment } from '../environment.ts'
import { createHttpConnection, encodeRequest, headerOf } from '../http-connection.ts'
import { type Fault, type FaultContext, hold } from './fault.ts'

/** Shorter than a read of the log waits; in between, mutations that waited commit and one read of the log is let in. */
const TURN_MS = 700

/** Nobody reads the log and nobody commits, again and again: what commits in between is known a turn later. */
async function lockLog({ environment, holdMs, mark }: FaultContext): Promise<void> {
  mark('the log is locked')
  await inSession(environment, async (query) => {
    for (let leftMs = holdMs; leftMs > 0; leftMs -= TURN_MS) {
      await query('BEGIN')
      await query('LOCK TABLE invalidation_log IN ACCESS EXCLUSIVE MODE')
      await hold(Math.min(TURN_MS, leftMs))
      await query('COMMIT')
    }
  })
  mark('the log is free')
}

/** Mutations commit, but what a read of the log needs beside its rows is locked. */
async function blindFollowers({ environment, holdMs, mark }: FaultContext): Promise<void> {
  await inSession(environment, async (query) => {
    await query('BEGIN')
    await query('LOCK TABLE log_checkpoints IN ACCESS EXCLUSIVE MODE')
    mark('nobody can read the log')
    await hold(holdMs)
    await query('COMMIT')
  })
  mark('the log is free')
}

async function withMasterHung(context: FaultContext, fault: (context: FaultContext) => Promise<void>): Promise<void> {
  const { stack } = context.environment
  const hung = await stack.hang('master')
  await fault(context)
  stack.resume(hung)
}

const logLocked: Fault = {
  name: 'log-locked',
  title: 'the log’s table is locked again and again, 0.7 s at a time',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  run: lockLog,
}

const logLockedMasterHung: Fault = {
  name: 'log-locked-master-hung',
  title: 'the same, while the master hangs',
  clientsMayNotice: 'nothing',
  run: (context) => withMasterHung(context, lockLog),
}

const logLockedOneDeaf: Fault = {
  name: 'log-locked-one-deaf',
  title: 'the same, while Redis hangs for one instance: what it deletes nobody hears',
  clientsMayNotice: 'nothing',
  async run(context) {
    context.environment.redisProxies(2, { kind: 'frozen' })
    await lockLog(context)
    context.environment.redisProxies(2, { kind: 'pass' })
  },
}

const logUnreadable: Fault = {
  name: 'log-unreadable',
  title: 'mutations commit, but nobody can read the log',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  run: blindFollowers,
}

const logUnreadableMasterHung: Fault = {
  name: 'log-unreadable-master-hung',
  title: 'the same, while the master hangs',
  clientsMayNotice: 'nothing',
  run: (context) => withMasterHung(context, blindFollowers),
}

/** More than an instance remembers of one tag. */
const HOT_CHANGES = 110
const LOOKS = 40

/**
 * So many changes of one group that an instance keeps only a bound for the older ones. The attributes that change are no
 * part of what is judged; how many lists of the group are hits meanwhile is told on the timeline.
 */
async function heat({ environment, worlds, mark }: FaultContext): Promise<void> {
  const [world] = worlds
  if (!world) throw new Error('there is no world to read')
  const { fleet, issuer } = environment
  const tokenOf = (subject: string, roles: readonly 'admin'[]) => issuer.issue({ subject, roles, ttlSeconds: 3600 })
  const [admin, ann] = await Promise.all([tokenOf('drill.admin', ['admin']), tokenOf(world.ann, [])])
  const connection = createHttpConnection({ port: fleet.ports[0] ?? 0, timeoutMs: 10_000 })
  try {
    const path = `/resources/name:${encodeURIComponent(`${world.name}/base`)}`
    for (let change = 0; change < HOT_CHANGES; change++) {
      const body = { attributes: { changed: change } }
      await connection.send(encodeRequest({ method: 'PATCH', path, token: admin, body }))
    }
    let hits = 0
    for (let look = 0; look < LOOKS; look++) {
      const { head } = await connection.send(encodeRequest({ method: 'GET', path: '/resources', token: ann }))
      if (headerOf(head, 'Cache-Status')?.includes('; hit')) hits++
    }
    mark(`${hits} of ${LOOKS} lists of the hot group are hits`)
  } finally {
    connection.close()
  }
}

const openTransaction: Fault = {
  name: 'open-transaction',
  title: 'a writing transaction stays open beside a hot group',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  async run(context) {
    await inSession(context.environment, async (query) => {
      await query('BEGIN')
      await query('SELECT pg_current_xact_id()')
      await heatAtLeast(context)
      await query('ROLLBACK')
    })
  },
}

const ORPHAN = 'drill-orphan'

const preparedTransaction: Fault = {
  name: 'prepared-transaction',
  title: 'a prepared transaction is left behind by its session, beside a hot group',
  clientsMayNotice: 'nothing',
  redisStaysHealthy: true,
  async run(context) {
    const { environment } = context
    await inSession(environment, async (query) => {
      await query('BEGIN')
      await query('SELECT pg_current_xact_id()')
      await query(`PREPARE TRANSACTION '${ORPHAN}'`)
    })
    try {
      await heatAtLeast(context)
    } finally {
      await environment.sql(`ROLLBACK PREPARED '${ORPHAN}'`)
    }
  },
}

async function heatAtLeast(context: FaultContext): Promise<void> {
  const untilMs = nowMs() + context.holdMs
  do await heat(context)
  while (nowMs() < untilMs)
}

async function inSession(environment: Environment, work: (query: (sql: string) => Promise<unknown>) => Promise<void>) {
  const client = await environment.session()
  try {
    await work((sql) => client.query(sql))
  } finally {
    await client.end()
  }
}

export const databaseFaults = [
  logLocked,
  logLockedMasterHung,
  logLockedOneDeaf,
  logUnreadable,
  logUnreadableMasterHung,
  openTransaction,
  preparedTransaction,
]
