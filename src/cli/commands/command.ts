/** A command of the CLI: its words, its arguments and options, and its calls to the API. */
import type { Client } from '../../client/index.ts'

export interface OptionSpec {
  /** What the value is called in the help; a flag has none. */
  readonly value?: string
  /** May be given more than once. */
  readonly many?: true
  /** The only values it takes; also what completions offer. */
  readonly choices?: readonly string[]
  readonly help: string
}

export interface Command {
  /** `['resources', 'create']`; the second word may be left out where `isDefault`. */
  readonly words: readonly [string] | readonly [string, string]
  /** Answers to the first word alone. */
  readonly isDefault?: true
  readonly summary: string
  /** Positional arguments, all needed, as the help shows them; one in square brackets may be left out. */
  readonly takes: readonly string[]
  /** Of arguments that take one of a few values, by their place. */
  readonly choices?: Readonly<Record<number, readonly string[]>>
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Additional text of its help. */
  readonly after?: string
  run(invocation: Invocation): Promise<Output>
}

export interface Invocation {
  /** Sends with every call what the common options ask for; the token is looked up by the first. */
  readonly api: Client
  /** Progress, on standard error. */
  say(text: string): void
  /** As the command was started; where it says nothing else, relative paths are below `INIT_CWD`. */
  readonly env: NodeJS.ProcessEnv
  /** Columns of the terminal; undefined where the output goes somewhere else. */
  readonly width: number | undefined
  /** Whether a person reads the result, or a script. */
  readonly json: boolean
  /**
   * Asks for confirmation of what cannot be undone, unless `--yes` was given.
   * @throws UsageError when the answer is no, or there is nobody to ask
   */
  confirm(consequence: string): Promise<void>
  argument(index: number): string
  optionalArgument(index: number): string | undefined
  text(option: string): string | undefined
  texts(option: string): readonly string[]
  flag(option: string): boolean
  /** The given values of these options, by name. */
  given<Name extends string>(...options: readonly Name[]): { readonly [name in Name]?: string }
}

export interface Output {
  /** For `--json`. */
  readonly json: unknown
  /** For people. */
  readonly text: string
  /** Printed besides the result, on standard error. */
  readonly aside?: string
}
