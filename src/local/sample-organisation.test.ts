import { describe, expect, it } from 'vitest'
import { PERMISSIONS, type Permission } from '../domain/model.ts'
import { SAMPLE_ORGANISATION as sample } from './sample-organisation.ts'

/** A second, naive implementation of the rules: up the tree from each of the user's groups, the highest grant wins. */
function permissionsOf(user: string): Record<string, Permission> {
  const parents = new Map(sample.groups.map(({ name, parent }) => [name, parent ?? null]))
  const groups = new Set<string>()
  for (const membership of sample.memberships.filter((one) => one.user === user))
    for (let group: string | null = membership.group; group; group = parents.get(group) ?? null) groups.add(group)
  const found: Record<string, Permission> = {}
  for (const { resource, permission } of sample.grants.filter(({ group }) => groups.has(group))) {
    const other = found[resource]
    if (!other || PERMISSIONS.indexOf(permission) > PERMISSIONS.indexOf(other)) found[resource] = permission
  }
  return found
}

describe('the sample organisation', () => {
  it('refers only to what it contains', () => {
    const [users, groups, resources] = [sample.users.map(({ id }) => id), sample.groups, sample.resources].map(
      (list) => new Set(list.map((item) => (typeof item === 'string' ? item : item.name))),
    )
    for (const { user, group } of sample.memberships)
      expect([users?.has(user), groups?.has(group)]).toEqual([true, true])
    for (const { group, resource } of sample.grants)
      expect([groups?.has(group), resources?.has(resource)]).toEqual([true, true])
    for (const { parent } of sample.groups) if (parent) expect(groups?.has(parent)).toBe(true)
  })

  it('shows inheritance: a child of engineering writes what engineering may write', () => {
    expect(permissionsOf('alice')).toMatchObject({ handbook: 'read', 'staging-cluster': 'write' })
  })

  it('never inherits downwards: engineering does not see what its children are granted', () => {
    expect(permissionsOf('frank')).not.toHaveProperty('infrastructure')
  })

  it('shows that the highest wins, along one branch and across two', () => {
    expect(permissionsOf('bob')).toMatchObject({ 'production-cluster': 'admin', api: 'maintain' })
    expect(permissionsOf('heidi')).toMatchObject({ handbook: 'maintain', website: 'maintain' })
  })

  it('has an outsider who sees two things only', () => {
    expect(Object.keys(permissionsOf('ivan')).sort()).toEqual(['design-files', 'website'])
  })
})
