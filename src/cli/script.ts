/** What all scripts of the project share: `--help` exits with 0, an invalid argument with 2 and a suggestion. */
import { Command, InvalidArgumentError, Option } from 'commander'

const USAGE_EXIT = 2

/**
 * @param name how the script is called, for its help
 * @returns a program to declare options on; `parse()` ends the process where the arguments cannot be used
 */
export function createScript(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .showHelpAfterError(`\`${name} --help\` lists the options.`)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT))
}

/** An option with a whole number within bounds. */
export function wholeNumber(
  flags: string,
  description: string,
  { lowest = 0, highest = Number.MAX_SAFE_INTEGER }: { readonly lowest?: number; readonly highest?: number } = {},
): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= lowest && value <= highest) return value
    const bounds = highest === Number.MAX_SAFE_INTEGER ? `${lowest} or more` : `${lowest} to ${highest}`
    throw new InvalidArgumentError(`It takes a whole number, ${bounds}.`)
  })
}

/** An option that may be given more than once; with `choices`, one of them each time. */
export function repeatable(flags: string, description: string, choices?: readonly string[]): Option {
  return new Option(flags, `${description}; may be repeated`).argParser((text, earlier: readonly string[] = []) => {
    if (choices && !choices.includes(text)) throw new InvalidArgumentError(`There are: ${choices.join(', ')}.`)
    return [...earlier, text]
  })
}
