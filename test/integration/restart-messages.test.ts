/** What a start says about the time before it: that nothing ran is no outage of Redis. */
import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { compose } from '../../src/composition-root.ts'
import { loadConfig } from '../../src/config.ts'
import { createLogger, createMetrics } from '../../src/telemetry/index.ts'
import { becomes } from '../support/becomes.ts'
import { newPrefix } from '../support/service.ts'
import { dropDatabase, freshDatabase, redisEnvironment } from '../support/stack.ts'

it('a start after an hour in which nothing ran says that, and not that an outage of Redis ended', async () => {
  const databaseUrl = await freshDatabase()
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(`UPDATE cache_health SET last_healthy_at = clock_timestamp() - interval '1 hour'`)
  const lines: { level: string; msg: string; tier?: string }[] = []
  const destination = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
  const service = compose(
    loadConfig({
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl,
      ...redisEnvironment(),
      CACHE_PREFIX: newPrefix(),
      JWT_ISSUER: 'https://test.invalid',
      JWT_AUDIENCE: 'portcullis',
      JWT_JWKS_URL: 'http://127.0.0.1:59999/jwks.json',
      CURSOR_SECRET: randomBytes(32).toString('hex'),
    }),
    { logger: createLogger({ level: 'info', destination }), metrics: createMetrics() },
  )
  onTestFinished(async () => {
    await service.close()
    await client.end()
    await dropDatabase(databaseUrl)
  })
  await service.started
  const about = () => lines.filter(({ tier }) => tier !== undefined).map(({ level, tier }) => `${level} ${tier}`)
  // Nobody can tell what happened to Redis meanwhile, so the tier applies as after an outage.
  await becomes(about, ['info full'], 20_000)
  expect(lines.map(({ msg }) => msg).join('\n')).not.toContain('an outage of Redis ended')
})
