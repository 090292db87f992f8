/** The steps of random histories: mutations by anybody on anything, and reads that must agree with plain SQL. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { DomainError } from '../../src/domain/errors.ts'
import { PERMISSIONS } from '../../src/domain/model.ts'
import { asRoot, named, user, type VisibilityFleet } from './visibility-fleet.ts'

export interface Organisation {
  /** Of all names, so that histories do not know of each other. */
  readonly prefix: string
  readonly fleet: VisibilityFleet
}

interface Model {
  /** Nothing is predicted: PostgreSQL is asked what is true. */
  readonly steps: number
}

type Step = fc.AsyncCommand<Model, Organisation>

// Few of each, so that most steps meet something that is there.
const USERS = 3
const GROUPS = 4
const RESOURCES = 4

const anyUser = fc.nat(USERS - 1)
const anyGroup = fc.nat(GROUPS - 1)
const anyResource = fc.nat(RESOURCES - 1)
const anyInstance = fc.nat(1)
const anyPermission = fc.constantFrom(...PERMISSIONS)
const anyParent = fc.option(anyGroup, { nil: null })

const groupOf = ({ prefix }: Organisation, index: number) => named(`${prefix}/g${index}`)
const resourceOf = ({ prefix }: Organisation, index: number) => named(`${prefix}/r${index}`)
const userOf = ({ prefix }: Organisation, index: number) => user(`${prefix}.u${index}`)

/** Everybody's list on both instances, filled before the step and so stale after it unless it was invalidated. */
async function expectTruthEverywhere(all: Organisation): Promise<void> {
  for (const index of Array(USERS).keys()) {
    const who = userOf(all, index)
    const truth = await all.fleet.instances[0].truth(who)
    for (const instance of all.fleet.instances) expect(await instance.visible(who), who).toEqual(truth)
  }
}

/** A mutation with its name and arguments, as it is printed when a history fails. */
function step(name: string, args: readonly unknown[], run: (organisation: Organisation) => Promise<unknown>): Step {
  return {
    check: () => true,
    async run(_model, organisation) {
      await run(organisation).catch((error: unknown) => {
        // What does not exist cannot be changed, and what exists not be created: refusals are part of any history.
        if (!(error instanceof DomainError) || error.code === 'database-unavailable') throw error
      })
      await expectTruthEverywhere(organisation)
    },
    toString: () => `${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`,
  }
}

function mutationSteps(): fc.Arbitrary<Step>[] {
  const of = (organisation: Organisation, instance: number) => {
    const found = organisation.fleet.instances[instance]
    if (!found) throw new RangeError(`no instance ${instance}`)
    return found.portcullis
  }
  return [
    fc
      .tuple(anyInstance, anyGroup, anyParent)
      .map(([at, group, parent]) =>
        step('createGroup', [at, group, parent], (all) =>
          of(all, at).mutations.createGroup(
            { name: groupOf(all, group).name, parent: parent === null ? null : groupOf(all, parent) },
            asRoot,
          ),
        ),
      ),
    fc
      .tuple(anyInstance, anyGroup, anyParent)
      .map(([at, group, parent]) =>
        step('moveGroup', [at, group, parent], (all) =>
          of(all, at).mutations.updateGroup(
            { group: groupOf(all, group), changes: { parent: parent === null ? null : groupOf(all, parent) } },
            asRoot,
          ),
        ),
      ),
    fc
      .tuple(anyInstance, anyGroup)
      .map(([at, group]) =>
        step('deleteGroup', [at, group], (all) =>
          of(all, at).mutations.deleteGroup({ group: groupOf(all, group) }, asRoot),
        ),
      ),
    fc
      .tuple(anyInstance, anyUser, fc.boolean())
      .map(([at, id, disabled]) =>
        step('putUser', [at, id, disabled], (all) =>
          of(all, at).mutations.putUser({ id: userOf(all, id), disabled }, asRoot),
        ),
      ),
    fc
      .tuple(anyInstance, anyUser)
      .map(([at, id]) =>
        step('deleteUser', [at, id], (all) => of(all, at).mutations.deleteUser({ id: userOf(all, id) }, asRoot)),
      ),
    fc.tuple(anyInstance, anyResource, anyGroup, anyPermission).map(([at, resource, group, permission]) =>
      step('createResource', [at, resource, group, permission], (all) =>
        of(all, at).mutations.createResource(
          {
            name: resourceOf(all, resource).name,
            kind: 'model',
            grants: [{ group: groupOf(all, group), permission }],
          },
          asRoot,
        ),
      ),
    ),
    fc
      .tuple(anyInstance, anyResource, fc.nat(99))
      .map(([at, resource, note]) =>
        step('updateResource', [at, resource, note], (all) =>
          of(all, at).mutations.updateResource(
            { resource: resourceOf(all, resource), changes: { description: String(note) } },
            asRoot,
          ),
        ),
      ),
    fc
      .tuple(anyInstance, anyResource)
      .map(([at, resource]) =>
        step('deleteResource', [at, resource], (all) =>
          of(all, at).mutations.deleteResource({ resource: resourceOf(all, resource) }, asRoot),
        ),
      ),
    fc.tuple(anyInstance, anyGroup, anyUser, fc.boolean()).map(([at, group, id, joins]) =>
      step(joins ? 'addMember' : 'removeMember', [at, group, id], (all) => {
        const membership = { group: groupOf(all, group), userId: userOf(all, id) }
        const { mutations } = of(all, at)
        return joins
          ? mutations.addUserToGroup({ ...membership, role: 'member' }, asRoot)
          : mutations.removeUserFromGroup(membership, asRoot)
      }),
    ),
    fc
      .tuple(anyInstance, anyGroup, anyResource, fc.option(anyPermission, { nil: null, freq: 2 }))
      .map(([at, group, resource, permission]) =>
        step(permission === null ? 'removeGrant' : 'putGrant', [at, group, resource, permission], (all) => {
          const grant = { group: groupOf(all, group), resource: resourceOf(all, resource) }
          const { mutations } = of(all, at)
          return permission === null
            ? mutations.removeGrant(grant, asRoot)
            : mutations.putGrant({ ...grant, permission }, asRoot)
        }),
      ),
    fc.tuple(anyInstance, anyGroup, anyUser, anyResource, anyPermission).map(([at, group, id, resource, permission]) =>
      step('import', [at, group, id, resource, permission], (all) => {
        const { name } = groupOf(all, group)
        const { name: what } = resourceOf(all, resource)
        return of(all, at).mutations.importOrganisation(
          {
            users: [{ id: userOf(all, id) }],
            groups: [{ name }],
            memberships: [{ group: name, user: userOf(all, id), role: 'member' }],
            resources: [{ name: what, kind: 'model' }],
            grants: [{ group: name, resource: what, permission }],
          },
          asRoot,
        )
      }),
    ),
    fc.tuple(anyInstance, fc.constantFrom('all', 'volatile', 'user', 'layer'), anyUser).map(([at, scope, id]) =>
      step('flush', [at, scope, id], (all) => {
        const whole =
          scope === 'user'
            ? { scope, user: userOf(all, id) }
            : scope === 'layer'
              ? { scope, layer: 'resources' as const }
              : { scope }
        return of(all, at).cache.flush(whole, { reason: 'a random history', dryRun: false }, asRoot)
      }),
    ),
  ]
}

