/** Fills the try-out's empty database with the sample organisation, through the API as an administrator would. */
import { loadSampleOrganisation } from '../../src/local/sample-loader.ts'
import { readLocalSettings } from '../../src/local/settings.ts'
import { createTokenIssuer } from '../../src/local/token-issuer.ts'

const [databaseUrl, apiUrl] = process.argv.slice(2)
if (!databaseUrl || !apiUrl) throw new Error('usage: load-sample <database URL> <API URL>')

const issuer = await createTokenIssuer(readLocalSettings({}))
const adminToken = await issuer.issue({ subject: 'sample-loader', roles: ['admin'], ttlSeconds: 300 })
const counts = await loadSampleOrganisation({ databaseUrl, apiUrl, adminToken })
console.log(counts === null ? 'The database holds users already.' : `Loaded: ${JSON.stringify(counts)}`)
