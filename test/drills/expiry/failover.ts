/** PostgreSQL loses its primary, and the standby takes over: what was acknowledged is there, and time goes on. */
import type { ReplicatedPostgres } from '../../support/replicated-postgres.ts'
import { type Fault, hold } from '../faults/fault.ts'

/** How long a standby is left alone before it is promoted, as somebody first makes sure that the primary is gone. */
const UNNOTICED_MS = 1000

export const FAILOVER = 'postgres-failover'

/** @returns the fault, and which server is the primary */
export function createFailover(servers: ReplicatedPostgres) {
  let { primary } = servers
  const fault: Fault = {
    name: FAILOVER,
    title: 'the primary of PostgreSQL killed, and its standby promoted: another timeline',
    clientsMayNotice: 'database-away',
    async run({ holdMs, mark }) {
      await servers.primary.kill()
      await hold(UNNOTICED_MS)
      await servers.promote()
      primary = servers.standby
      mark('the standby is promoted')
      await hold(holdMs)
    },
  }
  return { fault, url: servers.urlOf(servers.primary, servers.standby), primaryUrl: () => primary.databaseUrl }
}
