/** The help: all commands in one screen, or one of them with its options. */
import { CONNECTION_HELP } from '../connection.ts'
import type { Command } from './command.ts'

const COMMON_HELP = [
  '  --json                       the answer as JSON, for scripts',
  '  --fresh                      do not answer from the cache',
  '  --consistency-token <token>  answer with at least this change in it',
  '  --help                       of a command',
]

const EXIT_CODES = 'Exit codes: 0 done, 1 refused by the service, 2 wrong usage, 3 unreachable.'

const REFERENCES = [
  'Groups and resources are given by name or by uuid; by name:<name> where a name looks like a uuid.',
  'Users are given by id. What begins with a dash goes after `--`.',
]

export function helpForAll(commands: readonly Command[]): string {
  const lines = [...commands.map((command) => [usageOf(command), command.summary] as const), IMPORT]
  const width = Math.max(...lines.map(([usage]) => usage.length))
  return [
    'usage: portcullis <command> [arguments] [options]',
    '',
    ...lines.map(([usage, summary]) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    ...REFERENCES,
    '',
    ...COMMON_HELP,
    ...CONNECTION_HELP,
    '',
    EXIT_CODES,
  ].join('\n')
}

const IMPORT = ['import <file or folder>', 'load organisations from Peribolos YAML'] as const

/** Of one command, or of all that share a first word. */
export function helpFor(commands: readonly Command[]): string {
  return [
    ...commands.flatMap((command) => [
      `usage: portcullis ${usageOf(command)}${Object.keys(command.options).length > 0 ? ' [options]' : ''}`,
      `  ${command.summary}`,
      ...optionsOf(command),
      '',
    ]),
    ...COMMON_HELP,
    ...CONNECTION_HELP,
  ].join('\n')
}

function usageOf({ words: [noun, verb], isDefault, takes }: Command): string {
  const second = verb === undefined ? [] : [isDefault ? `[${verb}]` : verb]
  return [noun, ...second, ...takes].join(' ')
}

function optionsOf({ options }: Command): string[] {
  const named = Object.entries(options).map(([name, { value, many, help }]) => ({
    usage: `--${name}${value ? ` ${value}` : ''}`,
    help: many ? `${help} (may be repeated)` : help,
  }))
  const width = Math.max(0, ...named.map(({ usage }) => usage.length))
  return named.map(({ usage, help }) => `  ${usage.padEnd(width)}  ${help}`)
}
