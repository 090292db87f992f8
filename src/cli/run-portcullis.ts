/** One run of the CLI: parse, call, print, and an exit code that says how it went. */
import { CommanderError, type Command as Program } from 'commander'
import { type Client, type ClientOptions, createClient } from '../client/index.ts'
import type { Invocation } from './commands/command.ts'
import { commands, FAMILIES } from './commands/index.ts'
import { readAddress, readToken } from './connection.ts'
import { EXIT, reportFailure, UsageError } from './outcome.ts'
import { type CommonOptions, createProgram, type Given } from './program.ts'

export interface CommandDeps {
  readonly env: NodeJS.ProcessEnv
  readonly fetch: NonNullable<ClientOptions['fetch']>
  /** The result, on standard output. */
  readonly print: (text: string) => void
  /** Progress and problems, on standard error. */
  readonly say: (text: string) => void
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: (question: string) => Promise<string>
  /** Columns of the terminal that the result goes to; absent where it goes somewhere else. */
  readonly width?: number | undefined
}

/** @returns the exit code */
export async function runPortcullis(args: readonly string[], deps: CommandDeps): Promise<number> {
  // With an invalid command line the options may not have been parsed.
  const json = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json')
  try {
    const program = createProgram({
      commands,
      families: FAMILIES,
      name: deps.env.npm_lifecycle_event === 'cli' ? 'npm run cli --' : 'portcullis',
      print: deps.print,
      helpWidth: deps.width,
      run: (given) => runCommand(given, deps),
    })
    await addCompletions(program, args[0])
    await program.parseAsync(wordsOf(args), { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    return reportFailure(error, deps.say, json ? 'json' : 'text')
  }
}

/** Their library is loaded when they are asked for; the help names them always. */
async function addCompletions(program: Program, noun: string | undefined): Promise<void> {
  if (noun === 'complete') (await import('@bomb.sh/tab/commander')).default(program.name('portcullis'))
  else program.command('complete [shell]').description('a completion script for bash, zsh, fish or powershell')
}

/** Without a command commander would show the help as an error. */
const wordsOf = (args: readonly string[]): string[] =>
  args.length === 0 || (args.length === 1 && args[0] === 'help') ? ['--help'] : [...args]

async function runCommand({ command, given, common }: Given, deps: CommandDeps): Promise<void> {
  const invocation: Invocation = {
    ...given,
    api: apiOf(common, deps),
    say: deps.say,
    env: deps.env,
    width: deps.width,
    json: common.json,
    async confirm(consequence) {
      const answer = common.json ? undefined : await deps.ask?.(`${consequence}. Go on? [y/N] `)
      if (answer === undefined) throw new UsageError(`${consequence}; nothing was sent: --yes does it without asking`)
      if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('nothing was sent')
    },
  }
  const { json, text, aside } = await command.run(invocation)
  deps.print(common.json ? JSON.stringify(json, null, 2) : text)
  if (aside !== undefined && !common.json) deps.say(aside)
}

/** The token is looked up by the first call: a command without calls, such as a dry run, needs none. */
function apiOf(common: CommonOptions, deps: CommandDeps): Client {
  const baseUrl = readAddress(common, deps.env)
  let token: Promise<string> | undefined
  return createClient({
    baseUrl,
    token() {
      token ??= readToken(baseUrl, common, deps.env)
      return token
    },
    fetch: deps.fetch,
    ...(common.consistencyToken !== undefined && { consistencyToken: common.consistencyToken }),
    ...(common.fresh && { headers: { 'cache-control': 'no-cache' } }),
  })
}
