/** What the OpenAPI document promises, as a judge of answers: status, media type, headers and the body's schema. */
import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Answer } from './http-client.ts'

export type Schema = Readonly<Record<string, unknown>>

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}

interface MediaType {
  readonly schema?: Schema
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface DocumentedOperation {
  readonly operationId: string
  readonly security?: readonly unknown[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, MediaType>> }
  readonly responses: Readonly<
    Record<
      string,
      { readonly headers?: Readonly<Record<string, unknown>>; readonly content?: Readonly<Record<string, MediaType>> }
    >
  >
}

export interface Operation extends DocumentedOperation {
  readonly method: string
  /** As in the document, `/users/{id}`. */
  readonly path: string
}

export interface Contract {
  readonly operations: readonly Operation[]
  /** A schema of the document without its reference. */
  resolve(schema: Schema): Schema
  operationOf(method: string, path: string): Operation | undefined
  /** What is wrong with an answer; of a call that is not in the document, only what holds for every answer. */
  judge(sent: { readonly method: string; readonly path: string }, answer: Answer): string[]
  /** Whether the document allows this value as the body of this operation. */
  allowsBody(operation: Operation, value: unknown): boolean
}

const DOCUMENT = 'openapi'
/** Files that the reference page loads: no calls. */
const PARTS_OF_THE_PAGE = /^\/(docs|console)\//
const METHODS = new Set(['get', 'put', 'post', 'patch', 'delete'])
/** On every answer, whatever it says. */
const ALWAYS: Readonly<Record<string, RegExp>> = {
  'x-request-id': /\S/,
  'cache-control': /^(private, no-cache|no-store|private, no-cache, no-store)$/,
  'x-content-type-options': /^nosniff$/,
  'content-security-policy': /default-src/,
}
/** Headers that a status is useless without. */
const WITH_STATUS: Readonly<Record<number, readonly string[]>> = {
  401: ['www-authenticate'],
  405: ['allow'],
  429: ['retry-after'],
  503: ['retry-after'],
}
/** Nothing an answer may give away: where the code lies, what runs it, what it asked the database. */
const LEAKS = /\bat .{1,200}:\d+:\d+|node_modules|\bSELECT\b.{1,200}\bFROM\b|prisma|x-powered-by/i

export function createContract(document: OpenApiDocument): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  ajv.addSchema({ $id: DOCUMENT, ...document } as object)
  const compiled = new Map<string, ValidateFunction>()
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      METHODS.has(method) ? [{ ...operation, method, path }] : [],
    ),
  )
  const patterns = operations.map((operation) => ({
    operation,
    pattern: new RegExp(`^${operation.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
  }))

  function validator(steps: readonly string[]): ValidateFunction {
    const pointer = steps.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
    const known = compiled.get(pointer) ?? ajv.compile({ $ref: `${DOCUMENT}#/${pointer}` })
    compiled.set(pointer, known)
    return known
  }

  function judgeBody(operation: Operation, answer: Answer): string[] {
    const documented = operation.responses[String(answer.status)]
    const media = mediaTypeOf(answer)
    const content = documented?.content ?? {}
    if (answer.text === '') return Object.keys(content).length === 0 ? [] : ['the body is missing']
    const type = Object.keys(content).find((each) => each === media)
    if (type === undefined) return [`the media type ${media} is not documented`]
    if (!/json$/.test(type) || content[type]?.schema === undefined) return []
    const validate = validator([
      'paths',
      operation.path,
      operation.method,
      'responses',
      String(answer.status),
      'content',
      type,
      'schema',
    ])
    return validate(JSON.parse(answer.text)) ? [] : (validate.errors ?? []).map(described)
  }

  /** What refuses a call that is not in the document is a problem as any other. */
  function judgeProblem(path: string, answer: Answer): string[] {
    const [type, schema] = path.startsWith('/scim/v2/')
      ? (['application/scim+json', 'ScimError'] as const)
      : (['application/problem+json', 'Problem'] as const)
    if (mediaTypeOf(answer) !== type) return [`${mediaTypeOf(answer)} is no problem`]
    const validate = validator(['components', 'schemas', schema])
    return validate(JSON.parse(answer.text)) ? [] : (validate.errors ?? []).map(described)
  }

  function operationOf(method: string, path: string): Operation | undefined {
    const wanted = method === 'HEAD' ? 'get' : method.toLowerCase()
    return patterns.find(({ operation, pattern }) => operation.method === wanted && pattern.test(path))?.operation
  }

  return {
    operations,
    resolve(schema) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(String(schema.$ref ?? ''))?.[1]
      return name === undefined ? schema : (document.components.schemas[name] ?? {})
    },
    operationOf,
    judge({ method, path }, answer) {
      const operation = operationOf(method, path.split('?', 1)[0] ?? '')
      const found = [...judgeAny(answer)]
      if (method === 'HEAD') return found
      if (method === 'OPTIONS')
        return answer.status === 204 &&
          (answer.headers.allow ?? answer.headers['access-control-allow-methods']) === undefined
          ? [...found, 'no methods are named']
          : found
      if (operation === undefined && answer.status >= 400) return [...found, ...judgeProblem(path, answer)]
      if (operation === undefined)
        return PARTS_OF_THE_PAGE.test(path) ? found : [...found, `${answer.status} from a call that is not documented`]
      const documented = operation.responses[String(answer.status)]
      if (documented === undefined) return [...found, `the status ${answer.status} is not documented`]
      // A page that is the last has no next one, and the tag of a list that can be replaced comes with its first page.
      const later = /[?&]cursor=/.test(path)
      for (const name of Object.keys(documented.headers ?? {}))
        if (name !== 'Link' && !(name === 'ETag' && later) && answer.headers[name.toLowerCase()] === undefined)
          found.push(`the header ${name} is missing`)
      return [...found, ...judgeBody(operation, answer)]
    },
    allowsBody(operation, value) {
      const [type] = Object.keys(operation.requestBody?.content ?? {})
      if (type === undefined) return true
      return validator(['paths', operation.path, operation.method, 'requestBody', 'content', type, 'schema'])(value)
    },
  }
}

function judgeAny({ status, headers, text }: Answer): string[] {
  const found: string[] = []
  for (const [name, form] of Object.entries(ALWAYS))
    if (!form.test(String(headers[name] ?? ''))) found.push(`${name} is ${headers[name]}`)
  for (const name of WITH_STATUS[status] ?? []) if (headers[name] === undefined) found.push(`${status} without ${name}`)
  if (headers['x-powered-by'] !== undefined) found.push('it says what it is made with')
  if (status < 400) return found
  if (text !== '') {
    const problem = JSON.parse(text) as { status?: unknown }
    // SCIM has it as a text.
    if (Number(problem.status) !== status) found.push('the problem names another status')
    if (LEAKS.test(text)) found.push('the problem tells what is behind it')
  }
  return found
}

function mediaTypeOf({ headers }: Answer): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? ''
}

function described({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath || '/'} ${message} ${JSON.stringify(params)}`
}
