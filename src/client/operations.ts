/** The types of a call, by its operation's id: what it takes and what it answers. */
import type { components, OPERATIONS, operations } from './generated.ts'

export type OperationId = keyof typeof OPERATIONS & keyof operations

/** Only the members that may be given: the generator writes `never` for the others. */
type Given<Holder> = { [Name in keyof Holder as NonNullable<Holder[Name]> extends never ? never : Name]: Holder[Name] }

/** Without the headers that the client itself sends, and those that a 304 would answer. */
type OwnHeaders = 'consistency-token' | 'if-none-match'

type HeadersOf<Parameters> = Parameters extends { readonly header?: infer Header }
  ? NonNullable<Header> extends never
    ? unknown
    : { readonly headers?: Omit<NonNullable<Header>, OwnHeaders> }
  : unknown

type BodyOf<Operation> = Operation extends { readonly requestBody: { readonly content: infer Content } }
  ? { readonly body: Content[keyof Content] }
  : Operation extends { readonly requestBody?: infer Body }
    ? NonNullable<Body> extends { readonly content: infer Content }
      ? { readonly body?: Content[keyof Content] }
      : unknown
    : unknown

/** `path` and `query` by name, `body`, `headers`. */
export type InputOf<Id extends OperationId> = Given<Omit<operations[Id]['parameters'], 'header' | 'cookie'>> &
  HeadersOf<operations[Id]['parameters']> &
  BodyOf<operations[Id]>

type Success<Responses> = {
  [Status in keyof Responses]: Status extends 200 | 201 | 204 ? Responses[Status] : never
}[keyof Responses]
type JsonOf<Response> = Response extends { readonly content: { readonly 'application/json': infer Json } } ? Json : null

/** The body of a success; null where there is none. */
export type DataOf<Id extends OperationId> = JsonOf<Success<operations[Id]['responses']>>

/** A call without required arguments may be made without any. */
export type Arguments<Id extends OperationId, Options> =
  Record<never, never> extends InputOf<Id>
    ? [input?: InputOf<Id>, options?: Options]
    : [input: InputOf<Id>, options?: Options]

export type PagedId = {
  [Id in OperationId]: (typeof OPERATIONS)[Id] extends { readonly cursor: string | null } ? Id : never
}[OperationId]

export type ItemOf<Id extends OperationId> =
  DataOf<Id> extends { readonly data: readonly (infer Item)[] } ? Item : never

export type Problem = components['schemas']['Problem']
export type ScimError = components['schemas']['ScimError']
