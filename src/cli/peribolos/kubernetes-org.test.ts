/** The organisation of the Kubernetes project, as real input: figures counted from the files by other means. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ImportBody } from './import-body.ts'
import { describe as describeFinding, readPeribolos } from './index.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../../../shared/data/kubernetes-org/config')
const absent = !existsSync(FOLDER)
if (absent) console.warn(`skipped: the Kubernetes organisation is not at ${FOLDER}`)

const LEVELS = ['read', 'triage', 'write', 'maintain', 'admin']

/** Who sees what, the slow and obvious way: each member walks up the tree and collects. */
function visiblePairs({ groups, memberships, grants }: ImportBody): Map<string, number> {
  const pairs = new Map<string, number>()
  for (const { user, group } of memberships)
    for (let at: string | null = group; at !== null; at = groups.find(({ name }) => name === at)?.parent ?? null)
      for (const { resource, permission } of grants.filter((grant) => grant.group === at)) {
        const pair = `${user} ${resource}`
        pairs.set(pair, Math.max(pairs.get(pair) ?? 0, LEVELS.indexOf(permission)))
      }
  return pairs
}

describe.skipIf(absent)('the Kubernetes organisation', () => {
  it('has its known size, and one file that is not an organisation', () => {
    const { organisation, organisations, problems, notes } = readPeribolos(FOLDER, { roles: 'teams' })
    expect(problems).toEqual([])
    expect(notes.map(describeFinding)).toEqual([expect.stringMatching(/restrictions\.yaml:1:1: .* skipped$/)])
    expect(organisations).toHaveLength(8)
    expect(organisation?.users).toHaveLength(1509)
    expect(organisation?.groups).toHaveLength(766)
    expect(organisation?.memberships).toHaveLength(3615)
    expect(organisation?.memberships.filter(({ role }) => role === 'maintainer')).toHaveLength(133)
    expect(organisation?.resources).toHaveLength(328)
    expect(organisation?.grants).toHaveLength(631)
  })

  it('lets its users see 1,858 repositories in all, each with the highest of their permissions', () => {
    const { organisation } = readPeribolos(FOLDER, { roles: 'teams' })
    const pairs = visiblePairs(organisation!)
    const counts = Object.fromEntries(
      LEVELS.map((level, i) => [level, [...pairs.values()].filter((held) => held === i).length]),
    )
    expect(counts).toEqual({ admin: 1206, write: 468, triage: 140, maintain: 32, read: 12 })
    expect(pairs.size).toBe(1858)
    expect(new Set([...pairs.keys()].map((pair) => pair.split(' ')[0])).size).toBe(541)
  })

  it('lets every member read every repository of the organisation when its own roles count', () => {
    const { organisation } = readPeribolos(FOLDER, { roles: 'organisation' })
    expect(organisation?.memberships.filter(({ group }) => group.endsWith(':admins'))).toHaveLength(87)
    // Members and admins: the files list none as both.
    expect(organisation?.memberships.filter(({ group }) => !/[/:]/.test(group))).toHaveLength(2579 + 87)
  })
})
