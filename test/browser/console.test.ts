/** The console in a real browser against real servers. Screenshots of every view lie in `reports/console` afterwards. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import pg from 'pg'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { UserId } from '../../src/domain/model.ts'
import { createServer, listen, redeemFrom } from '../../src/http/index.ts'
import { closeServer } from '../../src/http/server.ts'
import { writeConsoleGrant } from '../../src/local/console-link.ts'
import { SAMPLE_ORGANISATION } from '../../src/local/sample-organisation.ts'
import { createMetrics } from '../../src/telemetry/index.ts'
import { signToken, type TestKeys, testKeys } from '../support/app.ts'
import { appOf } from '../support/app-of.ts'
import { freePort } from '../support/free-port.ts'
import { asRoot, PATIENT, type Service, startService } from '../support/service.ts'
import { type SignInIssuer, startSignInIssuer } from '../support/sign-in-issuer.ts'
import { dropDatabase, freshDatabase, kill, master, restart, waitForHealthyCluster } from '../support/stack.ts'
import { browserPath, type Look, launch, type Watched, watchedPage } from './browser.ts'
import { tasksDuring } from './main-thread.ts'

const MANY = 10_000
const CROWD = 50_000
/** Longer, and scrolling is seen to stand still. */
const LONG_TASK_MS = 100
/** What a view draws at most, whatever it has: only rows in sight are in the page. */
const MOST_ELEMENTS = 700
const DESKTOP: Look = { theme: 'light', width: 1280 }
const LOOKS: readonly Look[] = [DESKTOP, { theme: 'dark', width: 1280 }, { theme: 'light', width: 390 }]

if (browserPath === undefined)
  console.warn(
    'The console is not tested in a browser: there is no Chromium (`apt-get install chromium`, CHROMIUM_PATH)',
  )

describe('the built console', () => {
  it('is at most 200 kB, compressed', () => {
    const folder = fileURLToPath(new URL('../../console/dist', import.meta.url))
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const sizes = files.map(({ parentPath, name }) => gzipSync(readFileSync(path.join(parentPath, name))).length)
    expect(sizes.length).toBeGreaterThan(2)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000)
  })
})