/** All ways of asking agree, for one user and one resource, on one instance. */
function readSteps(): fc.Arbitrary<Step>[] {
  return [
    fc.tuple(anyInstance, anyUser, anyResource, fc.constantFrom(1, 2, 50)).map(([at, id, resource, limit]) => ({
      ...step('read', [at, id, resource, limit], async () => {}),
      async run(_model: Model, all: Organisation) {
        const found = all.fleet.instances[at]
        if (!found) throw new RangeError(`no instance ${at}`)
        const { reads } = found.portcullis
        const who = userOf(all, id)
        const what = resourceOf(all, resource)
        const truth = await found.truth(who)
        expect(await found.visible(who, { limit })).toEqual(truth)
        const item = truth.find(({ name }) => name === what.name) ?? null
        expect((await reads.visibleResource(who, what, {})).resource).toEqual(item)
        expect((await reads.explain(who, what))?.permission ?? null).toBe(item?.permission ?? null)
        const access = await reads.access(what, { limit: 50 })
        expect(access?.data.find(({ userId }) => userId === who)?.permission ?? null).toBe(item?.permission ?? null)
        const groups = await reads.effectiveGroups(who, {})
        const trueGroups = await reads.effectiveGroups(who, { bypass: true })
        expect(groups.groups).toEqual(trueGroups.groups)
      },
    })),
  ]
}

/** Any number of steps up to `maxSteps`; changes of members and grants three times as likely as others. */
export function anyHistory(maxSteps: number): fc.Arbitrary<Iterable<Step>> {
  const [read] = readSteps()
  if (!read) throw new Error('no way to read')
  const mutations = mutationSteps()
  return fc.commands([...mutations, ...mutations.slice(-4, -2), ...mutations.slice(-4, -2), read, read], {
    maxCommands: maxSteps,
    size: 'max',
  })
}

export async function runHistory(organisation: Organisation, history: Iterable<Step>): Promise<void> {
  await seed(organisation)
  await expectTruthEverywhere(organisation)
  await fc.asyncModelRun(() => ({ model: { steps: 0 }, real: organisation }), history)
}

async function seed(all: Organisation): Promise<void> {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index)
  await all.fleet.mutations.importOrganisation(
    {
      users: range(USERS).map((index) => ({ id: userOf(all, index) })),
      groups: range(GROUPS - 1).map((index) => ({
        name: groupOf(all, index).name,
        ...(index > 0 && { parent: groupOf(all, (index - 1) >> 1).name }),
      })),
      memberships: range(USERS).map((index) => ({
        group: groupOf(all, index % (GROUPS - 1)).name,
        user: userOf(all, index),
        role: 'member',
      })),
      resources: range(RESOURCES - 1).map((index) => ({ name: resourceOf(all, index).name, kind: 'model' })),
      grants: range(GROUPS - 1).flatMap((group) =>
        range(RESOURCES - 1).map((resource) => ({
          group: groupOf(all, group).name,
          resource: resourceOf(all, resource).name,
          permission: PERMISSIONS[(group + resource) % PERMISSIONS.length] ?? 'read',
        })),
      ),
    },
    asRoot,
  )
}
