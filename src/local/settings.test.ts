import { describe, expect, it } from 'vitest'
import { readLocalSettings } from './settings.ts'

describe('the settings of the local stack', () => {
  it('have defaults for everything', () => {
    expect(readLocalSettings({})).toMatchObject({
      apiPort: 3_000,
      portBase: 15_400,
      issuer: 'https://portcullis.local',
      audience: 'portcullis',
      databaseUrl: undefined,
      redis: 'own',
    })
  })

  it('take ports from the environment', () => {
    expect(readLocalSettings({ PORT: '8080', LOCAL_PORT_BASE: '16000' })).toMatchObject({
      apiPort: 8_080,
      portBase: 16_000,
    })
  })

  it.each(['abc', '0', '65536', '80.5', '-1', '1e3'])('refuse PORT=%s by name', (PORT) => {
    expect(() => readLocalSettings({ PORT })).toThrow(`PORT=${PORT} is not a port`)
  })

  it('leave room for seven ports above the base', () => {
    expect(readLocalSettings({ LOCAL_PORT_BASE: '65529' }).portBase).toBe(65_529)
    expect(() => readLocalSettings({ LOCAL_PORT_BASE: '65530' })).toThrow('LOCAL_PORT_BASE')
  })

  it.each([{ REDIS_SENTINELS: 'a:1' }, { REDIS_URL: 'redis://a' }])('start no Redis with %o', (env) => {
    expect(readLocalSettings(env).redis).toBe('external')
  })

  it('start no PostgreSQL with DATABASE_URL', () => {
    expect(readLocalSettings({ DATABASE_URL: 'postgresql://a/b' }).databaseUrl).toBe('postgresql://a/b')
  })
})
