/** The form in which every call of the API is declared: method, path, policy, schemas, handler. */
import type { Request } from 'express'
import type { z } from 'zod'
import type { MutationContext, Portcullis, ReadContext } from '../domain/api.ts'
import type { Permission } from '../domain/model.ts'
import type { Caller } from './caller.ts'
import type { Policy } from './policies.ts'
import type { ProblemCode } from './problem.ts'
import type { Quota } from './rate-limits.ts'
import type { Reply } from './reply.ts'
import type { Ticket } from './tickets.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

export interface RouteRequest<Params, Query, Body> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly caller: Caller
  /** The caller's permission on the resource of the path, where the policy had to look it up. */
  readonly held?: Permission | undefined
  /** What the caller asks of a read: `Cache-Control`, `Consistency-Token`. */
  readonly terms: ReadContext
  /** The context of a mutation: its actor, idempotency key and reason. */
  mutation(reason?: string): MutationContext
  /** For a call that a browser opens without headers. */
  ticket(): Ticket
  /** Where clients reach the service, without a slash at the end: as configured, else the origin that this request was for. */
  baseUrl(): string
  /** The raw request, for conditional headers. */
  readonly http: Request
}

export interface SuccessAnswer {
  readonly status: 200 | 201 | 204 | 303
  readonly description: string
  readonly schema?: z.ZodType
  /** Those that this answer carries. */
  readonly headers?: readonly DocumentedHeader[]
}

export type DocumentedHeader = 'Consistency-Token' | 'ETag' | 'Cache-Status' | 'Link' | 'Location' | 'Content-Location'

/** `Read` is the body as the handler gets it; it differs from the schema if a route reads the bytes itself. */
export interface Route<Params = unknown, Query = unknown, Body = unknown, Read = Body> {
  /** What generated clients call it: a verb and its object. */
  readonly operationId: string
  readonly method: Method
  /** Express's form, `/users/:id/groups`. */
  readonly path: string
  readonly summary: string
  readonly tag: string
  /** Decides who may call it; without one the service does not start. */
  readonly policy: Policy
  readonly params?: z.ZodType<Params>
  readonly query?: z.ZodType<Query>
  readonly body?: z.ZodType<Body>
  /** A ticket in the query may stand in for the token. */
  readonly takesTickets?: true
  /**
   * Reads the bytes of a body that may be too large to be parsed at once, and checks them as the schema would. The
   * buffers are given away.
   */
  readonly readsBody?: (blocks: readonly Uint8Array<ArrayBuffer>[]) => Promise<Read>
  /** An example of the body that works against the sample organisation. */
  readonly bodyExample?: unknown
  /** `application/json` where absent. */
  readonly consumes?: readonly string[]
  /** How a body of another type is refused: 415 where absent, 400 where the protocol knows no other. */
  readonly otherMediaTypes?: 'malformed-request'
  /** 1 MiB where absent. */
  readonly bodyLimitBytes?: number
  /** No body counts as `{}`. */
  readonly bodyOptional?: true
  /** Whose rate limit it counts against; `read` for GET and `write` for the rest where absent. */
  readonly quota?: Quota
  /** The request budget of the configuration where absent. */
  readonly deadlineMs?: number
  /** The media type of a success; `application/json` where absent. */
  readonly produces?: string
  /** Other names of it that `Accept` may have, for the same body. */
  readonly alsoNamed?: readonly string[]
  /** How refusals look; as RFC 9457 has them where absent. */
  readonly refusesAs?: 'scim'
  /** Media types that are answered with the address of another page. */
  readonly redirects?: readonly string[]
  /** Other media types that `Accept` may name, each with the schema of what is sent then. */
  readonly otherForms?: Readonly<Record<string, z.ZodType>>
  /** Headers that mean something to this call alone, each with what it says. */
  readonly reads?: Readonly<Record<string, string>>
  readonly answers: readonly SuccessAnswer[]
  /** Refusals beyond those that any route can give. */
  readonly refuses?: readonly ProblemCode[]
  handle(request: RouteRequest<Params, Query, Read>, portcullis: Portcullis): Promise<Reply> | Reply
}

/** Whether a repeated request with the same idempotency key has one effect. */
export const takesIdempotencyKey = ({ refuses = [] }: Route): boolean => refuses.includes('idempotency-in-progress')

/** Keeps the types of the schemas inside the declaration and gives the list of routes one type. */
export function route<Params = unknown, Query = unknown, Body = unknown, Read = Body>(
  declared: Route<Params, Query, Body, Read>,
): Route {
  return declared as Route
}
