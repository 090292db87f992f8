/** The process as it is deployed, configured with nothing but the names of two real OpenID providers. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { waitUntil } from '../../src/local/wait-until.ts'
import { freePort } from '../support/free-port.ts'
import { type OidcIssuer, startOidcIssuer } from '../support/oidc-issuer.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

async function startIssuer(audience: string, claims: object): Promise<OidcIssuer> {
  const issuer = await startOidcIssuer({ audience, claims })
  onTestFinished(issuer.close)
  return issuer
}

/** @returns its address */
async function startProcess(environment: Readonly<Record<string, string>>): Promise<string> {
  const databaseUrl = await freshDatabase()
  const port = await freePort()
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ...redisEnvironment(),
      NODE_ENV: 'development',
      LOG_LEVEL: 'error',
      HOST: '127.0.0.1',
      PORT: String(port),
      CACHE_PREFIX: `test:${randomBytes(4).toString('hex')}:`,
      DATABASE_URL: databaseUrl,
      CURSOR_SECRET: randomBytes(32).toString('hex'),
      ...environment,
    },
  })
  onTestFinished(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    await dropDatabase(databaseUrl)
  })
  const url = `http://127.0.0.1:${port}`
  await waitUntil('the process is ready', async () => (await fetch(`${url}/readyz`)).status === 200, {
    timeoutMs: 30_000,
  })
  return url
}

it('finds the keys of each, and reads users and roles as each is configured', async () => {
  const first = await startIssuer('portcullis', { oid: 'ann', realm_access: { roles: ['reader'] } })
  const second = await startIssuer('partners', { roles: ['admin'] })
  const stranger = await startIssuer('portcullis', {})
  const url = await startProcess({
    JWT_ISSUER: first.issuer,
    JWT_AUDIENCE: 'portcullis',
    JWT_USER_CLAIM: 'oid',
    JWT_ROLES_CLAIM: 'realm_access.roles',
    JWT_OTHER_ISSUERS: JSON.stringify([{ issuer: second.issuer, audience: 'partners', userPrefix: 'partner:' }]),
  })
  const ask = async (issuer: OidcIssuer) =>
    fetch(`${url}/me`, { headers: { authorization: `Bearer ${await issuer.token()}` } })
  expect(await (await ask(first)).json()).toMatchObject({ id: 'ann', roles: ['reader'] })
  expect(await (await ask(second)).json()).toMatchObject({ id: 'partner:gateway', roles: ['admin'] })
  expect((await ask(stranger)).status).toBe(401)
})
