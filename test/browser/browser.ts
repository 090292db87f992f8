/** A real browser that watches itself: what a page reports against its own policy, and each request it sends. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Of the system; what a package would download could not be had everywhere. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const browserPath = [process.env.CHROMIUM_PATH, ...PLACES].find((each) => each && existsSync(each))

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: browserPath ?? '', headless: true, args: FLAGS })

export interface Look {
  readonly theme: 'light' | 'dark'
  readonly width: number
}

export interface Watched {
  readonly page: Page
  readonly look: Look
  /** Violations of the policy, errors in the console, requests to other origins. */
  findings(): Promise<string[]>
  /** Serious findings of axe-core. */
  inaccessible(): Promise<string[]>
  screenshot(name: string): Promise<void>
  close(): Promise<void>
}

const shots = fileURLToPath(new URL('../../reports/console', import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const COLLECT_VIOLATIONS = `
  globalThis.violations = []
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
    violations.push([violatedDirective, blockedURI, sample].join(' ')))`

/** @param others origins besides its own that the page may ask: the issuer's, where people sign in there */
export async function watchedPage(
  browser: Browser,
  origin: string,
  look: Look,
  others: readonly string[] = [],
): Promise<Watched> {
  const context = await browser.newContext({
    colorScheme: look.theme,
    reducedMotion: 'reduce',
    viewport: { width: look.width, height: look.width < 500 ? 844 : 860 },
  })
  const page = await context.newPage()
  const found: string[] = []
  page.on('pageerror', (error) => found.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // A refusal that a test provokes is written there by the browser itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      found.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    // What an issuer's own page loads is not the console's doing.
    const from = request.isNavigationRequest() ? origin : new URL(request.frame().url()).origin
    if (from === origin && ![origin, ...others].includes(new URL(request.url()).origin))
      found.push(`another origin: ${request.url()}`)
  })
  await page.addInitScript(COLLECT_VIOLATIONS)
  return {
    page,
    look,
    async findings() {
      const violations = await page.evaluate<string[]>('globalThis.violations ?? []')
      return [...found, ...violations.map((each) => `policy: ${each}`)]
    },
    async inaccessible() {
      await page.evaluate(axe)
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
    },
    async screenshot(name) {
      mkdirSync(shots, { recursive: true })
      await page.screenshot({
        path: path.join(shots, `${name}-${look.theme}-${look.width}.png`),
        fullPage: true,
      })
    },
    close: () => context.close(),
  }
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly impact: string
    readonly nodes: readonly { html: string }[]
  }[]
}
