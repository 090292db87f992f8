import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../cache/index.ts'
import { DeadlineError } from './deadline.ts'
import { GarbledReplyError, reasonOf, unavailable } from './failure.ts'

const detailOf = (error: unknown, connectionError?: Error) => unavailable(error, connectionError).detail
const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })

describe('what is wrong with Redis', () => {
  it.each([
    ["READONLY You can't write against a read only replica. script: 1a2b, on @user_script:8.", 'redis-read-only'],
    ['UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)', 'redis-read-only'],
    ['LOADING Redis is loading the dataset in memory', 'redis-loading'],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'redis-master-down'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'redis-out-of-memory'],
    [
      "ERR Error running script: @user_script:9: -OOM command not allowed when used memory > 'maxmemory'.",
      'redis-out-of-memory',
    ],
    ['NOREPLICAS Not enough good replicas to write.', 'redis-no-replicas'],
    ['MISCONF Redis is configured to save RDB snapshots, but is unable to persist to disk.', 'redis-not-persisting'],
    ['NOAUTH Authentication required.', 'redis-refused-access'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'redis-refused-access'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'redis-refused-access'],
    ['DENIED Redis is running in protected mode', 'redis-refused-access'],
    ['CLUSTERDOWN The cluster is down', 'redis-cluster-down'],
    ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.', 'redis-busy'],
    ['ERR max number of clients reached', 'redis-error'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'redis-error'],
  ])('is known from the reply %j', (message, detail) => {
    expect(detailOf(reply(message))).toBe(detail)
  })

  it.each([
    ['no answer in time', new DeadlineError(100), 'redis-timeout'],
    ['a reply to another request', new GarbledReplyError(), 'redis-garbled'],
    ['bytes that are not the protocol', new Error('Unknown RESP type 72 "H". Please report this.'), 'redis-garbled'],
    ['a closed connection', new Error('Connection is closed.'), 'redis-unavailable'],
    ['no connection', new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'redis-unavailable'],
    [
      'a refused connection',
      Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
      'redis-unavailable',
    ],
    ['a reset connection', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), 'redis-unavailable'],
    ['something that is not an error', 'surprise', 'redis-error'],
  ])('is known from %s', (_, error, detail) => {
    expect(detailOf(error)).toBe(detail)
  })

  it('is why there is no connection, where a command only says that there is none', () => {
    const closed = new Error('Connection is closed.')
    expect(detailOf(closed, reply('WRONGPASS invalid username-password pair'))).toBe('redis-refused-access')
    expect(detailOf(closed, new Error('connect ECONNREFUSED'))).toBe('redis-unavailable')
  })

  it('is not read out of the data that a reply happens to quote', () => {
    expect(detailOf(reply('ERR unknown command `MYOOMCOMMAND`'))).toBe('redis-error')
  })

  it('is thrown as the one error that callers know, with the original as its cause', () => {
    const cause = new DeadlineError(100)
    expect(unavailable(cause)).toMatchObject({ code: 'store-unavailable', detail: 'redis-timeout', cause })
    const already = new StoreUnavailableError('breaker-open')
    expect(unavailable(already)).toBe(already)
  })

  it('has the reason of the connection as its cause, not that there is none', () => {
    const wrong = reply('WRONGPASS invalid username-password pair')
    const closed = new Error("Stream isn't writeable and enableOfflineQueue options is false")
    expect(unavailable(closed, wrong).cause).toBe(wrong)
    // A reply that came over it is about the command.
    expect(unavailable(reply('LOADING Redis is loading'), wrong)).toMatchObject({ detail: 'redis-loading' })
  })

  it('says that there is no connection where the cause is unknown', () => {
    const unsent = new Error("Stream isn't writeable and enableOfflineQueue options is false")
    expect(String(unavailable(unsent).cause)).toBe('NoConnectionError: there is no connection at the moment')
  })
})

describe('the reason in one word', () => {
  const withCode = (code: string, message = code) => Object.assign(new Error(message), { code })
  it.each([
    [withCode('ERR_TLS_CERT_ALTNAME_INVALID'), 'certificate'],
    [withCode('DEPTH_ZERO_SELF_SIGNED_CERT'), 'certificate'],
    [withCode('CERT_HAS_EXPIRED'), 'certificate'],
    [withCode('EPROTO'), 'tls'],
    [withCode('ENOTFOUND'), 'name-resolution'],
    [withCode('ECONNREFUSED'), 'connection-refused'],
    [withCode('ECONNRESET'), 'connection-reset'],
    [new Error('connect ETIMEDOUT'), 'timeout'],
    [new Error('Command timed out'), 'timeout'],
    [reply('WRONGPASS invalid username-password pair'), 'refused-access'],
    [reply("CROSSSLOT Keys in request don't hash to the same slot"), 'crossslot'],
    [reply('ERR max number of clients reached'), 'err'],
    [reply('ERR No such master with that name'), 'unknown-master'],
    [new Error('Connection is closed.'), 'unavailable'],
  ])('of %s is %s', (error, reason) => {
    expect(reasonOf(error)).toBe(reason)
  })
})
