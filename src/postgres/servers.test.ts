import { describe, expect, it } from 'vitest'
import { parseDatabaseUrl } from './servers.ts'

describe('a URL of several servers', () => {
  it('is read as libpq reads it', () => {
    expect(parseDatabaseUrl('postgresql://ann:p%40,:w@one:5433,two,[2001:db8::7]:6000/name?sslmode=disable')).toEqual({
      url: 'postgresql://ann:p%40,:w@one:5433/name?sslmode=disable',
      servers: [
        { host: 'one', port: 5433 },
        { host: 'two', port: 5432 },
        { host: '2001:db8::7', port: 6000 },
      ],
      attributes: 'primary',
    })
  })

  it('may say which server is meant, which the driver is not told', () => {
    const read = parseDatabaseUrl('postgres://one,two/name?target_session_attrs=read-write&application_name=x')
    expect(read).toMatchObject({ url: 'postgres://one/name?application_name=x', attributes: 'read-write' })
    expect(parseDatabaseUrl('postgres://one,two/name?target_session_attrs=primary').url).toBe('postgres://one/name')
  })

  it.each(['postgresql://ann:secret@one:5433/name?sslmode=require', 'postgresql:///name?host=/run/postgresql'])(
    'with one server stays as it is: %s',
    (url) => {
      const read = parseDatabaseUrl(url)
      expect(read.url).toBe(url)
      expect(read.servers).toHaveLength(1)
    },
  )

  it.each([
    ['mysql://one/name', 'must be a URL that starts with postgresql://'],
    ['postgresql://one:port,two/name', 'must list its servers as host:port,host:port'],
    ['postgresql://one,,two/name', 'must list its servers as host:port,host:port'],
    ['postgresql://one:0,two/name', 'has a port outside 1–65535'],
    ['postgresql://one,two:70000/name', 'has a port outside 1–65535'],
    ['postgresql:///name?host=one,two', 'not as ?host='],
    ['postgresql://one,two/name?target_session_attrs=any', 'the service writes, and never reads from a standby'],
    ['postgresql://one,two/name?target_session_attrs=prefer-standby', 'the service writes'],
  ])('is refused with the reason: %s', (url, reason) => {
    expect(() => parseDatabaseUrl(url)).toThrow(reason)
  })

  it('is refused without repeating its password', () => {
    expect(() => parseDatabaseUrl('postgresql://ann:hunter2@one:x,two/name')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    )
  })
})
