/** Changes by SQL behind the API: what a person at psql, an ETL job or a directory sync does. */
import type { Random } from './random.ts'
import type { World, WorldState } from './world.ts'

export interface OutsideStep<State = WorldState> {
  readonly sql: string
  readonly values: readonly unknown[]
  /** The flush that tells the service; null where the database's triggers are to do it. */
  readonly flush: { readonly method: 'POST'; readonly path: string; readonly body: object } | null
  readonly next: State
}

interface Change extends Omit<OutsideStep, 'flush'> {
  /** The narrowest scope that names it. */
  readonly scope: object
}

/** One change, and the narrowest flush that covers it. */
export function flushedStep(world: World, state: WorldState, random: Random): OutsideStep {
  const { scope, ...change } = outsideChange(world, state, random)
  const body = { ...scope, reason: 'changed outside' }
  return { ...change, flush: { method: 'POST', path: '/admin/cache/flush', body } }
}

/** One change that nobody is told about. */
export function silentStep(world: World, state: WorldState, random: Random): OutsideStep {
  const { scope: _scope, ...change } = outsideChange(world, state, random)
  return { ...change, flush: null }
}

function outsideChange(world: World, state: WorldState, random: Random): Change {
  return random.pick([note, membership, grant])(world, state)
}

function note({ name }: World, state: WorldState): Change {
  const next = { ...state, note: state.note + 1 }
  const sql = 'UPDATE resources SET description = $2, version = version + 1 WHERE name = $1'
  return { sql, values: [`${name}/base`, String(next.note)], scope: flushOf(`${name}/base`), next }
}

function membership({ name, ann }: World, state: WorldState): Change {
  const next = { ...state, annInTeam: !state.annInTeam }
  const sql = next.annInTeam
    ? `INSERT INTO memberships (user_id, group_id) SELECT $2, id FROM groups WHERE name = $1 ON CONFLICT DO NOTHING`
    : `DELETE FROM memberships WHERE user_id = $2 AND group_id = (SELECT id FROM groups WHERE name = $1)`
  return { sql, values: [`${name}/team`, ann], scope: { scope: 'user', user: ann }, next }
}

/** Who held the resource before the change cannot be asked any more when the flush comes. */
function grant({ name }: World, state: WorldState): Change {
  const next = { ...state, plainOnTop: state.plainOnTop === null ? ('read' as const) : null }
  const sql =
    next.plainOnTop === null
      ? `DELETE FROM grants USING groups g, resources r
         WHERE group_id = g.id AND resource_id = r.id AND g.name = $1 AND r.name = $2`
      : `INSERT INTO grants (group_id, resource_id, permission)
         SELECT g.id, r.id, 'read' FROM groups g, resources r WHERE g.name = $1 AND r.name = $2 ON CONFLICT DO NOTHING`
  return { sql, values: [`${name}/top`, `${name}/plain`], scope: flushOf(`${name}/plain`), next }
}

const flushOf = (resource: string) => ({ scope: 'resource', resource: `name:${resource}` })
