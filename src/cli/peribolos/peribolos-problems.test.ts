/** Files that are not an organisation, and files with an invalid one. */
import { symlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { folder, read } from './peribolos.fixture.ts'

describe('files that describe no organisation', () => {
  it('are skipped with a note', () => {
    const { organisation, notes } = read({
      'acme/org.yaml': 'members: [a]',
      'acme/extra.yaml': 'teams: {lost: {}}',
      'restrictions.yaml': 'restrictions: [{path: acme/org.yaml}]',
      'README.md': 'nothing',
      '.git/config.yaml': 'members: [b]',
    })
    expect(organisation?.users).toHaveLength(1)
    expect(organisation?.groups).toEqual([])
    expect(notes).toEqual([
      'acme/extra.yaml:1:1: only org.yaml and teams.yaml count inside the folder of an organisation: skipped',
      'restrictions.yaml:1:1: does not describe an organisation: skipped',
    ])
  })

  it('are a problem when there is nothing else', () => {
    const { organisation, problems } = read({ 'restrictions.yaml': 'restrictions: []' })
    expect(organisation).toBeNull()
    expect(problems).toHaveLength(1)
  })

  it('include links that lead nowhere', () => {
    symlinkSync('/nowhere/at/all.yaml', path.join(folder, 'gone.yaml'))
    expect(read({ 'acme/org.yaml': 'members: [a]' }).notes).toEqual([
      'gone.yaml:1:1: a link that leads to no file: skipped',
    ])
  })
})

describe('malformed input', () => {
  it('shows every problem of every file at once, each where it stands, and yields nothing', () => {
    const { organisation, problems } = read({
      'acme/org.yaml': `admins: root
default_repository_permission: sometimes
members:
- 249043822
- ""
- alice
- true
teams:
  core:
    member: [alice]
    members: {alice: yes}
    repos:
      rocket: push
      engine: 3
  core:
    members: []
  "": {}
  "bell\\u0007": {}
`,
      'acme/more/teams.yaml': 'teams:\n  core: {}\n  list: [a]\nrepos: {}\n',
      'broken/org.yaml': 'teams:\n  x: [a\n  y: }\n',
      'broken/sub/teams.yaml': 'teams: {z: {repos: {r: owner}}}',
      'empty/org.yaml': '',
      'lost/teams.yaml': 'teams: {}',
    })
    expect(organisation).toBeNull()
    const expected: [string, RegExp][] = [
      ['acme/more/teams.yaml:2:3', /acme has a team "core" already, at .*org\.yaml:9:3/],
      ['acme/more/teams.yaml:3:9', /the team "list" must be a mapping of names, not a list/],
      ['acme/more/teams.yaml:4:1', /"repos" does not belong in a teams.yaml/],
      ['acme/org.yaml:1:9', /the admins .* must be a list, not a string/],
      ['acme/org.yaml:2:32', /"sometimes" is not a permission: one of none, read, triage, write, maintain, admin/],
      ['acme/org.yaml:4:3', /must be a string, not a number \(write it in quotes: "249043822"\)/],
      ['acme/org.yaml:5:3', /the login "" .* is empty/],
      ['acme/org.yaml:7:3', /not a boolean \(write it in quotes: "true"\)/],
      ['acme/org.yaml:10:5', /"member" is not a field of a team \(the team "core"\)/],
      ['acme/org.yaml:11:14', /the members of the team "core" must be a list, not a mapping/],
      ['acme/org.yaml:13:15', /"push" is not a permission \(the team "core" on "rocket"\)/],
      ['acme/org.yaml:14:15', /must be a string, not a number/],
      ['acme/org.yaml:15:3', /this name is given twice/],
      ['acme/org.yaml:17:3', /the team name "" is empty/],
      ['acme/org.yaml:18:3', /the team name "bell\\u0007" contains a control character/],
      ['broken/sub/teams.yaml:1:24', /"owner" is not a permission/],
      ['empty/org.yaml:1:1', /the file is empty/],
      ['lost/teams.yaml:1:1', /belongs to no organisation/],
    ]
    const yamlErrors = problems.filter((each) => each.startsWith('broken/org.yaml:'))
    expect(yamlErrors.length).toBeGreaterThan(0)
    for (const each of yamlErrors) expect(each).toMatch(/^broken\/org\.yaml:[23]:\d+: YAML: /)
    const others = problems.filter((each) => !each.startsWith('broken/org.yaml:'))
    for (const [i, [place, message]] of expected.entries()) {
      expect(others[i]).toMatch(message)
      expect(others[i]?.startsWith(`${place}: `), `${others[i]} stands at ${place}`).toBe(true)
    }
    expect(others).toHaveLength(expected.length)
  })

  it.each([
    ['bytes that are not UTF-8', new Uint8Array([0x6d, 0xff, 0x0a]), /1:1: the file cannot be read: it is not UTF-8/],
    ['two documents', 'members: [a]\n---\nmembers: [b]\n', /2:1: the file holds more than one YAML document/],
    ['a list', '- a\n- b\n', /1:1: the organisation "acme" must be a mapping of names, not a list/],
    ['a sentence', 'hello', /1:1: the organisation "acme" must be a mapping of names, not a string/],
    ['a login with a space after it', 'members: ["a "]', /1:11: the login "a " .* begins or ends with a space/],
    ['a very long login', `members: [${'x'.repeat(201)}]`, /1:11: .* is longer than 200 characters/],
    ['a name that is too long with its organisation', `teams: {${'x'.repeat(196)}: }`, /1:9: .* longer than 200/],
    ['a number for a team name', 'teams: {7: {}}', /1:9: a name in teams must be a string, not a number .*"7"/],
    ['an unknown alias', 'members: *nobody', /1:10: YAML: \*nobody refers to nothing above it/],
  ])('%s', (_what, content, expected) => {
    const { organisation, problems } = read({ 'acme/org.yaml': content })
    expect(organisation).toBeNull()
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(expected)
  })

  it('counts a team name once for the whole organisation, at any depth', () => {
    const { problems } = read({ 'acme/org.yaml': 'teams:\n  a:\n    teams:\n      b: {}\n  b: {}\n' })
    expect(problems).toEqual([expect.stringMatching(/^acme\/org\.yaml:5:3: acme has a team "b" already, at .*:4:7$/)])
  })

  it('ends on teams that an alias nests in themselves', () => {
    const { problems } = read({ 'acme/org.yaml': 'teams: &all\n  a:\n    teams: *all\n' })
    expect(problems).toEqual([expect.stringMatching(/acme has a team "a" already/)])
  })

  it('refuses trees deeper than the service keeps', () => {
    const nested = (levels: number) =>
      Array.from({ length: levels }, (_, i) => `${' '.repeat(2 * i)}teams:\n${' '.repeat(2 * i + 1)}t${i}:\n`).join('')
    expect(read({ 'acme/org.yaml': nested(32) }).problems).toEqual([])
    expect(read({ 'acme/org.yaml': nested(33) }).problems).toEqual([
      expect.stringMatching(/the team "t32" is more than 32 levels deep/),
    ])
  })

  it('refuses one organisation from two files', () => {
    const { problems } = read({ 'a/acme/org.yaml': 'members: [a]', 'b/Acme/org.yaml': 'members: [b]' })
    expect(problems).toEqual([
      expect.stringMatching(/^b\/Acme\/org\.yaml:1:1: the organisation "Acme" is described already, at .*a\/acme/),
    ])
  })

  it('is told where to look when a single teams.yaml is given', () => {
    const { problems } = read(
      { 'acme/org.yaml': 'members: [a]', 'acme/tools/teams.yaml': 'teams: {}' },
      { start: 'acme/tools/teams.yaml' },
    )
    expect(problems).toEqual([
      expect.stringMatching(/there is no org\.yaml above it .*; import the folder .*acme instead/),
    ])
  })
})
