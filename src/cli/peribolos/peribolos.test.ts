import { describe, expect, it } from 'vitest'
import { read } from './peribolos.fixture.ts'

describe('an organisation in Peribolos YAML', () => {
  it('becomes users, groups, memberships, resources and grants', () => {
    const { organisation, problems, notes } = read({
      'acme/org.yaml': `
name: The Acme Company
admins: [Root]
members: [Alice, bob, "249043822"]
default_repository_permission: read
teams:
  builders:
    description: They build
    privacy: closed
    previously: [makers]
    maintainers: [ALICE]
    members: [Bob]
    repos: {rocket: write}
    teams:
      registry.acme.io/welders:
        members: null
        repos: {torch: admin, rocket: maintain}
`,
    })
    expect(problems).toEqual([])
    expect(notes).toEqual([])
    expect(organisation).toEqual({
      users: [
        { id: 'root', displayName: 'Root' },
        { id: 'alice', displayName: 'Alice' },
        { id: 'bob', displayName: 'bob' },
        { id: '249043822', displayName: '249043822' },
      ],
      groups: [
        { name: 'acme/builders', parent: null },
        { name: 'acme/registry.acme.io/welders', parent: 'acme/builders' },
      ],
      memberships: [
        { group: 'acme/builders', user: 'alice', role: 'maintainer' },
        { group: 'acme/builders', user: 'bob', role: 'member' },
      ],
      resources: [
        { name: 'acme/rocket', kind: 'repository' },
        { name: 'acme/torch', kind: 'repository' },
      ],
      grants: [
        { group: 'acme/builders', resource: 'acme/rocket', permission: 'write' },
        { group: 'acme/registry.acme.io/welders', resource: 'acme/torch', permission: 'admin' },
        { group: 'acme/registry.acme.io/welders', resource: 'acme/rocket', permission: 'maintain' },
      ],
    })
  })

  it('is named after its folder and takes the teams of every teams.yaml below it', () => {
    const { organisation, organisations } = read({
      'acme/org.yaml': 'name: Something Else\nteams: {core: {members: [a]}}',
      'acme/tools/teams.yaml': 'teams: {hammers: {members: [b]}}',
      'acme/deep/down/teams.yml': 'teams: {saws: {}}',
      'other/org.yaml': 'teams: {core: {members: [c]}}',
    })
    expect(organisations).toEqual(['acme', 'other'])
    expect(organisation?.groups.map(({ name }) => name)).toEqual([
      'acme/core',
      'acme/saws',
      'acme/hammers',
      'other/core',
    ])
    expect(organisation?.memberships.find(({ user }) => user === 'c')?.group).toBe('other/core')
  })

  it('may be a file of its own, named after the file, or one of several under orgs', () => {
    expect(read({ 'acme.yaml': 'teams: {core: }' }, { start: 'acme.yaml' }).organisation?.groups).toEqual([
      { name: 'acme/core', parent: null },
    ])
    const merged = read({ 'all.yaml': 'orgs: {one: {teams: {core: }}, two: {members: [A]}}' }, { start: 'all.yaml' })
    expect(merged.organisations).toEqual(['one', 'two'])
  })

  it('lists repositories of its own beside those that teams name', () => {
    const { organisation } = read({
      'acme/org.yaml':
        'repos: {alone: {description: By itself, private: true}, shared: }\nteams: {t: {repos: {shared: read}}}',
    })
    expect(organisation?.resources).toEqual([
      { name: 'acme/shared', kind: 'repository' },
      { name: 'acme/alone', kind: 'repository', description: 'By itself' },
    ])
  })

  it('may repeat lists by alias', () => {
    const { organisation } = read({ 'acme/org.yaml': 'members: &all [a, b]\nteams: {t: {members: *all}}' })
    expect(organisation?.memberships).toHaveLength(2)
  })
})

