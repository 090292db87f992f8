/** The command line against answers that are given in advance. */
import { type CommandDeps, runPortcullis } from './run-portcullis.ts'

interface Call {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body: unknown
}

/** Runs one command line against answers that are given in advance, in their order. */
export const run = (args: string, ...answers: (Response | Error)[]) => runAt({}, args, ...answers)

/** At a terminal of a certain width, with a person who answers. */
export async function runAt(
  terminal: Pick<CommandDeps, 'ask' | 'width'>,
  args: string,
  ...answers: (Response | Error)[]
) {
  const calls: Call[] = []
  const [out, err]: [string[], string[]] = [[], []]
  const fetch: NonNullable<CommandDeps['fetch']> = async (url, init) => {
    const body = init.body === undefined ? undefined : JSON.parse(String(init.body))
    calls.push({ method: String(init.method), url: String(url), headers: new Headers(init.headers), body })
    // Nobody who answers once is still not there a moment later.
    const answer = answers[0] instanceof Error ? answers[0] : answers.shift()
    if (answer === undefined) throw new Error(`nobody expects a call of ${url}`)
    if (answer instanceof Error) throw answer
    return answer
  }
  const exitCode = await runPortcullis(args.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [], {
    env: { PORTCULLIS_URL: 'https://api.example/base', PORTCULLIS_TOKEN: 'secret-token' },
    fetch,
    ...terminal,
    print: (text) => void out.push(text),
    say: (text) => void err.push(text),
  })
  return {
    exitCode,
    calls,
    out: out.join('\n'),
    err: err.join('\n'),
    request: calls.map(({ method, url }) => `${method} ${url}`),
  }
}

export const answer = (
  body: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
) => new Response(body === null ? null : JSON.stringify(body), { status, headers })
export const nothing = (headers = {}) => new Response(null, { status: 204, headers })
export const problem = (status: number, body: object) =>
  answer(body, { status, headers: { 'content-type': 'application/problem+json', 'x-request-id': 'r-1' } })

export const website = { id: '1', name: 'website', kind: 'repository', permission: 'read', description: null }
export const api = { id: '2', name: 'api', kind: 'repository', permission: 'write', description: 'The API' }
export const UUID = '0195a0de-0000-7000-8000-000000000001'
