/** `import`: organisations in Peribolos YAML; refused with every problem, or sent in one request. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { ImportCounts } from '../../client/index.ts'
import type { ImportCount } from '../../domain/api.ts'
import { UsageError } from '../outcome.ts'
import { describe, type ImportBody, type PeribolosReading, readPeribolos } from '../peribolos/index.ts'
import {
  amounts,
  assertWithin,
  describeSurplus,
  findSurplus,
  remove,
  renameFormerNames,
  type Surplus,
} from '../prune/index.ts'
import { printable, table } from '../table.ts'
import type { Command, Invocation, Output } from './command.ts'
import { END_OPTIONS, givenEnd } from './ends.ts'

/** Longer than the service's limit for an import, so that its answer arrives. */
const TIMEOUT_MS = 310_000
const SIGN_OF_LIFE_MS = 5000
const NOTES_SHOWN = 20
const LISTS = ['users', 'groups', 'memberships', 'resources', 'grants'] as const
/** As in Peribolos itself. */
const PRUNE_MAX = '25%'

const AFTER = [
  'Reads <org>/org.yaml with the teams.yaml files below it, a file with `orgs:`, or a folder of either. Users are the',
  'logins in lower case, groups <org>/<team> and <org>:<repository>:<permission> (its collaborators), resources',
  '<org>/<repository>. All or nothing; importing again changes nothing. What `previously` names is renamed first.',
  '',
  'Without --prune nothing is taken away, and a line says what stays. With it the groups of these organisations become',
  'what the files say: groups, memberships and grants that they do not name go, users and resources stay. The groups',
  'of --org-roles are only looked at with that option.',
  '',
  'The format knows no ends. With --for or --until every membership and grant that the files name ends then, also one',
  'that was there before: for files of access for a while.',
  '',
  'Not taken: privacy and description of teams, roles, and the settings of organisations and repositories.',
].join('\n')

const importOrganisations: Command = {
  words: ['import'],
  summary: 'load organisations from Peribolos YAML',
  takes: ['<file or folder>'],
  options: {
    'org-roles': {
      help: 'also what organisations give without a team: a group <org> of all members and admins with the default_repository_permission, and a group <org>:admins with admin, on every named repository',
    },
    prune: { help: 'remove what the files no longer name' },
    'prune-max': {
      value: '<share>',
      help: `refuse to remove more than this share of the groups, memberships or grants (${PRUNE_MAX})`,
    },
    for: { ...END_OPTIONS.for, help: `every membership and grant of the files ${END_OPTIONS.for.help}` },
    until: {
      ...END_OPTIONS.until,
      help: 'every membership and grant of the files ends then (RFC 3339), or never; without either: as it was',
    },
    'dry-run': { help: 'read and count, change nothing; with --prune: list what would go' },
  },
  after: AFTER,
  async run(invocation) {
    const end = givenEnd(invocation)
    const share = readShare(invocation.text('prune-max') ?? PRUNE_MAX)
    const reading = read(invocation)
    const { organisation } = reading
    const [prune, dryRun] = [invocation.flag('prune'), invocation.flag('dry-run')]
    if (dryRun && !prune) return { json: sizes(organisation), text: describeSizes(organisation) }
    const surplus = await findSurplus(invocation.api, reading, { orgRoles: invocation.flag('org-roles') })
    if (dryRun) return wouldRemove(organisation, surplus, share)
    if (prune) assertWithin(surplus, share)
    await renameFormerNames(invocation.api, reading.renames, surplus, invocation.say)
    const sent = await send(withEnd(organisation, end), invocation)
    if (!prune) return sayingWhatStays(sent, surplus, invocation)
    await remove(invocation.api, surplus, invocation.say)
    return {
      json: { ...(sent.json as object), removed: amounts(surplus) },
      text: [sent.text, describeSurplus(surplus, 'removed')].join('\n'),
    }
  },
}

export const importCommands = [importOrganisations]

type Readable = PeribolosReading & { readonly organisation: ImportBody }

function read(invocation: Invocation): Readable {
  const { say } = invocation
  const from = locate(invocation.argument(0), invocation.env)
  const reading = readFiles(from, invocation.flag('org-roles') ? 'organisation' : 'teams')
  for (const note of reading.notes.slice(0, NOTES_SHOWN)) say(printable(`note: ${describe(note)}`))
  if (reading.notes.length > NOTES_SHOWN) say(`note: … and ${reading.notes.length - NOTES_SHOWN} more notes`)
  const { organisation, problems } = reading
  if (organisation === null) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    throw new UsageError(
      [...problems.map((each) => printable(describe(each))), `${count}; nothing was sent`].join('\n'),
    )
  }
  say(`read ${reading.files} files: ${reading.organisations.length} organisations, ${describeSizes(organisation)}`)
  return { ...reading, organisation }
}

