import request from 'supertest'
import { describe, expect, it } from 'vitest'
import { createTestApp } from '../../test/support/app.ts'

async function setUp() {
  const clock = { nowMs: Date.now() }
  const opened: (string | undefined)[] = []
  const test = await createTestApp({
    nowMs: () => clock.nowMs,
    alter: (portcullis) => ({
      ...portcullis,
      changes: {
        ...portcullis.changes,
        open(from) {
          opened.push(from)
          return portcullis.changes.open(from)
        },
      },
    }),
  })
  const admin = await test.bearer('adam', { roles: ['admin'] })
  const issue = async () =>
    (await request(test.app).post('/changes/tickets').set('authorization', admin)).body as {
      ticket: string
      expiresAt: string
    }
  return { ...test, clock, opened, admin, issue }
}

describe('a ticket for the change feed', () => {
  it('opens it without a header, as EventSource does, from the last id on', async () => {
    const { app, issue, opened } = await setUp()
    const { ticket } = await issue()
    const answer = await request(app)
      .get(`/changes?ticket=${ticket}&lastEventId=abc`)
      .set('accept', 'text/event-stream')
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8'])
    await request(app).get(`/changes?ticket=${ticket}&lastEventId=abc`).set('last-event-id', 'def')
    expect(opened).toEqual(['abc', 'def'])
  })

  it('is over after a minute', async () => {
    const { app, issue, clock } = await setUp()
    const { ticket, expiresAt } = await issue()
    expect(Date.parse(expiresAt)).toBe(clock.nowMs + 60_000)
    clock.nowMs += 59_999
    expect((await request(app).get(`/changes?ticket=${ticket}`)).status).toBe(200)
    clock.nowMs += 1
    expect((await request(app).get(`/changes?ticket=${ticket}`)).status).toBe(401)
  })

  it('is good for nothing else, and only as it was issued', async () => {
    const { app, issue } = await setUp()
    const { ticket } = await issue()
    for (const path of ['/users', '/me', '/admin/audit'])
      expect((await request(app).get(`${path}?ticket=${ticket}`)).status).toBe(401)
    expect((await request(app).get('/changes').set('authorization', `Bearer ${ticket}`)).status).toBe(401)
    expect((await request(app).post(`/changes/tickets?ticket=${ticket}`)).status).toBe(401)
    for (const wrong of ['', 'x', `${ticket}A`, ticket.slice(1), ticket.slice(0, -1)])
      expect([wrong, (await request(app).get(`/changes?ticket=${wrong}`)).status]).toEqual([wrong, 401])
    const middle = Math.floor(ticket.length / 2)
    const altered = ticket.slice(0, middle) + (ticket[middle] === 'A' ? 'B' : 'A') + ticket.slice(middle + 1)
    expect((await request(app).get(`/changes?ticket=${altered}`)).status).toBe(401)
  })

  it('of somebody who was disabled since opens nothing', async () => {
    const { app, issue, portcullis } = await setUp()
    const { ticket } = await issue()
    const user = await portcullis.reads.user('adam' as never)
    portcullis.reads.user = async () => ({ ...user, disabled: true }) as never
    expect((await request(app).get(`/changes?ticket=${ticket}`)).status).toBe(403)
  })

  it('never reaches the log', async () => {
    const { app, issue, logged } = await setUp()
    const { ticket } = await issue()
    await request(app).get(`/changes?ticket=${ticket}`)
    expect(logged.join()).not.toContain(ticket)
  })
})
