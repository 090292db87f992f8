/** One run of the CLI: parse, call, print, and an exit code that says how it went. */
import { type ApiClient, createApiClient } from './api-client.ts'
import { commands } from './commands/index.ts'
import { parseCommandLine } from './commands/parse.ts'
import { readConnection } from './connection.ts'
import { type CommandDeps, runImport } from './import-command.ts'
import { EXIT, reportFailure } from './outcome.ts'

/** @returns the exit code */
export async function runPortcullis(args: readonly string[], deps: CommandDeps): Promise<number> {
  if (args[0] === 'import') return runImport(args.slice(1), deps)
  try {
    const parsed = parseCommandLine(args, commands)
    if (parsed.kind === 'help') {
      deps.print(parsed.text)
      return EXIT.ok
    }
    const connection = await readConnection(parsed.connection, deps.env)
    const api = withHeaders(createApiClient({ ...connection, fetch: deps.fetch }), parsed.headers)
    const { json, text, aside } = await parsed.command.run({ ...parsed.given, api })
    deps.print(parsed.json ? JSON.stringify(json, null, 2) : text)
    if (aside !== undefined && !parsed.json) deps.say(aside)
    return EXIT.ok
  } catch (error) {
    return reportFailure(error, deps.say)
  }
}

const withHeaders = (api: ApiClient, headers: Readonly<Record<string, string>>): ApiClient => ({
  call: (call) => api.call({ ...call, headers: { ...headers, ...call.headers } }),
})
