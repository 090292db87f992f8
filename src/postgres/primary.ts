/**
 * Which of several servers is the primary. If it is not known, all servers are asked, on separate connections. Every
 * new connection then goes to the primary, until one fails or finds a standby.
 */
import pg from 'pg'
import { codeOf, failureOf, standbyError } from './failures.ts'
import type { DatabaseUrl, Server } from './servers.ts'

export interface Primary {
  /** @throws the error of a server that is not a standby; else an error that there is no primary */
  find(): Promise<Server>
  /** A connection to it failed, ended, or found a standby: the next connection asks again. */
  lost(server: Server): void
  /**
   * Ends the connection as soon as another server is found to be the primary. The former one may only have stood still:
   * when it goes on it answers, and commits, as if it had been the primary all along.
   * @returns what to call when the connection has ended by itself
   */
  endIfMoved(server: Server, end: (reason: Error) => void): () => void
}

interface Found {
  readonly server: Server
  readonly timeline: number
}

/** Together with the connection that follows it fits into a request's time, in milliseconds. */
const ASK_TIMEOUT_MS = 700
/**
 * How long the others may take to answer when one says that it is the primary: the old primary may still be up, too.
 */
const OTHERS_MS = 200

/**
 * The timeline tells a promoted server from the one it was promoted from. Asked without our settings, so that a server
 * that was made read-only says so.
 */
const ASK = `
SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') = 'on' AS "readOnly",
  CASE WHEN pg_is_in_recovery() THEN NULL
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint::text END AS timeline`

/** @param config of a connection, without host and port */
export function createPrimary({ servers, attributes }: Omit<DatabaseUrl, 'url'>, config: pg.ClientConfig): Primary {
  let known: Promise<Server> | null = null
  let current: Server | null = null
  const connections = new Set<{ readonly server: Server; readonly end: (reason: Error) => void }>()
  /** The newest timeline seen. A server with an older one is a former primary that does not know it yet. */
  let newest = 0

  async function ask(server: Server): Promise<Found> {
    const client = new pg.Client({
      ...config,
      ...server,
      connectionTimeoutMillis: ASK_TIMEOUT_MS,
      query_timeout: ASK_TIMEOUT_MS,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ standby: boolean; readOnly: boolean; timeline: string | null }>(ASK)
      const [answer] = rows
      if (!answer || answer.standby) throw standbyError()
      if (answer.readOnly && attributes === 'read-write') throw standbyError('the server is read-only')
      return { server, timeline: Number(answer.timeline) }
    } finally {
      client.end().catch(() => {})
    }
  }

  async function search(): Promise<Server> {
    const asked = servers.map(ask)
    await Promise.any(asked).catch(() => {})
    const answers = await Promise.all(asked.map((each) => settledWithin(each, OTHERS_MS)))
    const found = answers.filter((answer): answer is Found => !(answer instanceof Error))
    const [best] = found.sort((one, other) => other.timeline - one.timeline)
    if (best === undefined) throw nonePrimary(servers, answers as Error[])
    if (best.timeline < newest)
      throw standbyError(
        `${nameOf(best.server)} is on timeline ${best.timeline}, but ${newest} was seen: it is a former primary that must not be written to`,
      )
    newest = best.timeline
    leave(best.server)
    return best.server
  }

  /** Called before anybody learns where the primary is now. */
  function leave(primary: Server): void {
    for (const connection of connections)
      if (connection.server !== primary) connection.end(new Error(`terminated: ${nameOf(primary)} is the primary now`))
  }

  return {
    find() {
      known ??= search().then(
        (server) => {
          current = server
          return server
        },
        (error: unknown) => {
          known = null
          throw error
        },
      )
      return known
    },
    lost(server) {
      if (current !== server) return
      current = null
      known = null
    },
    endIfMoved(server, end) {
      const connection = { server, end }
      connections.add(connection)
      return () => connections.delete(connection)
    },
  }
}

async function settledWithin(answer: Promise<Found>, ms: number): Promise<Found | Error> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error('no answer in time')), ms)
  })
  try {
    return await Promise.race([answer.catch((error: Error) => error), late])
  } finally {
    clearTimeout(timer)
  }
}

/** A missing primary is temporary. A refusal by a server that is up is not: an operator has to act, so it is reported first. */
function nonePrimary(servers: readonly Server[], answers: readonly Error[]): Error {
  const refused = answers.find((answer) => failureOf(answer)?.answered)
  if (refused) return refused
  const each = servers.map((server, at) => `${nameOf(server)}: ${reasonOf(answers[at])}`)
  return standbyError(`none of the servers is the primary (${each.join('; ')})`)
}

const nameOf = ({ host, port }: Server) => `${host}:${port}`
const reasonOf = (error: Error | undefined) => error?.message || codeOf(error)