describe.skipIf(browserPath === undefined)('the console', () => {
  let databaseUrl: string
  let service: Service
  let keys: TestKeys
  let server: ReturnType<typeof createServer>
  let browser: Browser
  let origin: string
  let grantFolder: string
  let watched: Watched
  /** Signed in, one for each look. */
  const looks: Watched[] = []

  beforeAll(async () => {
    grantFolder = mkdtempSync(path.join(tmpdir(), 'portcullis-console-'))
    databaseUrl = await freshDatabase()
    const metrics = createMetrics()
    service = await startService({ databaseUrl, environment: PATIENT, metrics })
    await service.portcullis.mutations.importOrganisation(SAMPLE_ORGANISATION, asRoot)
    await service.portcullis.mutations.importOrganisation(
      {
        users: [{ id: 'zoe' }],
        groups: [{ name: 'archive' }],
        memberships: [{ group: 'archive', user: 'zoe', role: 'member' }],
        resources: names().map((name) => ({ name, kind: 'document' })),
        grants: names().map((resource) => ({ group: 'archive', resource, permission: 'read' })),
      },
      asRoot,
    )
    keys = await testKeys()
    server = createServer(appOf({ ...service, metrics, redeemCode: redeemFrom(grantFile()) }, keys))
    origin = `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`
    browser = await launch()
    for (const look of LOOKS) {
      const each = await watchedPage(browser, origin, look)
      await signIn(each)
      looks.push(each)
    }
  })
  afterAll(async () => {
    await browser?.close()
    service?.portcullis.changes.close()
    if (server) await closeServer(server)
    await service?.close()
    await dropDatabase(databaseUrl)
    rmSync(grantFolder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    watched = await watchedPage(browser, origin, DESKTOP)
  })
  afterEach(async () => {
    const findings = await watched.findings()
    await watched.close()
    expect(findings, 'errors, violations of the policy, requests to other origins').toEqual([])
  })

  const names = () => Array.from({ length: MANY }, (_, index) => `archive/${String(index).padStart(5, '0')}`)
  const grantFile = () => path.join(grantFolder, 'grant.json')

  async function signIn({ page }: Watched, roles: readonly string[] = ['admin', 'cache-admin'], subject = 'carol') {
    await page.goto(`${origin}/console`)
    await page.getByLabel('Access token').fill(await signToken(keys, subject, { roles }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
  }
  const show = ({ page }: Watched, place: string) => page.evaluate(`location.hash = ${JSON.stringify(place)}`)

  const tile = (page: Watched['page'], name: string) =>
    page
      .locator('.tile', { has: page.getByText(name, { exact: true }) })
      .locator('.tile-value')
      .textContent()

  /** As two recoveries leave them. */
  async function outagesOnRecord() {
    const sql = new pg.Client({ connectionString: databaseUrl })
    await sql.connect()
    await sql.query(
      `INSERT INTO cache_outages (started_at, ended_at, tier, recovered_by) VALUES
        (now() - interval '50 minutes', now() - interval '15 minutes', 'full', 'test'),
        (now() - interval '5 minutes', now() - interval '4 minutes', 'volatile', 'test')`,
    )
    await sql.end()
  }

  /** A view in each look: what it must say, no serious finding of axe-core, a picture. */
  async function inEveryLook(name: string, place: string, shows: (each: Watched) => Promise<void>) {
    for (const each of looks) {
      await show(each, place)
      await shows(each)
      await each.screenshot(name)
      expect(await each.findings()).toEqual([])
      expect(await each.inaccessible(), `${name} ${each.look.theme} ${each.look.width}`).toEqual([])
      const overflow = await each.page.evaluate('document.documentElement.scrollWidth - innerWidth')
      expect(overflow, 'nothing wider than the screen').toBeLessThanOrEqual(0)
    }
  }

  it('shows its first view after six requests: what it needs is not spread over many files or questions', async () => {
    const { page } = watched
    const link = () => `${origin}/console#code=${grant()}`
    const token = await signToken(keys, 'carol', { roles: ['admin', 'cache-admin'] })
    const grant = () => writeConsoleGrant(grantFile(), token)
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto('about:blank')
    asked.length = 0
    const startedAt = performance.now()
    await page.goto(link(), { waitUntil: 'commit' })
    await page.getByRole('heading', { name: 'Who sees what, and why' }).waitFor()
    console.info(`the first view came after ${Math.round(performance.now() - startedAt)} ms`)
    const withoutHashes = asked
      .map((path) => path.replace(/-[\w-]+(?=\.(js|css)$)/, ''))
      .filter((path) => !path.endsWith('.svg'))
    expect(withoutHashes).toEqual([
      '/console',
      '/console/assets/index.js',
      '/console/assets/index.css',
      '/console/configuration',
      '/console/sign-in',
      '/me',
    ])
  })

  it('asks to sign in, and refuses a token that nobody signed', async () => {
    const { page } = watched
    await page.goto(`${origin}/console`)
    await page.getByLabel('Access token').fill('not-a-token')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('This token was refused').waitFor()
    await watched.screenshot('sign-in')
    expect(await watched.inaccessible()).toEqual([])
  })

  it('signs in by a link that works once, and leaves no trace of it', async () => {
    const { page } = watched
    const token = await signToken(keys, 'you', { roles: ['admin'] })
    const link = `${origin}/console#code=${writeConsoleGrant(grantFile(), token)}`
    await page.goto(link)
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    expect(page.url()).not.toContain('code')
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, ''])
    await page.goto('about:blank')
    await page.goto(link)
    await page.getByText('This link has been used').waitFor()
  })

  describe('with an OpenID provider', () => {
    let issuer: SignInIssuer
    let own: ReturnType<typeof createServer>
    let at: string

    beforeAll(async () => {
      const port = await freePort()
      at = `http://127.0.0.1:${port}`
      issuer = await startSignInIssuer({ redirectUri: `${at}/console`, claims: { roles: ['admin'] } })
      const consoleSignIn = { issuer: issuer.issuer, clientId: 'console', scope: 'openid' }
      own = createServer(appOf({ ...service, ...issuer.verifier(), consoleSignIn }, keys))
      await listen(own, { host: '127.0.0.1', port })
    })
    afterAll(async () => {
      own?.closeAllConnections()
      await closeServer(own)
      await issuer?.close()
    })

    it('signs in there by code with PKCE, comes back to where one was, and keeps the token in memory', async () => {
      const there = await watchedPage(browser, at, DESKTOP, [issuer.issuer])
      const { page } = there
      await page.goto(`${at}/console#/people?user=heidi`)
      await page.getByRole('button', { name: `Sign in at ${new URL(issuer.issuer).host}` }).waitFor()
      await there.screenshot('sign-in-oidc')
      expect(await there.inaccessible()).toEqual([])
      const asked = page.waitForRequest((request) => request.url().startsWith(`${issuer.issuer}/auth`))
      await page.getByRole('button', { name: /^Sign in at/ }).click()
      const { searchParams } = new URL((await asked).url())
      expect(searchParams.get('code_challenge_method')).toBe('S256')
      expect(searchParams.get('state')).toMatch(/.{20}/)
      await page.locator('input[name=login]').fill('carol')
      await page.locator('input[name=password]').fill('any')
      await page.locator('button[type=submit]').click()
      await page.locator('button[type=submit]').click()
      await page.getByRole('button', { name: 'Sign out' }).waitFor()
      expect(page.url()).toBe(`${at}/console#/people?user=heidi`)
      await page.getByRole('option', { name: /payroll/ }).waitFor()
      expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, ''])
      expect(await there.findings()).toEqual([])
      await page.reload()
      await page.getByRole('button', { name: /^Sign in at/ }).waitFor()
      await there.close()
    })

    it('takes no answer that it did not ask for', async () => {
      const there = await watchedPage(browser, at, DESKTOP, [issuer.issuer])
      await there.page.goto(`${at}/console?code=stolen&state=made-up&iss=${encodeURIComponent(issuer.issuer)}`)
      await there.page.getByText('this sign-in was not begun in this tab').waitFor()
      expect(there.page.url()).toBe(`${at}/console`)
      await there.close()
    })
  })

  it('shows who sees what and why, and marks the path that wins', async () => {
    await inEveryLook('people', '#/people?user=heidi&resource=name:handbook&name=handbook', async ({ page }) => {
      await page.getByRole('heading', { name: 'Why heidi sees handbook' }).waitFor()
      await page.getByRole('option', { name: /payroll/ }).waitFor()
      const words = page.locator('.path-words li')
      await words.first().waitFor()
      expect(await words.count()).toBe(3)
      expect(await words.first().textContent()).toContain('heidi → company/people → handbookwins')
      expect(await page.locator('svg .link-wins').count()).toBe(2)
      expect(await page.locator('.tree-group.marked').textContent()).toContain('people')
    })
  })

  it('counts down until when, in the tree, in the paths and in lists, and greys out what ended while it is shown', async () => {
    const { page } = watched
    const member = { group: { name: 'archive' }, userId: 'ivan' as UserId }
    const expiresAt = new Date(Date.now() + 6000)
    await service.portcullis.mutations.addUserToGroup({ ...member, expiresAt }, asRoot)
    // Without the role to follow changes, the page is not told.
    await signIn(watched, ['reader'], 'ivan')
    await show(watched, '#/people?user=ivan&resource=name:archive%2F00000&name=archive%2F00000')
    const archive = page.locator('.tree-group', { hasText: 'archive' })
    const path = page.locator('.path-words li', { hasText: 'archive' })
    await expect.poll(() => archive.textContent()).toMatch(/\d s left/)
    await expect.poll(() => path.textContent()).toMatch(/\d s left, until/)
    await page.locator('.tree-group.ended', { hasText: 'archive' }).waitFor({ timeout: 15_000 })
    await page.locator('.path-words li.ended', { hasText: 'ended at' }).waitFor()
    expect(await page.locator('g.ended').count()).toBe(1)
  })

  it('finds a person by keyboard, and puts what is shown into the address', async () => {
    await signIn(watched)
    const { page } = watched
    await page.getByRole('combobox', { name: 'Person' }).fill('he')
    await page.getByRole('option', { name: /heidi/ }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const list = page.getByRole('listbox', { name: 'Resources that this person may see' })
    await list.focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Why heidi sees design-files' }).waitFor()
    expect(page.url()).toMatch(/#\/people\?user=heidi&resource=[0-9a-f-]{36}&name=design-files$/)
  })

  /** To the end of the list, as by dragging the bar, until all of it is loaded; then back with the wheel. */
  async function scrollThrough({ page }: Watched, list: Locator, total: number) {
    const toItsEnd = () => list.evaluate((element) => element.scrollTo(0, element.scrollHeight))
    for (let loaded = 0; loaded < total; ) {
      await toItsEnd()
      loaded = Number((await page.locator('.resources h2 .quiet').textContent())?.replace(/\D/g, ''))
    }
    // The last page may have come after the last step.
    await toItsEnd()
    await list.hover()
    for (let step = 0; step < 40; step++) await page.mouse.wheel(0, -900)
    // The browser goes on scrolling by the wheel for a moment.
    await expect
      .poll(async () => {
        await toItsEnd()
        await page.waitForTimeout(200)
        return list.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 2)
      })
      .toBe(true)
  }

  async function staysSmooth(each: Watched, list: Locator, total: number) {
    await list.waitFor()
    const tasks = await tasksDuring(browser, each.page, () => scrollThrough(each, list, total))
    const elements = await each.page.evaluate<number>('document.querySelectorAll("*").length')
    console.info(
      `${total} rows: the longest task took ${tasks[0]?.toFixed(1)} ms of ${tasks.length}; ${elements} elements`,
    )
    expect(tasks.length, 'tasks were recorded').toBeGreaterThan(100)
    expect(tasks.filter((ms) => ms > LONG_TASK_MS)).toEqual([])
    expect(elements).toBeLessThan(MOST_ELEMENTS)
  }

  it('scrolls through 10,000 resources smoothly, and draws only those in sight', { timeout: 180_000 }, async () => {
    await signIn(watched)
    await show(watched, '#/people?user=zoe')
    const list = watched.page.getByRole('listbox', { name: 'Resources that this person may see' })
    await staysSmooth(watched, list, MANY)
    await list.getByText('archive/09999').waitFor()
  })

  it('scrolls through the 50,000 people who see a resource smoothly', { timeout: 300_000 }, async () => {
    const member = (index: number) => `member-${String(index).padStart(5, '0')}`
    const members = Array.from({ length: CROWD }, (_, index) => member(index))
    await service.portcullis.mutations.importOrganisation(
      {
        users: members.map((id) => ({ id })),
        groups: [{ name: 'crowd' }],
        memberships: members.map((user) => ({ group: 'crowd', user, role: 'member' })),
        resources: [{ name: 'newsletter', kind: 'document' }],
        grants: [{ group: 'crowd', resource: 'newsletter', permission: 'read' }],
      },
      asRoot,
    )
    await signIn(watched)
    await show(watched, '#/resource?resource=name:newsletter')
    const list = watched.page.getByRole('listbox', { name: 'People who may see this resource' })
    await staysSmooth(watched, list, CROWD)
    await list.getByText(member(CROWD - 1)).click()
    await watched.page.getByRole('heading', { name: `Why ${member(CROWD - 1)} sees newsletter` }).waitFor()
  })

  it('shows who sees a resource', async () => {
    await inEveryLook('resource', '#/resource?resource=name:handbook&user=bob', async ({ page }) => {
      await page.getByRole('heading', { name: 'Why bob sees handbook' }).waitFor()
      expect(await page.locator('.path-words').textContent()).toContain('company/engineering/platform/on-call')
    })
  })

  it('shows the cache live', async () => {
    await outagesOnRecord()
    const headers = { authorization: `Bearer ${await signToken(keys, 'alice')}` }
    const read = () => fetch(`${origin}/resources`, { headers })
    const reading = setInterval(() => void read().catch(() => {}), 20)
    try {
      await inEveryLook('cache', '#/cache', async ({ page }) => {
        await page.getByText('hits').first().waitFor()
        await expect.poll(() => page.locator('.tile-value').first().textContent(), { timeout: 8000 }).toMatch(/^\d+ %$/)
        await expect.poll(() => tile(page, 'p99'), { timeout: 8000 }).toMatch(/^[\d.]+ ms$/)
        expect(await tile(page, 'Queue')).toMatch(/^\d+$/)
        await page.getByRole('img', { name: /^2 outages in the last/ }).waitFor()
        expect(await page.locator('.outage-full').first().isVisible()).toBe(true)
        await page.waitForTimeout(1500)
      })
    } finally {
      clearInterval(reading)
    }
  })

  it('shows an age where the cache can no longer be asked', async () => {
    await signIn(watched)
    const { page } = watched
    await show(watched, '#/cache')
    await page.locator('.tile-value').first().waitFor()
    await page.route('**/admin/cache', (route) => route.abort())
    await page.getByText(/The service cannot be reached. The data below are \d+ s old/).waitFor()
    await page.waitForTimeout(500)
    await watched.screenshot('stale')
  })

  it('shows the cluster', async () => {
    await inEveryLook('cluster', '#/cluster', async ({ page }) => {
      await page.getByText('quorum held').waitFor()
      expect(await page.locator('.server').count()).toBe(6)
    })
  })

  it("shows a user's entries", async () => {
    await service.visible('heidi')
    await inEveryLook('entries', '#/entries?user=heidi', async ({ page }) => {
      await page.getByText('would be served').first().waitFor()
    })
  })

  it('shows a change as it is committed', async () => {
    await signIn(watched)
    const { page } = watched
    await show(watched, '#/changes')
    await page.getByText('listening').waitFor()
    const group = { name: 'company/finance' }
    const { mutations } = service.portcullis
    await mutations.removeUserFromGroup({ group, userId: 'grace' as never }, { ...asRoot, reason: 'moved' })
    await page.locator('.feed').getByText('removeUserFromGroup').waitFor()
    await watched.screenshot('changes')
    expect(await watched.inaccessible()).toEqual([])
    await mutations.addUserToGroup({ group, userId: 'grace' as never }, asRoot)
  })

  it('takes what is revoked out of a list that somebody looks at', async () => {
    await signIn(watched)
    const { page } = watched
    const feed = page.waitForResponse((response) => response.url().endsWith('/changes'))
    await show(watched, '#/people?user=grace&resource=name:ledger&name=ledger')
    await page.getByRole('option', { name: /ledger/ }).waitFor()
    await page.locator('.path-words').getByText('company/finance').waitFor()
    await feed
    const membership = { group: { name: 'company/finance' }, userId: 'grace' as never }
    await service.portcullis.mutations.removeUserFromGroup(membership, asRoot)
    await page.getByText('In no group, so there is nothing to see.').waitFor({ timeout: 5000 })
    await page.getByText('no group of theirs holds a grant on it').waitFor()
    expect(await page.getByRole('option', { name: /ledger/ }).count()).toBe(0)
    await service.portcullis.mutations.addUserToGroup(membership, asRoot)
    await page.getByRole('option', { name: /ledger/ }).waitFor()
  })

  it('flushes after a dry run and a confirmation that names the number of entries', async () => {
    await service.visible('heidi')
    await inEveryLook('flush', '#/flush?scope=user&user=heidi', async ({ page }) => {
      await page.getByLabel('Reason, for the audit trail').fill('a look at a cold start')
      await page.getByRole('button', { name: 'Show what it would remove' }).click()
      await page.getByRole('heading', { name: /^Flush \d (entry|entries)\?$/ }).waitFor()
    })
    await signIn(watched)
    const { page } = watched
    await show(watched, '#/flush?scope=user&user=heidi')
    await page.getByLabel('Reason, for the audit trail').fill('a look at a cold start')
    await page.getByRole('button', { name: 'Show what it would remove' }).click()
    await page.getByRole('button', { name: /^Flush \d (entry|entries)$/ }).click()
    await page.getByText(/Flushed: \d (entry|entries)/).waitFor()
    await page.getByRole('link', { name: 'Its entry in the audit trail' }).click()
    await page.getByText('“a look at a cold start”').waitFor()
  })

  it('shows the audit trail, narrowed by filters that stand in the address', async () => {
    await inEveryLook('audit', '#/audit', async ({ page }) => {
      await page.getByText('importOrganisation').first().waitFor()
      await page.getByLabel('Action').fill('noSuchAction')
      await page.getByLabel('Action').press('Enter')
      await page.getByText('Nothing that matches').waitFor()
      expect(page.url()).toContain('#/audit?action=noSuchAction')
      await page.getByLabel('Action').fill('')
      await page.getByLabel('Action').press('Enter')
      await page.getByText('importOrganisation').first().waitFor()
    })
  })

  it('explains what a role does not allow', async () => {
    await signIn(watched, [], 'alice')
    const { page } = watched
    for (const [place, role] of [
      ['cache', 'cache-admin'],
      ['audit', 'admin'],
      ['people?user=bob', 'admin'],
      ['changes', 'admin'],
      ['entries?user=alice', 'cache-admin'],
    ] as const) {
      await show(watched, `#/${place}`)
      await page.getByText(`This needs the role ${role}`).waitFor()
    }
    await watched.screenshot('forbidden')
    await show(watched, '#/people?user=alice')
    await page.getByRole('option', { name: /handbook/ }).waitFor()
    // What its roles cannot do is not offered to it.
    expect(await page.getByRole('navigation').getByRole('link').allTextContents()).toEqual(['People'])
    expect(await page.getByRole('link', { name: 'cache entries' }).count()).toBe(0)
  })

  it('has a reference page with a filter, examples of each refusal, and a token that a reload keeps', async () => {
    const { page } = watched
    await page.goto(`${origin}/docs`)
    const sections = page.locator('.opblock-tag')
    await sections.first().waitFor()
    expect(await sections.first().textContent()).toContain('Resources')
    await page.locator('.operation-filter-input').fill('Changes')
    await expect.poll(() => sections.count()).toBe(1)
    await page.locator('#operations-Changes-followChanges').click()
    await page.getByText('urn:portcullis:problem:').first().waitFor()
    await watched.screenshot('docs')
    await page.locator('.auth-wrapper .authorize').click()
    await page.locator('.auth-container input').fill(await signToken(keys, 'carol', { roles: ['admin'] }))
    await page.locator('.auth-container button[type=submit]').click()
    await page.reload()
    await page.locator('.auth-wrapper .authorize.locked').waitFor()
  })

  it('lets one watch a failover: each step is seen within two seconds', { retry: 1, timeout: 120_000 }, async () => {
    const beside = await watchedPage(browser, origin, DESKTOP)
    await Promise.all([signIn(watched), signIn(beside)])
    const { page } = watched
    await Promise.all([show(watched, '#/cluster'), show(beside, '#/cache')])
    const masterShown = () => page.locator('.server.master code').textContent({ timeout: 20_000 })
    const before = await masterShown()
    const headers = { authorization: `Bearer ${await signToken(keys, 'alice')}` }
    let servedAgainMs = Number.NaN
    const read = async () => {
      const status = (await fetch(`${origin}/resources`, { headers })).headers.get('cache-status') ?? ''
      const fromMaster = status.includes('; hit') && !status.includes('detail=')
      if (fromMaster && ms['promotion seen']) servedAgainMs = servedAgainMs || performance.now() - killedMs
    }
    const ms: Record<string, number> = {}
    let killedMs = 0
    const reading = setInterval(() => void read().catch(() => {}), 20)
    /** What the chart says of the last second. */
    const rate = async (name: string) => {
      const chart = await beside.page.getByRole('img', { name: /^Reads, a second/ }).getAttribute('aria-label')
      return Number(new RegExp(`${name} ([\\d.]+)`).exec(chart ?? '')?.[1] ?? 0)
    }
    /** Answered by memory or a replica as far as these may be believed, and by the database beyond. */
    const aside = async () => (await rate('bypasses')) + (await rate('without the master'))
    await expect.poll(() => rate('hits'), { timeout: 10_000 }).toBeGreaterThan(0)
    const killed = await kill('master')
    killedMs = performance.now()
    const once = async (what: string, holds: () => Promise<boolean>) => {
      await expect.poll(holds, { timeout: 30_000, interval: 50, message: what }).toBe(true)
      ms[what] = Math.round(performance.now() - killedMs)
    }
    const said = (text: string) => async () => (await page.locator('.timeline li', { hasText: text }).count()) > 0
    try {
      await Promise.all([
        once('breaker opened', said('Breaker: closed → open')),
        once('reads went around the master', async () => (await aside()) > 0),
        once('master down', said(`Master ${before} is down`)),
        once('another is master', async () => (await master()) !== killed),
        once('promotion seen', said(`Master: ${before} →`)),
      ])
      await once('hits are back', async () => (await rate('hits')) > (await rate('without the master')))
      await Promise.all([watched.screenshot('failover'), beside.screenshot('failover-cache')])
      console.info(`a failover, as the console showed it: ${JSON.stringify(ms)}`)
      expect(await masterShown()).not.toBe(before)
      expect(ms['breaker opened']).toBeLessThan(2000)
      expect(ms['reads went around the master']).toBeLessThan(2000)
      expect((ms['promotion seen'] ?? 0) - (ms['another is master'] ?? 0)).toBeLessThan(2000)
      expect((ms['hits are back'] ?? 0) - servedAgainMs).toBeLessThan(2000)
    } finally {
      clearInterval(reading)
      await beside.close()
      await restart(killed)
      await waitForHealthyCluster()
    }
  })

  it('goes back to the sign-in when the token expires, and says why', async () => {
    const { page } = watched
    await page.goto(`${origin}/console`)
    const expiresAt = Math.floor(Date.now() / 1000) + 6
    const token = await signToken(keys, 'carol', { roles: ['admin', 'cache-admin'], expiresAt })
    await page.getByLabel('Access token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    await show(watched, '#/cache')
    await page.locator('.tile-value').first().waitFor()
    await page.getByText('Your token has expired or is no longer accepted. Sign in again.').waitFor({ timeout: 20_000 })
    await watched.screenshot('expired')
    // A new token leads back to the same view.
    await page.getByLabel('Access token').fill(await signToken(keys, 'carol', { roles: ['cache-admin'] }))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'The cache, live' }).waitFor()
  })
})