/** npm runs scripts in the project's folder; the path was typed in INIT_CWD. */
function locate(given: string, env: NodeJS.ProcessEnv): string {
  const typedIn = path.resolve(env.INIT_CWD ?? '.', given)
  const found = [given, typedIn].find((each) => existsSync(each) && path.resolve(each) === typedIn) ?? typedIn
  if (!existsSync(found)) throw new UsageError(`there is no ${found}`)
  return found
}

function readFiles(from: string, roles: 'teams' | 'organisation'): PeribolosReading {
  try {
    return readPeribolos(from, { roles })
  } catch (error) {
    throw new UsageError(`${from} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function readShare(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1])
  if (!(percent >= 0 && percent <= 100)) throw new UsageError(`--prune-max ${text} is not a percentage from 0% to 100%`)
  return percent / 100
}

/** The format knows no ends: this end applies to everything that the files name. */
function withEnd(organisation: ImportBody, end: { expiresAt?: string | null }) {
  const { memberships, grants } = organisation
  return {
    ...organisation,
    memberships: memberships.map((each) => ({ ...each, ...end })),
    grants: grants.map((each) => ({ ...each, ...end })),
  }
}

async function send(organisation: ReturnType<typeof withEnd>, { api, say }: Invocation): Promise<Output> {
  say('importing …')
  const startedAt = performance.now()
  const told = setInterval(() => {
    const seconds = Math.round((performance.now() - startedAt) / 1000)
    say(`importing … ${seconds} s (all or nothing; the log of the service says how much is written)`)
  }, SIGN_OF_LIFE_MS)
  const call = await api
    .importOrganisation({ body: organisation }, { timeoutMs: TIMEOUT_MS })
    .finally(() => clearInterval(told))
  const durationMs = Math.round(performance.now() - startedAt)
  const { data: counts, consistencyToken } = call
  return {
    json: { ...counts, durationMs, consistencyToken },
    text: [
      countsTable(counts),
      '',
      `${counts.changed ? 'imported' : 'nothing had changed'} in ${(durationMs / 1000).toFixed(1)} s`,
      `Consistency-Token: ${consistencyToken ?? '-'}`,
    ].join('\n'),
  }
}

function sayingWhatStays(sent: Output, surplus: Surplus, { say }: Invocation): Output {
  const stays = amounts(surplus)
  if (Object.values(stays).some((count) => count > 0))
    say(
      `${describeSurplus(surplus, 'not in the files, and stay')} (--prune takes them away, --prune --dry-run lists them)`,
    )
  return { ...sent, json: { ...(sent.json as object), stays } }
}

function wouldRemove(organisation: ImportBody, surplus: Surplus, share: number): Output {
  const text = [
    describeSizes(organisation),
    ...surplus.renames.map(({ from, to }) => `would rename ${from} to ${to}`),
    ...surplus.groups.map(({ name }) => `would delete the group ${name}`),
    ...surplus.memberships.map(({ group, user }) => `would take ${user} out of ${group}`),
    ...surplus.grants.map(({ group, resource, permission }) => `would take ${permission} on ${resource} from ${group}`),
    describeSurplus(surplus, 'would go'),
  ]
  try {
    assertWithin(surplus, share)
  } catch (error) {
    text.push(`a real run would be refused: ${(error as Error).message}`)
  }
  const { groups, memberships, grants, renames } = surplus
  const named = {
    renames,
    groups: groups.map(({ name }) => name),
    memberships: memberships.map(({ group, user }) => ({ group, user })),
    grants: grants.map(({ group, resource, permission }) => ({ group, resource, permission })),
  }
  return { json: { ...sizes(organisation), wouldRemove: named }, text: text.map(printable).join('\n') }
}

function countsTable(counts: ImportCounts): string {
  const rows = LISTS.map((list) => ({ list, ...counts[list] }))
  const number = (title: keyof ImportCount) =>
    ({ title, value: (row: (typeof rows)[number]) => row[title], align: 'right' }) as const
  return table([{ title: '', value: ({ list }) => list }, number('total'), number('created'), number('updated')], rows)
}

const sizes = (organisation: ImportBody) => Object.fromEntries(LISTS.map((list) => [list, organisation[list].length]))

const describeSizes = (organisation: ImportBody): string =>
  LISTS.map((list) => `${organisation[list].length} ${list}`).join(', ')
