/** The Redis cluster live: master, replicas, Sentinels and their quorum, and the changes while the page was open. */

import type { CacheStatus, Topology } from '../../../src/client/index.ts'
import { isDown, type Observation, useLive } from '../api/live.ts'
import { ageOf, Empty, Failure, LoadingBar, Stale, Time } from '../parts/states.tsx'

type RedisNode = NonNullable<Topology['master']> & Partial<Topology['replicas'][number]>

export function ClusterView() {
  const { status, error, receivedAt, observed } = useLive()
  const topology = status?.redis.topology
  return (
    <>
      <div class="bar">
        <h1>The cluster, live</h1>
      </div>
      {status === null && error === null && <LoadingBar label="Asking the Sentinels" />}
      {status === null && error !== null && <Failure error={error} needs="cache-admin" />}
      {status !== null && (
        <>
          {error !== null && <Stale since={receivedAt} error={error} />}
          <div class={error === null ? '' : 'stale'}>
            {topology ? (
              <Cluster topology={topology} redis={status.redis} />
            ) : (
              <Empty>A single Redis is configured: there is no cluster to show.</Empty>
            )}
            <Observed items={observed} />
          </div>
        </>
      )}
    </>
  )
}

function Cluster({ topology, redis }: { topology: Topology; redis: CacheStatus['redis'] }) {
  const { master, replicas, sentinels, quorum } = topology
  return (
    <>
      <section class="card" aria-label="Servers">
        <h2>
          {topology.masterName} <span class="quiet">epoch {topology.configEpoch ?? '–'}</span>
          <span class={`tag ${redis.breaker === 'closed' ? 'good' : 'bad'}`}>breaker {redis.breaker}</span>
          {!topology.agreed && <span class="tag bad">Sentinels disagree</span>}
        </h2>
        <div class={`cluster${replicas.length > 0 ? ' linked' : ''}`}>
          <div class="cluster-row">
            {master === null ? <Empty>No Sentinel names a master.</Empty> : <Server kind="master" node={master} />}
          </div>
          <div class="cluster-row replicas">
            {replicas.length === 0 && <Empty>No replica is known.</Empty>}
            {replicas.map((replica) => (
              <div key={replica.address} class={`replica-link ${isCut(replica) ? 'down' : ''}`}>
                <Server kind="replica" node={replica} />
              </div>
            ))}
          </div>
        </div>
      </section>
      <section class="card" aria-label="Sentinels">
        <h2>
          Sentinels
          <span class={`tag ${quorum.held ? 'good' : 'bad'}`}>{quorum.held ? 'quorum held' : 'no quorum'}</span>
        </h2>
        <p class="quiet line">
          {quorum.reachable} of {quorum.known} answer; {quorum.needed ?? '–'} must agree that the master is down
        </p>
        <div class="cluster-row">
          {sentinels.map((sentinel) => (
            <div key={sentinel.address} class={`server ${sentinel.reachable ? '' : 'down'}`}>
              <strong>Sentinel</strong>
              <code>{sentinel.address}</code>
              <span class="quiet">
                {sentinel.reachable ? `names ${sentinel.master ?? 'nobody'}` : 'does not answer'}
              </span>
            </div>
          ))}
        </div>
      </section>
    </>
  )
}

function Server({ kind, node }: { kind: 'master' | 'replica'; node: RedisNode }) {
  const down = isCut(node)
  const flags = node.flags.filter((flag) => flag !== 'master' && flag !== 'slave')
  return (
    <div class={`server ${kind} ${down ? 'down' : ''}`}>
      <strong>{kind === 'master' ? 'Master' : 'Replica'}</strong>
      <code>{node.address}</code>
      <span class="quiet">{isDown(node) ? 'down' : kind === 'master' ? 'takes writes' : linkOf(node)}</span>
      {flags.length > 0 && (
        <span>
          {flags.map((flag) => (
            <span key={flag} class="tag bad">
              {flag}
            </span>
          ))}
        </span>
      )}
    </div>
  )
}

const isCut = (node: RedisNode) => isDown(node) || node.linkUp === false

function linkOf({ linkUp, lagBytes, lastHeardMs }: RedisNode): string {
  if (linkUp === false) return 'not linked to the master'
  const lag = lagBytes === undefined || lagBytes === null ? '' : `${lagBytes} B behind`
  const heard = lastHeardMs === undefined || lastHeardMs === null ? '' : `, heard ${ageOf(lastHeardMs)} ago`
  return `linked; ${lag}${heard}`
}

function Observed({ items }: { items: readonly Observation[] }) {
  return (
    <section class="card" aria-label="Observed">
      <h2>Events while this page was open</h2>
      {items.length === 0 ? (
        <Empty>
          Nothing has changed yet. On the local stack <code>npm run failover</code> kills the master.
        </Empty>
      ) : (
        <ol class="timeline" aria-live="polite">
          {items.map(({ at, text, tone }, index) => (
            <li key={`${at}-${items.length - index}`} class={tone}>
              <Time at={at} /> {text}
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
