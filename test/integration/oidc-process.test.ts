/** The process as it is deployed, configured with nothing but the names of two real OpenID providers. */
import { expect, it, onTestFinished } from 'vitest'
import { type OidcIssuer, startOidcIssuer } from '../support/oidc-issuer.ts'
import { spawnService } from '../support/service-process.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

async function startIssuer(audience: string, claims: object): Promise<OidcIssuer> {
  const issuer = await startOidcIssuer({ audience, claims })
  onTestFinished(issuer.close)
  return issuer
}

/** @returns its address */
async function startProcess(environment: Readonly<Record<string, string>>): Promise<string> {
  const databaseUrl = await freshDatabase()
  const service = await spawnService({ LOG_LEVEL: 'error', DATABASE_URL: databaseUrl, ...environment })
  onTestFinished(async () => {
    await service.stop('SIGTERM')
    await dropDatabase(databaseUrl)
  })
  await service.ready()
  return service.url
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
