/** From the words on the command line to a command and what it was given. */
import { parseArgs } from 'node:util'
import { CONNECTION_OPTIONS } from '../connection.ts'
import { UsageError } from '../outcome.ts'
import type { Command, Invocation } from './command.ts'
import { helpFor, helpForAll } from './help.ts'

/** Beside the connection, what every command understands. */
const COMMON_OPTIONS = {
  ...CONNECTION_OPTIONS,
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  fresh: { type: 'boolean' },
  'consistency-token': { type: 'string' },
} as const

export type Parsed =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'command'
      readonly command: Command
      readonly given: Omit<Invocation, 'api'>
      readonly json: boolean
      readonly connection: { readonly url: string | undefined; readonly token: string | undefined }
      /** What the common options ask of every call. */
      readonly headers: Readonly<Record<string, string>>
    }

/** @throws UsageError with the help of the command that was meant, as far as that is clear */
export function parseCommandLine(args: readonly string[], commands: readonly Command[]): Parsed {
  const [noun] = args
  if (noun === undefined || noun === 'help' || noun === '--help' || noun === '-h')
    return { kind: 'help', text: helpForAll(commands) }
  const family = commands.filter(({ words }) => words[0] === noun)
  if (family.length === 0)
    throw new UsageError(`there is no command ${JSON.stringify(noun)}\n\n${helpForAll(commands)}`)
  const { command, rest } = choose(family, args.slice(1))
  const { values, positionals } = read(command, rest)
  // `members --help` asks about all of members, `members put --help` about that.
  if (values.help) return { kind: 'help', text: rest.length === args.length - 1 ? helpFor(family) : helpFor([command]) }
  checkArguments(command, positionals)
  return {
    kind: 'command',
    command,
    given: invocationOf(values, positionals),
    json: values.json === true,
    connection: { url: textOf(values.url), token: textOf(values.token) },
    headers: headersOf(values),
  }
}

function choose(family: readonly Command[], rest: readonly string[]): { command: Command; rest: readonly string[] } {
  const byVerb = family.find(({ words }) => words.length === 2 && words[1] === rest[0])
  if (byVerb) return { command: byVerb, rest: rest.slice(1) }
  const byNoun = family.find(({ words, isDefault }) => words.length === 1 || isDefault)
  if (byNoun) return { command: byNoun, rest }
  throw new UsageError(helpFor(family))
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

function read(command: Command, args: readonly string[]): { values: Values; positionals: readonly string[] } {
  const own = Object.entries(command.options).map(
    ([name, { value, many }]) =>
      [name, { type: value ? ('string' as const) : ('boolean' as const), multiple: many ?? false }] as const,
  )
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...COMMON_OPTIONS, ...Object.fromEntries(own) },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${helpFor([command])}`, { cause: error })
  }
}

function checkArguments(command: Command, positionals: readonly string[]): void {
  const needed = command.takes.filter((name) => !name.startsWith('['))
  const missing = needed.slice(positionals.length)
  if (missing.length > 0) throw new UsageError(`missing: ${missing.join(' ')}\n\n${helpFor([command])}`)
  const surplus = positionals.slice(command.takes.length)
  if (surplus.length > 0) throw new UsageError(`too many arguments: ${surplus.join(' ')}\n\n${helpFor([command])}`)
  // An empty segment would address the list instead of an item of it.
  if (positionals.includes('')) throw new UsageError(`an argument is empty\n\n${helpFor([command])}`)
}

function invocationOf(values: Values, positionals: readonly string[]): Omit<Invocation, 'api'> {
  return {
    argument(index) {
      const value = positionals[index]
      if (value === undefined) throw new UsageError('an argument is missing')
      return value
    },
    optionalArgument: (index) => positionals[index],
    text: (option) => textOf(values[option]),
    texts: (option) => [values[option] ?? []].flat().map(String),
    flag: (option) => values[option] === true,
    given: <Name extends string>(...options: readonly Name[]) =>
      Object.fromEntries(
        options.flatMap((option) => {
          const text = textOf(values[option])
          return text === undefined ? [] : [[option, text]]
        }),
      ) as { readonly [name in Name]?: string },
  }
}

function headersOf(values: Values): Record<string, string> {
  const after = textOf(values['consistency-token'])
  return {
    ...(after !== undefined && { 'consistency-token': after }),
    ...(values.fresh === true && { 'cache-control': 'no-cache' }),
  }
}

const textOf = (value: Values[string]): string | undefined => (typeof value === 'string' ? value : undefined)
