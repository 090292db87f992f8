/** `portcullis import` against the real service: what leaves the files leaves the service when that is asked for, and is named when not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runPortcullis } from '../../src/cli/run-portcullis.ts'
import { type ServedFleet, serveFleet } from '../security/served-fleet.ts'
import { PATIENT } from '../support/service.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

let databaseUrl: string
let fleet: ServedFleet
let folder: string
let org: string

beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fleet = await serveFleet({ databaseUrl, redis: redisEnvironment(), count: 1, environment: PATIENT })
  folder = mkdtempSync(path.join(tmpdir(), 'prune-'))
})
afterAll(async () => {
  await fleet?.close()
  await dropDatabase(databaseUrl)
  rmSync(folder, { recursive: true, force: true })
})

let count = 0
beforeEach(() => {
  org = `acme-${++count}`
})

async function cli(...args: string[]) {
  const token = (await fleet.authorization('root', { roles: ['admin', 'cache-admin'] })).replace('Bearer ', '')
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await runPortcullis(args, {
    env: { INIT_CWD: folder, PORTCULLIS_URL: `http://127.0.0.1:${fleet.instances[0]!.port}`, PORTCULLIS_TOKEN: token },
    fetch,
    print: (text) => void out.push(text),
    say: (text) => void err.push(text),
  })
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}

/** Writes the organisation and imports it. */
async function load(yaml: string, ...options: string[]) {
  writeFileSync(path.join(folder, `${org}.yaml`), yaml)
  return cli('import', `${org}.yaml`, ...options)
}

const members = async (group: string) => {
  const { out } = await cli('members', group, '--all', '--json')
  return (JSON.parse(out) as { data: { userId: string }[] }).data.map(({ userId }) => userId).sort()
}
const names = async (list: string) =>
  (JSON.parse((await cli(list, '--q', org, '--all', '--json')).out) as { data: { name: string }[] }).data
    .map(({ name }) => name)
    .sort()
const seenBy = async (user: string) => {
  const { out } = await cli('users', 'resources', user, '--json')
  return (JSON.parse(out) as { data: { name: string; permission: string }[] }).data
    .filter(({ name }) => name.startsWith(`${org}/`))
    .map(({ name, permission }) => `${name.slice(org.length + 1)} ${permission}`)
}

const BEFORE = `
teams:
  core: {maintainers: [ann], members: [bo, cy], repos: {site: write, docs: read}}
  old: {members: [dee], repos: {site: admin}}
repos: {site: {collaborators: {eve: read}}}
`
const AFTER = `
teams:
  core: {maintainers: [ann], members: [bo, fay], repos: {site: write}}
repos: {site: {}}
`

describe('a person, a team, a grant and a collaborator that left the files', () => {
  it('stay without --prune, and a line says so', async () => {
    await load(BEFORE)
    const { exitCode, err } = await load(AFTER)
    expect(exitCode).toBe(0)
    expect(err).toContain('2 groups, 3 memberships, 3 grants: not in the files, and stay')
    expect(await members(`${org}/core`)).toEqual(['ann', 'bo', 'cy', 'fay'])
    expect(await seenBy('eve')).toEqual(['site read'])
  })

  it('go with --prune, and nothing else does', async () => {
    await load(BEFORE)
    await cli('groups', 'create', `${org}-other/team`)
    const { exitCode, out } = await load(AFTER, '--prune', '--prune-max', '80%')
    expect(exitCode).toBe(0)
    expect(out).toContain('2 groups, 3 memberships, 3 grants: removed')
    expect(await names('groups')).toEqual([`${org}-other/team`, `${org}/core`])
    expect(await members(`${org}/core`)).toEqual(['ann', 'bo', 'fay'])
    expect(await seenBy('ann')).toEqual(['site write'])
    expect(await seenBy('cy')).toEqual([])
    expect(await seenBy('dee')).toEqual([])
    expect(await seenBy('eve')).toEqual([])
    // A maintainer whose list was replaced is one still.
    const { out: roles } = await cli('members', `${org}/core`, '--json')
    expect(roles).toContain('"maintainer"')
  })

  it('are listed by --prune --dry-run, which changes nothing', async () => {
    await load(BEFORE)
    const { out } = await load(AFTER, '--prune', '--dry-run')
    expect(out).toContain(`would delete the group ${org}/old`)
    expect(out).toContain(`would take cy out of ${org}/core`)
    expect(out).toContain(`would take read on ${org}/docs from ${org}/core`)
    expect(out).toContain('a real run would be refused')
    expect(await members(`${org}/core`)).toEqual(['ann', 'bo', 'cy'])
    expect(await names('groups')).toContain(`${org}/old`)
  })

  it('are more than the share that may go: refused, and nothing is sent', async () => {
    await load(BEFORE)
    const { exitCode, err } = await load(AFTER, '--prune')
    expect(exitCode).toBe(2)
    expect(err).toContain('2 of 3 groups would go, 66.7% and more than the 25% that --prune-max allows')
    expect(await members(`${org}/core`)).toEqual(['ann', 'bo', 'cy'])
  })
})

describe('former names', () => {
  it('keep their members, grants and ids under the new name', async () => {
    await load('teams: {makers: {members: [ann], repos: {www: write}}}')
    const before = await cli('groups', 'get', `${org}/makers`, '--json')
    const { err } = await load(
      'repos: {site: {previously: [web, www]}}\nteams: {core: {previously: [makers], members: [ann], repos: {site: write}}}',
      '--prune',
    )
    expect(err).toContain(`renamed ${org}/makers to ${org}/core`)
    expect(err).toContain(`renamed ${org}/www to ${org}/site`)
    const after = await cli('groups', 'get', `${org}/core`, '--json')
    expect(JSON.parse(after.out).id).toBe(JSON.parse(before.out).id)
    expect(await seenBy('ann')).toEqual(['site write'])
    expect(await names('groups')).toEqual([`${org}/core`])
  })

  it('change nothing the second time', async () => {
    const yaml = 'repos: {site: {previously: [www]}}\nteams: {core: {previously: [makers], repos: {site: read}}}'
    await load(yaml)
    const { out, err } = await load(yaml)
    expect(out).toContain('nothing had changed')
    expect(err).not.toContain('renamed')
  })
})

it('groups of the organisation’s own roles are pruned only with --org-roles', async () => {
  const yaml = 'members: [ann, bo]\nadmins: [cy]\ndefault_repository_permission: read\nrepos: {site: {}}'
  await load(yaml, '--org-roles')
  const less = yaml.replace(', bo', '')
  await load(less, '--prune')
  expect(await members(org)).toEqual(['ann', 'bo', 'cy'])
  await load(less, '--org-roles', '--prune')
  expect(await members(org)).toEqual(['ann', 'cy'])
  await cli('groups', 'delete', org, '--yes')
})
