/** The import: read everything, refuse it with every problem or send it in one request. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { ImportCount, ImportCounts, OrganisationImport } from '../domain/api.ts'
import { createApiClient } from './api-client.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'
import { EXIT, reportFailure, UsageError } from './outcome.ts'
import { describe, type PeribolosReading, readPeribolos } from './peribolos/index.ts'
import { printable, table } from './table.ts'

/** Longer than the service allows itself for an import, so that its answer arrives. */
const PATIENCE_MS = 310_000
const NOTES_SHOWN = 20
const LISTS = ['users', 'groups', 'memberships', 'resources', 'grants'] as const

const HELP = [
  'usage: npm run import -- <file or folder> [options]',
  '',
  'Loads organisations from Peribolos YAML: <org>/org.yaml with the teams.yaml files below it, a file with `orgs:`,',
  'or a folder of either. Users are the logins in lower case, groups <org>/<team>, resources <org>/<repository>.',
  'All or nothing; importing again changes nothing. What is no longer in the files is not deleted.',
  '',
  '  --org-roles      also what organisations give without a team: a group <org> of all members and admins with the',
  '                   default_repository_permission, and a group <org>:admins with admin, on every named repository',
  '  --dry-run        read and count, send nothing',
  '  --json           print the result as JSON',
  ...CONNECTION_HELP,
  '',
  'Exit codes: 0 done, 1 refused by the service, 2 wrong arguments or problems in the files, 3 unreachable.',
].join('\n')

export interface CommandDeps {
  readonly env: NodeJS.ProcessEnv
  readonly fetch: typeof fetch
  /** The result, on standard output. */
  readonly print: (text: string) => void
  /** Progress and problems, on standard error. */
  readonly say: (text: string) => void
}

/** @returns the exit code */
export async function runImport(args: readonly string[], deps: CommandDeps): Promise<number> {
  try {
    const request = readRequest(args, deps.env)
    if (request === 'help') {
      deps.print(HELP)
      return EXIT.ok
    }
    const organisation = read(request, deps)
    if (request.dryRun) deps.print(request.json ? JSON.stringify(sizes(organisation)) : describeSizes(organisation))
    else await send(organisation, request, deps)
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, deps.say)
  }
}

type Request = Exclude<ReturnType<typeof readRequest>, 'help'>

function readRequest(args: readonly string[], env: NodeJS.ProcessEnv) {
  const { values, positionals } = parse(args)
  if (values.help) return 'help' as const
  const [given] = positionals
  if (given === undefined || positionals.length > 1) throw new UsageError(HELP)
  return {
    path: locate(given, env),
    roles: values['org-roles'] ? ('organisation' as const) : ('teams' as const),
    dryRun: values['dry-run'],
    json: values.json,
    connection: { url: values.url, token: values.token },
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...CONNECTION_OPTIONS,
        'org-roles': { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${HELP}`, { cause: error })
  }
}

/** npm runs scripts in the project's folder; the path was typed in INIT_CWD. */
function locate(given: string, env: NodeJS.ProcessEnv): string {
  const typedIn = path.resolve(env.INIT_CWD ?? '.', given)
  const found = [given, typedIn].find((each) => existsSync(each) && path.resolve(each) === typedIn) ?? typedIn
  if (!existsSync(found)) throw new UsageError(`there is no ${found}`)
  return found
}

function read({ path: from, roles }: Request, { say }: CommandDeps): OrganisationImport {
  const reading = readFiles(from, roles)
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
  return organisation
}

function readFiles(from: string, roles: Request['roles']): PeribolosReading {
  try {
    return readPeribolos(from, { roles })
  } catch (error) {
    throw new UsageError(`${from} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

async function send(organisation: OrganisationImport, request: Request, deps: CommandDeps): Promise<void> {
  const connection = await readConnection(request.connection, deps.env)
  deps.say(`importing into ${connection.url.origin} …`)
  const startedAt = performance.now()
  const { body, headers } = await createApiClient({ ...connection, fetch: deps.fetch }).call({
    method: 'POST',
    path: '/import',
    body: organisation,
    timeoutMs: PATIENCE_MS,
  })
  const durationMs = Math.round(performance.now() - startedAt)
  const counts = body as ImportCounts
  const consistencyToken = headers.get('consistency-token')
  deps.print(
    request.json
      ? JSON.stringify({ ...counts, durationMs, consistencyToken })
      : [
          countsTable(counts),
          '',
          `${counts.changed ? 'imported' : 'nothing had changed'} in ${(durationMs / 1000).toFixed(1)} s`,
          `Consistency-Token: ${consistencyToken ?? '-'}`,
        ].join('\n'),
  )
}

function countsTable(counts: ImportCounts): string {
  const rows = LISTS.map((list) => ({ list, ...counts[list] }))
  const number = (title: keyof ImportCount) =>
    ({ title, value: (row: (typeof rows)[number]) => row[title], align: 'right' }) as const
  return table([{ title: '', value: ({ list }) => list }, number('total'), number('created'), number('updated')], rows)
}

const sizes = (organisation: OrganisationImport) =>
  Object.fromEntries(LISTS.map((list) => [list, organisation[list].length]))

const describeSizes = (organisation: OrganisationImport): string =>
  LISTS.map((list) => `${organisation[list].length} ${list}`).join(', ')