describe('the format in full', () => {
  it('gives the collaborators of a repository their access, by a group for each level', () => {
    const { organisation, problems, notes } = read({
      'acme/org.yaml': 'repos: {site: {collaborators: {Ann: write, bo: write, cy: read, dee: none}}}',
    })
    expect([problems, notes]).toEqual([[], []])
    expect(organisation).toEqual({
      users: [
        { id: 'ann', displayName: 'Ann' },
        { id: 'bo', displayName: 'bo' },
        { id: 'cy', displayName: 'cy' },
      ],
      groups: [
        { name: 'acme:site:write', parent: null },
        { name: 'acme:site:read', parent: null },
      ],
      memberships: [
        { group: 'acme:site:write', user: 'ann', role: 'member' },
        { group: 'acme:site:write', user: 'bo', role: 'member' },
        { group: 'acme:site:read', user: 'cy', role: 'member' },
      ],
      resources: [{ name: 'acme/site', kind: 'repository' }],
      grants: [
        { group: 'acme:site:write', resource: 'acme/site', permission: 'write' },
        { group: 'acme:site:read', resource: 'acme/site', permission: 'read' },
      ],
    })
  })

  it('takes none as a level: the repository is named and nothing is given', () => {
    const { organisation, problems } = read({ 'acme/org.yaml': 'teams: {core: {repos: {site: none}}}' })
    expect(problems).toEqual([])
    expect(organisation?.resources).toEqual([{ name: 'acme/site', kind: 'repository' }])
    expect(organisation?.grants).toEqual([])
  })

  it('merges what << names, and the mapping’s own fields win', () => {
    const { organisation, problems } = read({
      'orgs.yaml': `
common: &common {members: [ann], repos: {site: read, docs: write}}
more: &more {maintainers: [bo]}
orgs:
  acme:
    teams:
      one: {<<: *common, members: [cy]}
      two:
        <<: [*more, *common]
        repos: {<<: {site: admin}, site: triage}
      "three": {"<<": x}
`,
    })
    expect(problems).toEqual([expect.stringContaining('"<<" is not a field of a team (the team "three")')])
    expect(organisation).toBeNull()
    const good = read({
      'orgs.yaml': `
common: &common {members: [ann], repos: {site: read, docs: write}}
more: &more {maintainers: [bo]}
orgs:
  acme:
    teams:
      one: {<<: *common, members: [cy]}
      two: {<<: [*more, *common], repos: {<<: {site: admin}, site: triage}}
`,
    })
    expect(good.problems).toEqual([])
    expect(good.organisation?.memberships).toEqual([
      { group: 'acme/one', user: 'cy', role: 'member' },
      { group: 'acme/two', user: 'bo', role: 'maintainer' },
      { group: 'acme/two', user: 'ann', role: 'member' },
    ])
    expect(good.organisation?.grants).toEqual([
      { group: 'acme/one', resource: 'acme/site', permission: 'read' },
      { group: 'acme/one', resource: 'acme/docs', permission: 'write' },
      { group: 'acme/two', resource: 'acme/site', permission: 'triage' },
    ])
  })

  it('refuses << of what is not a mapping, and ends on a mapping that merges itself', () => {
    const { problems } = read({ 'acme/org.yaml': 'teams: {one: {<<: 7}, two: &two {<<: *two}}' })
    expect(problems.filter((each) => each.includes('<< takes a mapping'))).toHaveLength(2)
  })

  it('counts two spellings of one repository as one, as the organisation’s own list spells it', () => {
    const { organisation, notes } = read({
      'acme/org.yaml': 'repos: {Site: {}}\nteams: {one: {repos: {site: read}}, two: {repos: {SITE: write}}}',
    })
    expect(organisation?.resources).toEqual([{ name: 'acme/Site', kind: 'repository' }])
    expect(organisation?.grants).toEqual([
      { group: 'acme/one', resource: 'acme/Site', permission: 'read' },
      { group: 'acme/two', resource: 'acme/Site', permission: 'write' },
    ])
    expect(notes).toHaveLength(2)
  })

  it('knows the former names of teams and repositories', () => {
    const { organisation, renames, problems } = read({
      'acme/org.yaml':
        'repos: {site: {previously: [www, Web]}}\nteams: {core: {previously: [makers], repos: {web: read}}}',
    })
    expect(problems).toEqual([])
    expect(renames).toEqual({
      groups: [{ to: 'acme/core', from: ['acme/makers'] }],
      resources: [{ to: 'acme/site', from: ['acme/www', 'acme/Web'] }],
    })
    // A team that still names the repository by a former name means this one.
    expect(organisation?.grants).toEqual([{ group: 'acme/core', resource: 'acme/site', permission: 'read' }])
  })

  it.each([
    ['a former name that a team has', 'teams: {a: {previously: [b]}, b: {}}', 'has a team "b" already'],
    ['a team in two spellings', 'teams: {core: {}, Core: {}}', 'has a team "Core" already'],
    ['a former name that a repository has', 'repos: {a: {previously: [B]}, b: {}}', 'repository "b" is there already'],
    ['two spellings in one list', 'repos: {a: {}, A: {}}', 'repository "A" is there already'],
    ['two spellings in one team', 'teams: {t: {repos: {a: read, A: write}}}', 'has the repository "a" twice'],
    ['a misspelt field', 'repos: {a: {colaborators: {}}}', '"colaborators" is not a field of a repository'],
    ['one collaborator twice', 'repos: {a: {collaborators: {x: read, X: admin}}}', 'the collaborator "x" twice'],
    ['no level', 'repos: {a: {collaborators: {x: owner}}}', '"owner" is not a permission'],
    ['no privacy', 'teams: {t: {privacy: open}}', '"open" is not a privacy setting'],
    [
      'former names that are not a list',
      'teams: {t: {previously: b}}',
      'the former names of the team "t" must be a list',
    ],
  ])('refuses %s', (_what, yaml, message) => {
    const { organisation, problems } = read({ 'acme/org.yaml': yaml })
    expect(organisation).toBeNull()
    expect(problems.join()).toContain(message)
  })

  it('names what is not taken', () => {
    const { notes } = read({ 'acme/org.yaml': 'members: [a]\nroles: {security: {users: [a]}}' })
    expect(notes).toEqual([expect.stringContaining('the organisation roles of the organisation "acme" are not taken')])
  })
})

