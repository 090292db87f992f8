import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestApp } from '../../test/support/app.ts'
import { redeemFrom } from '../http/sign-in-code.ts'
import { writeConsoleGrant } from './console-link.ts'

describe('the code of the console link', () => {
  let folder: string
  let file: string
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'portcullis-code-'))
    file = path.join(folder, 'console-sign-in.json')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('works once, and a wrong one does not use it up', () => {
    const code = writeConsoleGrant(file, 'a-token')
    const redeem = redeemFrom(file)
    expect(redeem('x'.repeat(code.length))).toBeNull()
    expect(redeem(code)).toBe('a-token')
    expect(redeem(code)).toBeNull()
  })

  it('is replaced by the code of the next start', () => {
    const first = writeConsoleGrant(file, 'first')
    const second = writeConsoleGrant(file, 'second')
    expect([redeemFrom(file)(first), redeemFrom(file)(second)]).toEqual([null, 'second'])
  })

  it('is exchanged over HTTP nowhere but in the local stack', async () => {
    const code = writeConsoleGrant(file, 'a-token')
    const { app } = await createTestApp()
    expect((await request(app).post('/console/sign-in').send({ code })).status).toBe(404)
  })
})
