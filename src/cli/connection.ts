/** The address of the API and the caller's token: from the arguments, the environment, or the local stack. */
import { readRunningSettings, SettingError } from '../local/settings.ts'
import { createTokenIssuer } from '../local/token-issuer.ts'
import { UsageError } from './outcome.ts'

const LOCAL_TOKEN_TTL_SECONDS = 600
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']

export interface Connection {
  readonly url: URL
  readonly token: string
}

/** @throws UsageError when the address is invalid, or a token is needed and missing */
export async function readConnection(
  options: { readonly url?: string | undefined; readonly token?: string | undefined },
  env: NodeJS.ProcessEnv,
): Promise<Connection> {
  const url = readUrl(options.url || env.PORTCULLIS_URL || localSettings(env).apiUrl)
  const token = options.token || env.PORTCULLIS_TOKEN
  if (token) return { url, token: token.trim() }
  // The local key signs for the local stack alone: elsewhere it would only produce a puzzling 401.
  if (!isLoopback(url))
    throw new UsageError(`${url.origin} needs an access token: set PORTCULLIS_TOKEN, or give --token`)
  return { url, token: await localAdministrator(env) }
}

/** Whether an address is this machine's own, where the local stack runs. */
export const isLoopback = ({ hostname }: URL): boolean => LOOPBACK.includes(hostname)

function readUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${JSON.stringify(text)} is not an http or https address`)
  // A base with a path (an ingress prefix) keeps it: relative paths are resolved below it.
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function localAdministrator(env: NodeJS.ProcessEnv): Promise<string> {
  const issuer = await createTokenIssuer(localSettings(env))
  return issuer.issue({
    subject: 'local-administrator',
    roles: ['admin', 'cache-admin'],
    ttlSeconds: LOCAL_TOKEN_TTL_SECONDS,
  })
}

function localSettings(env: NodeJS.ProcessEnv) {
  try {
    return readRunningSettings(env)
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
