/** The address of the API and the caller's token: from the arguments, the environment, or the local stack. */
import { readRunningSettings, SettingError } from '../local/settings.ts'
import { createTokenIssuer } from '../local/token-issuer.ts'
import { isLoopback } from './loopback.ts'
import { UsageError } from './outcome.ts'

const LOCAL_TOKEN_TTL_SECONDS = 600

export interface Given {
  readonly url?: string | undefined
  readonly token?: string | undefined
}

/** @throws UsageError when the address is invalid */
export const readAddress = (given: Given, env: NodeJS.ProcessEnv): URL =>
  readUrl(given.url || env.PORTCULLIS_URL || localSettings(env).apiUrl)

/** @throws UsageError when a token is needed and missing */
export async function readToken(url: URL, given: Given, env: NodeJS.ProcessEnv): Promise<string> {
  const token = given.token || env.PORTCULLIS_TOKEN
  if (token) return token.trim()
  // The local key signs for the local stack alone: elsewhere it would only produce a puzzling 401.
  if (!isLoopback(url))
    throw new UsageError(`${url.origin} needs an access token: set PORTCULLIS_TOKEN, or give --token`)
  return localAdministrator(env)
}

function readUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${JSON.stringify(text)} is not an http or https address`)
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