describe('the roles of the organisation itself', () => {
  const files = {
    'acme/org.yaml':
      'default_repository_permission: triage\nadmins: [root]\nmembers: [a]\nteams: {t: {members: [b], repos: {r: write}}}',
  }

  it('count only when asked for', () => {
    expect(read(files).organisation?.groups.map(({ name }) => name)).toEqual(['acme/t'])
  })

  it('become a group of all members and admins and a group of the admins, on every named repository', () => {
    const { organisation } = read(files, { roles: 'organisation' })
    expect(organisation?.groups.map(({ name }) => name)).toEqual(['acme/t', 'acme', 'acme:admins'])
    expect(organisation?.memberships.filter(({ group }) => group !== 'acme/t')).toEqual([
      { group: 'acme', user: 'root', role: 'member' },
      { group: 'acme', user: 'a', role: 'member' },
      { group: 'acme:admins', user: 'root', role: 'member' },
    ])
    expect(organisation?.grants.slice(1)).toEqual([
      { group: 'acme', resource: 'acme/r', permission: 'triage' },
      { group: 'acme:admins', resource: 'acme/r', permission: 'admin' },
    ])
  })

  it('give members nothing where the default is none or is not said', () => {
    for (const level of ['none', 'null']) {
      const { organisation } = read(
        { 'acme/org.yaml': `default_repository_permission: ${level}\nmembers: [a]\nteams: {t: {repos: {r: read}}}` },
        { roles: 'organisation' },
      )
      expect(organisation?.grants.filter(({ group }) => group === 'acme')).toEqual([])
    }
  })
})

describe('logins', () => {
  it('that differ in case only are one user, shown as first written', () => {
    const { organisation, notes, problems } = read({
      'acme/org.yaml': 'members: [BenTheElder]\nteams:\n  t:\n    members: [bentheelder, BENTHEELDER]',
    })
    expect(problems).toEqual([])
    expect(organisation?.users).toEqual([{ id: 'bentheelder', displayName: 'BenTheElder' }])
    expect(organisation?.memberships).toHaveLength(1)
    expect(notes).toEqual([
      'acme/org.yaml:4:28: "BENTHEELDER" is in the members of the team "t" already (as "bentheelder"): counted once',
    ])
  })

  it('that are member and maintainer of one team are maintainers', () => {
    const { organisation, notes } = read({ 'acme/org.yaml': 'teams:\n  t: {members: [Ann, bo], maintainers: [ann]}' })
    expect(organisation?.memberships).toEqual([
      { group: 'acme/t', user: 'ann', role: 'maintainer' },
      { group: 'acme/t', user: 'bo', role: 'member' },
    ])
    expect(notes).toEqual(['acme/org.yaml:2:3: "Ann" is member and maintainer of the team "t": counted as maintainer'])
  })
})
