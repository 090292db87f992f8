/**
 * A small organisation that one writer changes step by step: two users, a tree of groups, three resources. Every kind
 * of invalidation occurs in it, and what each user sees in each state is known without asking anybody.
 */
import type { Random } from './random.ts'

const PERMISSIONS = ['read', 'triage', 'write', 'maintain', 'admin'] as const
type Permission = (typeof PERMISSIONS)[number]

export interface World {
  readonly name: string
  readonly ann: string
  readonly bob: string
}

export interface WorldState {
  readonly annInTeam: boolean
  readonly bobInTop: boolean
  readonly bobDisabled: boolean
  readonly teamUnderTop: boolean
  readonly plainOnTop: Permission | null
  readonly plainOnTeam: Permission | null
  /** Only ever granted while ann is not in the team, and she only joins while it is not: nobody sees it in any state. */
  readonly secretOnTeam: boolean
  readonly note: number
}

export interface Step<State = WorldState> {
  readonly method: 'PUT' | 'DELETE' | 'PATCH'
  readonly path: string
  readonly body?: object
  readonly next: State
}

export const INITIAL_STATE: WorldState = {
  annInTeam: true,
  bobInTop: true,
  bobDisabled: false,
  teamUnderTop: true,
  plainOnTop: 'read',
  plainOnTeam: null,
  secretOnTeam: false,
  note: 0,
}

export function createWorld(index: number): World {
  const name = `w${String(index).padStart(3, '0')}`
  return { name, ann: `${name}.ann`, bob: `${name}.bob` }
}

/** The body of `POST /import` that brings these worlds to their initial state. */
export function importOf(worlds: readonly World[]) {
  return {
    users: worlds.flatMap(({ ann, bob }) => [{ id: ann }, { id: bob }]),
    groups: worlds.flatMap(({ name }) => [
      { name: `${name}/all` },
      { name: `${name}/top` },
      { name: `${name}/team`, parent: `${name}/top` },
    ]),
    memberships: worlds.flatMap(({ name, ann, bob }) => [
      { group: `${name}/all`, user: ann },
      { group: `${name}/all`, user: bob },
      { group: `${name}/team`, user: ann },
      { group: `${name}/top`, user: bob },
    ]),
    resources: worlds.flatMap(({ name }) => [
      { name: `${name}/base`, kind: 'drill', description: '0' },
      { name: `${name}/plain`, kind: 'drill' },
      { name: `${name}/secret`, kind: 'drill' },
    ]),
    grants: worlds.flatMap(({ name }) => [
      { group: `${name}/all`, resource: `${name}/base`, permission: 'read' },
      { group: `${name}/top`, resource: `${name}/plain`, permission: 'read' },
    ]),
  }
}

/** What each user sees, in canonical form. */
export function viewsOf(world: World, state: WorldState): Map<string, string> {
  const top = highest(state.plainOnTop)
  const team = highest(state.plainOnTeam, state.teamUnderTop ? state.plainOnTop : null)
  return new Map([
    [world.ann, canonical(world, state.note, state.annInTeam ? team : null)],
    [world.bob, state.bobDisabled ? '' : canonical(world, state.note, state.bobInTop ? top : null)],
  ])
}

function canonical({ name }: World, note: number, plain: Permission | null): string {
  const base = `${name}/base=read#${note}`
  return plain === null ? base : `${base};${name}/plain=${plain}#`
}

/** The body of a list as served, in canonical form. */
export function viewOfBody(body: string): string {
  const { data } = JSON.parse(body) as { data: { name: string; permission: string; description: string | null }[] }
  return data.map(({ name, permission, description }) => `${name}=${permission}#${description ?? ''}`).join(';')
}

function highest(...permissions: readonly (Permission | null)[]): Permission | null {
  const ranks = permissions.map((each) => (each === null ? -1 : PERMISSIONS.indexOf(each)))
  return PERMISSIONS[Math.max(...ranks)] ?? null
}

/** One change at random; New Enemy pairs (revoke, then add the secret) come about by themselves and are favoured. */
export function randomStep(world: World, state: WorldState, random: Random): Step {
  if (!state.annInTeam && !state.secretOnTeam && random.next() < 0.6) return secret(world, state, true)
  if (state.secretOnTeam && random.next() < 0.5) return secret(world, state, false)
  return random.pick([annMembership, bobMembership, tree, plainOnTop, plainOnTeam, note, disabled])(
    world,
    state,
    random,
  )
}

/** The one change whose states are told apart however many follow each other. */
export function updateStep(world: World, state: WorldState): Step {
  return note(world, state)
}

const group = ({ name }: World, which: string) => `/groups/name:${encodeURIComponent(`${name}/${which}`)}`
const resource = ({ name }: World, which: string) => `name:${encodeURIComponent(`${name}/${which}`)}`

function annMembership(world: World, state: WorldState, random: Random): Step {
  // She may not come back while the secret is there.
  if (state.secretOnTeam) return bobMembership(world, state, random)
  const next = { ...state, annInTeam: !state.annInTeam }
  return { method: state.annInTeam ? 'DELETE' : 'PUT', path: `${group(world, 'team')}/members/${world.ann}`, next }
}

function bobMembership(world: World, state: WorldState, _random: Random): Step {
  const next = { ...state, bobInTop: !state.bobInTop }
  return { method: state.bobInTop ? 'DELETE' : 'PUT', path: `${group(world, 'top')}/members/${world.bob}`, next }
}

function tree(world: World, state: WorldState): Step {
  const next = { ...state, teamUnderTop: !state.teamUnderTop }
  const parent = next.teamUnderTop ? `name:${world.name}/top` : null
  return { method: 'PATCH', path: group(world, 'team'), body: { parent }, next }
}

function plainOnTop(world: World, state: WorldState, random: Random): Step {
  const permission = otherPermission(state.plainOnTop, random)
  return grant(world, 'top', 'plain', permission, { ...state, plainOnTop: permission })
}

function plainOnTeam(world: World, state: WorldState, random: Random): Step {
  const permission = otherPermission(state.plainOnTeam, random)
  return grant(world, 'team', 'plain', permission, { ...state, plainOnTeam: permission })
}

function secret(world: World, state: WorldState, granted: boolean): Step {
  return grant(world, 'team', 'secret', granted ? 'read' : null, { ...state, secretOnTeam: granted })
}

function note(world: World, state: WorldState): Step {
  const next = { ...state, note: state.note + 1 }
  return {
    method: 'PATCH',
    path: `/resources/${resource(world, 'base')}`,
    body: { description: String(next.note) },
    next,
  }
}

function disabled(world: World, state: WorldState): Step {
  const next = { ...state, bobDisabled: !state.bobDisabled }
  return { method: 'PUT', path: `/users/${world.bob}`, body: { disabled: next.bobDisabled }, next }
}

function grant(world: World, to: string, on: string, permission: Permission | null, next: WorldState): Step {
  const path = `${group(world, to)}/grants/${resource(world, on)}`
  return permission === null ? { method: 'DELETE', path, next } : { method: 'PUT', path, body: { permission }, next }
}

/** Taken away half of the time: revocations are what it is about. */
function otherPermission(current: Permission | null, random: Random): Permission | null {
  if (current !== null && random.next() < 0.5) return null
  return random.pick(PERMISSIONS.filter((each) => each !== current))
}
