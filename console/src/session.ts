/** The person that is signed in. The token lives in this variable only: closing or reloading the page forgets it. */
import type { Me } from '../../src/client/index.ts'
import { leaveForIssuer, loadConfiguration, returnFromIssuer, type SignInConfiguration } from './oidc.ts'
import { createStore, useStore } from './store.ts'

export type Session =
  | { readonly state: 'signed-out'; readonly why?: string }
  | { readonly state: 'signing-in' }
  | { readonly state: 'signed-in'; readonly token: string; readonly me: Me }

const session = createStore<Session>({ state: 'signed-out' })

export const useSession = (): Session => useStore(session)

export function token(): string | null {
  const current = session.get()
  return current.state === 'signed-in' ? current.token : null
}

export type Role = 'admin' | 'cache-admin'

/** Whether the token carries this role; the service decides; the console only avoids calls that it would refuse. */
export function useRole(role: Role): boolean {
  const current = useSession()
  return current.state === 'signed-in' && current.me.roles.includes(role)
}

export function signOut(why?: string): void {
  session.set({ state: 'signed-out', ...(why !== undefined && { why }) })
}

export async function signIn(given: string): Promise<void> {
  const bearer = given.trim().replace(/^Bearer\s+/i, '')
  session.set({ state: 'signing-in' })
  try {
    const answer = await fetch('/me', { headers: { authorization: `Bearer ${bearer}` } })
    if (answer.status === 401) return signOut('This token was refused: it may have expired, or be of another service.')
    if (!answer.ok) return signOut(`The service could not say who you are (${answer.status}). Try again in a moment.`)
    session.set({ state: 'signed-in', token: bearer, me: (await answer.json()) as Me })
  } catch {
    signOut('The service cannot be reached. Check that it runs, then try again.')
  }
}

/** Back from the issuer, or by the link of the local stack; else the page waits for a token. */
export async function signInOnArrival(): Promise<void> {
  const returning = new URLSearchParams(window.location.search).has('state')
  if (returning) session.set({ state: 'signing-in' })
  const configured = loadConfiguration()
  if (!returning) await signInByLink()
  try {
    await configured
    const granted = await returnFromIssuer()
    if (granted !== null) return await signIn(granted)
    if (returning) signOut()
  } catch (error) {
    if (returning) return signOut(`The sign-in did not succeed: ${messageOf(error)}. Try again.`)
    // Without an answer the page says so when somebody signs in.
  }
}

export async function signInAtIssuer(config: SignInConfiguration): Promise<void> {
  session.set({ state: 'signing-in' })
  await leaveForIssuer(config).catch((error: unknown) =>
    signOut(`${config.issuer} cannot be used: ${messageOf(error)}. Try again in a moment.`),
  )
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** The link of the local stack carries a code that works once, behind the `#`, where no server log sees it. */
async function signInByLink(): Promise<void> {
  const code = /^#code=([\w-]+)$/.exec(window.location.hash)?.[1]
  if (code === undefined) return
  history.replaceState(null, '', window.location.pathname)
  session.set({ state: 'signing-in' })
  try {
    const answer = await fetch('/console/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
    if (!answer.ok) return signOut('This link has been used, or is of an earlier start. `npm start` prints a new one.')
    await signIn(((await answer.json()) as { token: string }).token)
  } catch {
    signOut('The service cannot be reached. Check that it runs, then open the link again.')
  }
}
