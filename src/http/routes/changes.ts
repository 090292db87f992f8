/** The change feed: what stopped being valid, for services that keep caches of their own. */
import type { Request } from 'express'
import { z } from 'zod'
import type { ChangeEvent, ChangeStream } from '../../domain/api.ts'
import { DomainError } from '../../domain/errors.ts'
import { CLOUD_EVENT_TYPE, cloudEventOut, cloudEvents, plainEvent } from '../change-events.ts'
import { formatEvent, type ServerSentEvent } from '../event-stream.ts'
import { admin } from '../policies.ts'
import { HttpError } from '../problem.ts'
import { json } from '../reply.ts'
import { route } from '../route.ts'

/** How soon a client is to come back after an end, in milliseconds; its own default is for it to choose. */
const RETRY = 'retry: 1000\n\n'

const STREAM_TYPE = 'text/event-stream'

const ticketOut = z
  .object({ ticket: z.string(), expiresAt: z.string().meta({ format: 'date-time' }) })
  .meta({ id: 'Ticket' })

const followChanges = route({
  operationId: 'followChanges',
  method: 'get',
  path: '/changes',
  summary:
    'What stopped being valid, as Server-Sent Events: `change` (its data is a `Change`), or `reset` when everything held must go. With `Accept: application/cloudevents+json` each is a CloudEvent instead, still one event of the stream. Ends every few minutes: come back with `Last-Event-ID`, which misses nothing and may repeat',
  tag: 'Changes',
  policy: admin,
  quota: 'admin',
  produces: STREAM_TYPE,
  otherForms: { [CLOUD_EVENT_TYPE]: cloudEventOut },
  takesTickets: true,
  query: z.strictObject({
    ticket: z
      .string()
      .regex(/^[\w-]{1,8192}$/, { error: 'is not a ticket' })
      .exactOptional()
      .meta({ description: 'From `POST /changes/tickets`, instead of a token: for `EventSource`' }),
    lastEventId: z
      .string()
      .regex(/^[\w-]{1,8192}$/, { error: 'is not an id of this stream' })
      .exactOptional()
      .meta({ description: 'Replaces `Last-Event-ID` for a new `EventSource`; the header takes precedence' }),
    format: z
      .literal('cloudevents', { error: 'must be cloudevents' })
      .exactOptional()
      .meta({ description: 'Replaces the `Accept` header, which `EventSource` cannot set' }),
  }),
  reads: { 'last-event-id': 'The last id received; without it the stream starts now.' },
  answers: [{ status: 200, description: 'The stream' }],
  async handle({ http, query, baseUrl }, { changes }) {
    const from = lastEventId(http.headers['last-event-id']) ?? query.lastEventId
    const stream = await changes.open(from).catch(inWordsOfTheHeader)
    const form = query.format !== undefined || prefersCloudEvents(http) ? cloudEvents(baseUrl()) : plainEvent
    return { status: 200, headers: ['X-Accel-Buffering', 'no'], stream: onTheWire(stream, form) }
  },
})

const createChangeTicket = route({
  operationId: 'createChangeTicket',
  method: 'post',
  path: '/changes/tickets',
  summary:
    'A ticket to open the change feed with in a browser, where `EventSource` can send no token; good for a minute',
  tag: 'Changes',
  policy: admin,
  quota: 'admin',
  answers: [{ status: 201, description: 'The ticket', schema: ticketOut }],
  handle: ({ ticket }) => json(ticket(), { status: 201 }),
})

export const changeRoutes = [followChanges, createChangeTicket]

function lastEventId(given: string | string[] | undefined): string | undefined {
  if (given === undefined || given === '') return undefined
  if (typeof given === 'string' && /^[\w-]{1,8192}$/.test(given)) return given
  throw notAnId()
}

const notAnId = () =>
  new HttpError('malformed-request', 'Last-Event-ID must be an id of this stream; without one it starts now.')

/** The domain calls an event's id a cursor; clients do not know that word. */
function inWordsOfTheHeader(error: unknown): never {
  throw error instanceof DomainError && error.code === 'invalid-input' ? notAnId() : error
}

/** A client that accepts both formats takes the framing for granted and means the data inside. */
function prefersCloudEvents({ headers: { accept = '' } }: Request): boolean {
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    return type === CLOUD_EVENT_TYPE && !parameters.some((each) => /^q=0(\.0*)?$/.test(each))
  })
}

function onTheWire(stream: ChangeStream, form: (event: ChangeEvent) => ServerSentEvent) {
  let begun = false
  return {
    async next() {
      const events = await stream.next()
      if (events === null) return null
      const text = events.map(form).map(formatEvent).join('')
      const first = !begun
      begun = true
      return first ? RETRY + text : text
    },
    close: () => stream.close(),
  }
}
