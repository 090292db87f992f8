/** The commands as a commander program: arguments, help, suggestions, and what completions offer. */
import { Argument, Command as Commander, CommanderError, Option } from 'commander'
import leven from 'leven'
import type { Command, Invocation } from './commands/command.ts'
import { UsageError } from './outcome.ts'

export interface Given {
  readonly command: Command
  readonly given: Pick<Invocation, 'argument' | 'optionalArgument' | 'text' | 'texts' | 'flag' | 'given'>
  readonly common: CommonOptions
}

export interface CommonOptions {
  readonly json: boolean
  readonly url: string | undefined
  readonly token: string | undefined
  readonly fresh: boolean
  readonly consistencyToken: string | undefined
}

interface ProgramDeps {
  readonly commands: readonly Command[]
  /** The summary of a first word that several commands share. */
  readonly families: Readonly<Record<string, string>>
  /** The name that the person typed. */
  readonly name: string
  readonly print: (text: string) => void
  readonly run: (given: Given) => Promise<void>
  readonly helpWidth: number | undefined
}

const AFTER_HELP = `
Groups and resources are given by name or by uuid; by name:<name> where a name looks like a uuid.
Users are given by id. Arguments that begin with a dash go after \`--\`.

Exit codes: 0 done, 1 refused by the service, 2 wrong usage, 3 unreachable.`

type Values = Readonly<Record<string, unknown>>

export function createProgram(deps: ProgramDeps): Commander {
  const program = new Commander(deps.name)
    .description('The API for people.')
    .configureOutput({
      writeOut: (text) => deps.print(text.trimEnd()),
      outputError: () => {},
      ...(deps.helpWidth !== undefined && { getOutHelpWidth: () => deps.helpWidth ?? 80 }),
    })
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'the answer as JSON, for scripts; errors too')
    .option('--fresh', 'do not answer from the cache')
    .option('--consistency-token <token>', 'answer with at least this change in it')
    .option('--url <url>', 'the API (else PORTCULLIS_URL, else the local stack)')
    .option(
      '--token <token>',
      'an access token (else PORTCULLIS_TOKEN, else an administrator of the local stack); prefer the variable: arguments are visible to other users of the machine',
    )
    .addHelpText('after', AFTER_HELP)
  guideErrors(program)
  for (const [noun, family] of Map.groupBy(deps.commands, ({ words }) => words[0]))
    addFamily(program, noun, family, deps)
  return program
}

function addFamily(program: Commander, noun: string, family: readonly Command[], deps: ProgramDeps): void {
  const [only] = family
  if (only?.words.length === 1) {
    add(program, noun, only, deps)
    return
  }
  const parent = program.command(noun).description(deps.families[noun] ?? '')
  guideErrors(parent)
  for (const command of family) add(parent, command.words[1] ?? noun, command, deps)
}

function add(parent: Commander, name: string, command: Command, deps: ProgramDeps): void {
  const added = parent.command(name, { isDefault: command.isDefault === true }).description(command.summary)
  for (const [place, written] of command.takes.entries()) {
    const argument = new Argument(written)
    const choices = command.choices?.[place]
    added.addArgument(choices === undefined ? argument : argument.choices(choices))
  }
  for (const [option, { value, many, help, choices }] of Object.entries(command.options)) {
    const spec = new Option(`--${option}${value ? ` ${value}` : ''}`, many ? `${help} (may be repeated)` : help)
    if (choices) spec.choices(choices)
    if (many) spec.argParser((text: string, earlier: readonly string[] = []) => [...earlier, text])
    added.addOption(spec)
  }
  if (command.after !== undefined) added.addHelpText('after', `\n${command.after}`)
  guideErrors(added)
  added.action(() => deps.run(givenTo(command, added)))
}

/** Errors become ours: they say where to read more, and suggest what was most likely meant. */
function guideErrors(command: Commander): void {
  command.exitOverride((error) => {
    if (error.exitCode === 0) throw error
    // Options without a command: the help has been shown.
    if (error.code === 'commander.help') throw new CommanderError(0, error.code, error.message)
    throw new UsageError(explain(error, command), { cause: error })
  })
}

function explain(error: CommanderError, command: Commander): string {
  const message = error.message.replace(/^error: /, '')
  const meant = error.code === 'commander.excessArguments' ? verbMeant(command) : undefined
  return [
    message,
    ...(meant === undefined ? [] : [`(Did you mean ${meant}?)`]),
    `\`${pathOf(meant === undefined ? command : (command.parent ?? command))} --help\` lists the options.`,
  ].join('\n')
}

/** `members remve team alice` reaches the default verb with an argument too many. */
function verbMeant(command: Commander): string | undefined {
  const word = command.args[0]
  const verbs = command.parent?.parent ? command.parent.commands.map((verb) => verb.name()) : []
  return word === undefined ? undefined : verbs.find((verb) => leven(verb, word) <= 2)
}

const pathOf = (command: Commander): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`

function givenTo(command: Command, parsed: Commander): Given {
  const values = parsed.opts<Values>()
  const common = parsed.optsWithGlobals<Values>()
  // An empty segment would address the list instead of an item of it.
  if (parsed.args.includes(''))
    throw new UsageError(`an argument is empty\n\`${pathOf(parsed)} --help\` lists the options.`)
  const givenValue = (option: string) => values[camelCase(option)]
  const text = (option: string) => textOf(givenValue(option))
  return {
    command,
    given: {
      argument(index) {
        const value = parsed.args[index]
        if (value === undefined) throw new UsageError('an argument is missing')
        return value
      },
      optionalArgument: (index) => parsed.args[index],
      text,
      texts: (option) => [givenValue(option) ?? []].flat().map(String),
      flag: (option) => givenValue(option) === true,
      given: <Name extends string>(...options: readonly Name[]) =>
        Object.fromEntries(
          options.flatMap((option) => (text(option) === undefined ? [] : [[option, text(option)]])),
        ) as { readonly [name in Name]?: string },
    },
    common: {
      json: common.json === true,
      url: textOf(common.url),
      token: textOf(common.token),
      fresh: common.fresh === true,
      consistencyToken: textOf(common.consistencyToken),
    },
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** As commander names the values of options. */
const camelCase = (option: string): string => option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
