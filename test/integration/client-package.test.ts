/** The typed client: its types are those of the document, and from the tarball its example compiles and runs. */
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GENERATED, generated } from '../../scripts/client/generated.mjs'
import { createServer, listen } from '../../src/http/index.ts'
import { closeServer } from '../../src/http/server.ts'
import { SAMPLE_ORGANISATION } from '../../src/local/sample-organisation.ts'
import { signToken, testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { dropDatabase, freshDatabase } from '../support/stack.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tarballs = () => readdirSync(path.join(root, 'dist')).filter((name) => name.startsWith('portcullis-client-'))

describe('the generated part of the client', () => {
  it('is current: `npm run client` writes it again', async () => {
    expect(readFileSync(GENERATED, 'utf8') === (await generated())).toBe(true)
  })
})

describe('the packed client', () => {
  let folder: string
  let databaseUrl: string
  let service: Service
  let server: ReturnType<typeof createServer>
  let environment: NodeJS.ProcessEnv

  beforeAll(async () => {
    execFileSync(process.execPath, [path.join(root, 'scripts/client.mjs'), '--keep-types'], {
      cwd: root,
      stdio: 'ignore',
    })
    folder = mkdtempSync(path.join(tmpdir(), 'portcullis-client-'))
    const own = path.join(folder, 'node_modules', 'portcullis-client')
    mkdirSync(own, { recursive: true })
    execFileSync('tar', ['xzf', path.join(root, 'dist', tarballs()[0]!), '--strip-components=1', '-C', own])
    symlinkSync(path.join(root, 'node_modules/@types'), path.join(folder, 'node_modules/@types'))
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}')
    cpSync(path.join(root, 'test/examples/client/tour.mts'), path.join(folder, 'tour.mts'))

    databaseUrl = await freshDatabase()
    service = await startService({ databaseUrl, environment: PATIENT })
    await service.portcullis.mutations.importOrganisation(SAMPLE_ORGANISATION, asRoot)
    const keys = await testKeys()
    server = createServer(appOf(service, keys))
    environment = {
      PATH: process.env.PATH,
      PORTCULLIS_URL: `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`,
      PORTCULLIS_TOKEN: await signToken(keys, 'root', { roles: ['admin'] }),
    }
  })
  afterAll(async () => {
    service?.portcullis.changes.close()
    if (server) await closeServer(server)
    await service?.close()
    if (databaseUrl) await dropDatabase(databaseUrl)
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([['node'], ['the browser']])('compiles its example in strict TypeScript for %s', (where) => {
    const compiler = path.join(root, 'node_modules/typescript/bin/tsc')
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--types', 'node']
    const resolution =
      where === 'node' ? ['--module', 'nodenext'] : ['--module', 'esnext', '--moduleResolution', 'bundler']
    const lib = where === 'node' ? [] : ['--lib', 'es2022,dom,dom.iterable']
    execFileSync(process.execPath, [compiler, ...options, ...resolution, ...lib, 'tour.mts'], {
      cwd: folder,
      stdio: 'inherit',
    })
  })

  it('runs its example against a real service', async () => {
    const printed = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, ['tour.mts'], { cwd: folder, env: environment, timeout: 30_000 }, (error, out, err) =>
        error ? reject(new Error(`${error.message}\n${err}`)) : resolve(out),
      ),
    )
    expect(printed.trim().split('\n')).toEqual(['user alice', 'member true', 'refused 412', 'deleted tour-2'])
  })

  it('has no dependency, and nothing of Node, so that it runs in a browser', () => {
    const own = path.join(folder, 'node_modules/portcullis-client')
    expect(JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8')).dependencies).toBeUndefined()
    expect(readFileSync(path.join(own, 'index.js'), 'utf8')).not.toMatch(/from ["'](?!\.)|require\(|node:|process\./)
  })
})
