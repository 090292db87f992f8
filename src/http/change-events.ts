/** A change as it goes over the wire: plain, or as a CloudEvent (CloudEvents 1.0.2, JSON format), with the schemas of both. */
import { z } from 'zod'
import type { ChangeEvent } from '../domain/api.ts'
import { nextId } from './access-log.ts'
import type { ServerSentEvent } from './event-stream.ts'

/** An event in structured mode; no binding for Server-Sent Events exists, so each `data` line is one such event. */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json'

const ids = (description: string) => z.array(z.string()).meta({ description })

const changeOut = z
  .object({
    event: z.string().meta({
      description: "The mutation's name; `sql:` and a table for what was written behind the API",
      examples: ['removeUserFromGroup'],
    }),
    at: z.string().meta({ format: 'date-time' }),
    users: ids('Users that changed, or whose memberships did'),
    places: ids('Groups that were created, deleted, renamed or moved in the tree'),
    grants: ids('Groups whose grants changed, or the resources that they are granted'),
    resources: ids('Resources that changed, or whose grants did; empty where there are too many to name'),
    buckets: ids('First bytes (two hex digits) of the ids of all resources that changed'),
    layers: ids('Whole layers of the cache, where naming users would be too many: treat everybody as changed'),
    names: z.record(z.string(), z.string()).meta({
      description:
        'Names of the groups and resources above, by id, as they are now; of what this change deleted, the last ones. What has been deleted since has none, and a long backlog names the first thousands only.',
    }),
  })
  .meta({ id: 'Change', description: 'What one committed mutation made invalid' })

const common = {
  specversion: z.literal('1.0'),
  id: z.string().meta({ description: 'The same whenever this change is sent again' }),
  source: z.string().meta({ format: 'uri-reference', description: "The feed's address" }),
}

export const cloudEventOut = z
  .union([
    z.object({
      ...common,
      type: z.string().meta({
        pattern: '^portcullis\\.change\\.',
        description: 'For example portcullis.change.removeUserFromGroup',
      }),
      time: z.string().meta({ format: 'date-time' }),
      datacontenttype: z.literal('application/json'),
      dataschema: z.string().meta({ format: 'uri' }),
      data: changeOut,
    }),
    z.object({
      ...common,
      type: z.literal('portcullis.reset').meta({
        description: 'Changes may have been missed: discard everything that was cached from this feed',
      }),
    }),
  ])
  .meta({ id: 'ChangeCloudEvent', description: 'CloudEvents 1.0, in the JSON format' })

/** Without a change or a reset only the position moved: the client remembers the id, and sees no event. */
export function plainEvent({ id, change, reset }: ChangeEvent): ServerSentEvent {
  if (reset) return { id, event: 'reset', data: {} }
  return change === undefined ? { id } : { id, event: 'change', data: change }
}

/** @param base where clients reach the service, without a slash at the end */
export const cloudEvents =
  (base: string) =>
  ({ id, key, change, reset }: ChangeEvent): ServerSentEvent => {
    const [specversion, source] = ['1.0', `${base}/changes`]
    if (reset) return { id, data: { specversion, id: nextId(), source, type: 'portcullis.reset' } }
    if (change === undefined) return { id }
    return {
      id,
      data: {
        specversion,
        id: key,
        source,
        type: `portcullis.change.${change.event.replace(':', '.')}`,
        time: change.at,
        datacontenttype: 'application/json',
        dataschema: `${base}/openapi.json#/components/schemas/Change`,
        data: change,
      },
    }
  }
