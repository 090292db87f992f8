/**
 * The Express and Prisma shop of the package's examples as it is drilled: from the packed tarball, with Sentinels, and two
 * customer groups with three articles each for a world.
 */
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type Packed, unpack } from '../../support/packed.ts'
import type { Random } from '../random.ts'
import type { Course, Subject } from '../subject.ts'
import type { Step, World } from '../world.ts'

/** Cents by group and article; 0 is a price as any other. */
type Prices = Readonly<Record<string, Readonly<Record<string, number>>>>

const ARTICLES = ['cup', 'milk', 'tea'] as const
const initialPrices = { cup: 1, milk: 1, tea: 1 }
/** No price is set twice, so that all states look different. */
let lastCents = 1

const preload = new URL('./preload.ts', import.meta.url).href
const OTHER_RELEASE = { text: 'article, cents', instead: 'article, cents AS price' }

function changed(world: World, state: Prices, random?: Random) {
  const who = random ? random.pick([world.ann, world.bob]) : world.ann
  const article = random ? random.pick(ARTICLES) : 'tea'
  const cents = ++lastCents
  const next = { ...state, [who]: { ...initialPrices, ...state[who], [article]: cents } }
  return { who, article, cents, next }
}

function step(world: World, state: Prices, random?: Random): Step<Prices> {
  const { who, article, cents, next } = changed(world, state, random)
  return { method: 'PUT', path: `/prices/${who}/${article}`, body: { cents }, next }
}

const canonical = (prices: Readonly<Record<string, number>>) =>
  ARTICLES.map((article) => `${article}=${prices[article]}`).join(';')

const course: Course<Prices> = {
  initial: {},
  viewsOf: ({ ann, bob }, state) => new Map([ann, bob].map((who) => [who, canonical(state[who] ?? initialPrices)])),
  randomStep: step,
  updateStep: (world, state) => step(world, state),
  outsideStep(_told, world, state, random) {
    const { who, article, cents, next } = changed(world, state, random)
    const sql = 'UPDATE public.prices SET cents = $3 WHERE customer_group = $1 AND article = $2'
    return { sql, values: [who, article, cents], flush: null, next }
  },
}

interface Row {
  readonly article: string
  readonly cents?: number
  readonly price?: number
}

export function packedShop(): Subject {
  const packed: Packed = unpack()
  packed.generateClient()
  const program = packed.put('shop.mjs')
  const other = packed.put('shop.mjs', OTHER_RELEASE)
  return {
    course,
    pathOf: (user) => `/prices/${user}`,
    viewOfBody(body) {
      const rows = JSON.parse(body) as Row[]
      return canonical(Object.fromEntries(rows.map(({ article, cents, price }) => [article, cents ?? price ?? -1])))
    },
    readyPath: '/prices/nobody',
    argsOf: (parts) => ['--import', preload, parts.includes('other-release') ? other : program],
    env: (databaseUrl) => ({
      DATABASE_URL: named(databaseUrl),
      CACHE_SECRET: 'q8Zk3vJr1Wm5Xs7Ty9Bd2Fg4Hj6Lp0Nc',
    }),
    async prepare(databaseUrl) {
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      await client.query(`CREATE TABLE prices (
        customer_group text, article text, cents integer NOT NULL, PRIMARY KEY (customer_group, article))`)
      await client.end()
      const triggers = path.join(path.dirname(fileURLToPath(import.meta.url)), 'triggers.json')
      packed.command('migrate', '--url', databaseUrl, '--triggers', triggers)
    },
    async begin({ sql }, worlds) {
      const groups = worlds.flatMap(({ ann, bob }) => [ann, bob])
      await sql(
        `INSERT INTO public.prices SELECT customer_group, article, 1
         FROM unnest($1::text[]) AS customer_group, unnest($2::text[]) AS article`,
        [groups, [...ARTICLES]],
      )
    },
    close: packed.close,
  }
}

/** As the faults that cut the log's connections look for it. */
function named(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  url.searchParams.set('application_name', 'portcullis')
  return url.href
}
