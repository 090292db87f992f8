/** What a command of the CLI is: its words, what it takes, and what it does with the API. */
import type { ApiClient } from '../api-client.ts'

export interface OptionSpec {
  /** What the value is called in the help; a flag has none. */
  readonly value?: string
  /** May be given more than once. */
  readonly many?: true
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
  readonly options: Readonly<Record<string, OptionSpec>>
  run(invocation: Invocation): Promise<Output>
}

export interface Invocation {
  /** Sends with every call what the common options ask for. */
  readonly api: ApiClient
  argument(index: number): string
  optionalArgument(index: number): string | undefined
  text(option: string): string | undefined
  texts(option: string): readonly string[]
  flag(option: string): boolean
  /** The values of these options as they are named, those that were given. */
  given<Name extends string>(...options: readonly Name[]): { readonly [name in Name]?: string }
}

export interface Output {
  /** For `--json`. */
  readonly json: unknown
  /** For people. */
  readonly text: string
  /** Said beside the result, on standard error. */
  readonly aside?: string
}
