/** Whole requests for one operation of the document: path, query, headers, body and caller. */
import fc from 'fast-check'
import type { Contract, Operation, Parameter } from './contract.ts'
import type { Sent } from './http-client.ts'
import type { KnownKind, KnownValues } from './known-values.ts'
import { createSchemaArbitraries } from './schema-arbitraries.ts'

export const CALLERS = ['admin', 'user', 'stranger', 'anonymous'] as const
export type CallerKind = (typeof CALLERS)[number]
export type Mode = 'valid' | 'boundary' | 'mutated'

export interface GeneratedRequest {
  readonly operation: Operation
  readonly mode: Mode
  readonly caller: CallerKind
  readonly sent: Sent
  /** The JSON value of the body; absent where the body is not JSON on purpose, or there is none. */
  readonly body?: unknown
}

/** Bodies that are not JSON, or not only. */
const RAW_BODIES = [
  '',
  '{',
  '{"name":"a",}',
  '{"name":"a"}{"name":"b"}',
  '{"name":"a","name":"b","kind":"k"}',
  '\ufeff{}',
  'null',
  '1e999',
  '{"name":1e999}',
  'NaN',
  '"\\ud800"',
  '   ',
  '['.repeat(100_000),
  '{"a":'.repeat(5000),
  Buffer.from([0xff, 0xfe, 0x00]),
  Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
]

/** Headers that proxies, browsers and attackers send. Node's client refuses line breaks, so nothing here has one. */
const STRANGE_HEADERS: readonly Readonly<Record<string, string>>[] = [
  { accept: 'text/html' },
  { accept: 'application/json;q=0, */*;q=0' },
  { accept: ','.repeat(2000) },
  { 'accept-language': 'xx', 'accept-encoding': 'identity;q=0' },
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/xml' },
  { 'content-encoding': 'gzip' },
  { 'content-encoding': 'unheard-of' },
  { 'if-match': '"1"' },
  { 'if-match': '*' },
  { 'if-match': 'W/"1.a.none.aaaaaaaaaaaaaaaa"' },
  { 'if-none-match': '*' },
  { 'if-none-match': '"'.repeat(3000) },
  { 'idempotency-key': 'a'.repeat(256) },
  { 'idempotency-key': 'with space' },
  { 'consistency-token': 'nonsense' },
  { 'consistency-token': 'a'.repeat(4000) },
  { 'cache-control': 'no-cache, no-store' },
  { authorization: 'Bearer nonsense' },
  { authorization: 'Basic YTpi' },
  { 'x-http-method-override': 'DELETE' },
  { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' },
  { 'x-request-id': 'a'.repeat(500) },
  { 'last-event-id': 'not-a-position' },
  { origin: 'https://evil.example' },
  { range: 'bytes=0-1' },
  { cookie: 'a=b' },
]

const STRANGE_QUERIES = [
  'unknown=1',
  'limit=1&limit=2',
  '__proto__=1',
  'limit[]=1',
  'q=%',
  'q=%ff',
  'limit=%31',
  '&&&',
  '=',
  'cursor=',
  'q=%00',
  `q=${'a'.repeat(3000)}`,
  'after=1:2',
]
const STRANGE_SEGMENTS = [
  '%',
  '%00',
  '%ff',
  '..',
  '%2e%2e%2f',
  'a'.repeat(3000),
  'name:',
  'name:%01',
  '%F0%9F%98%80',
  "'%20OR%201=1",
  '*',
  '%7Balice%7D',
  '-',
  '__proto__',
]

export interface RequestArbitraries {
  request(operation: Operation): fc.Arbitrary<GeneratedRequest>
}

export function createRequestArbitraries(contract: Contract, known: KnownValues): RequestArbitraries {
  const schemas = createSchemaArbitraries(contract, known)
  const from = (kind: KnownKind) => fc.nat().map((place) => known.pick(kind, place))

  function segment(operation: Operation, { name }: Parameter, mode: Mode): fc.Arbitrary<string> {
    const kind = kindOf(operation.path, name)
    const fresh =
      kind === 'user' ? fc.string({ unit: fc.constantFrom(...'abc é/:{}*%'), minLength: 1, maxLength: 12 }) : fc.uuid()
    const usual = fc
      .oneof({ weight: 4, arbitrary: from(kind).map((value) => value ?? 'nobody') }, { weight: 1, arbitrary: fresh })
      .map(encodeURIComponent)
    return mode === 'mutated'
      ? fc.oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...STRANGE_SEGMENTS) })
      : usual
  }

  function path(operation: Operation, mode: Mode): fc.Arbitrary<string> {
    const parameters = (operation.parameters ?? []).filter((each) => each.in === 'path')
    return fc
      .tuple(...parameters.map((each) => segment(operation, each, mode)))
      .map((values) =>
        parameters.reduce(
          (made, { name }, index) => made.replace(`{${name}}`, () => values[index] ?? ''),
          operation.path,
        ),
      )
  }

  /** Tokens, tags and cursors cannot be made up: valid ones are those that were handed out. */
  function parameterValue({ name, schema }: Parameter, mode: Mode): fc.Arbitrary<string | undefined> {
    const kind = ({ 'consistency-token': 'token', 'if-none-match': 'etag', 'if-match': 'etag' } as const)[name]
    if (kind !== undefined) return from(kind)
    // A cursor belongs to one caller and one query: by chance it never fits, so a valid request has none.
    if (['cursor', 'after', 'last-event-id', 'lastEventId', 'ticket'].includes(name))
      return mode === 'valid' ? fc.constant(undefined) : fc.oneof(from('cursor'), from('position'))
    if (name === 'cache-control') return fc.constantFrom('no-cache', 'max-age=0')
    if (name === 'idempotency-key') return fc.uuid()
    const value = mode === 'boundary' ? schemas.boundary(schema) : schemas.valid(schema)
    return value.map(String)
  }

  function parameters(operation: Operation, where: 'query' | 'header', mode: Mode): fc.Arbitrary<[string, string][]> {
    const some = (operation.parameters ?? []).filter((each) => each.in === where)
    return fc
      .tuple(...some.map((each) => fc.tuple(fc.integer({ min: 0, max: 2 }), parameterValue(each, mode))))
      .map((values) =>
        values.flatMap(([chance, value], index): [string, string][] =>
          value !== undefined && (chance === 0 || some[index]?.required === true)
            ? [[some[index]?.name ?? '', value]]
            : [],
        ),
      )
  }

  function query(operation: Operation, mode: Mode): fc.Arbitrary<string> {
    const usual = parameters(operation, 'query', mode).map((pairs) =>
      pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encoded(value)}`).join('&'),
    )
    return mode === 'mutated' ? fc.oneof(usual, fc.constantFrom(...STRANGE_QUERIES)) : usual
  }

  function headers(operation: Operation, mode: Mode): fc.Arbitrary<Record<string, string>> {
    const usual = parameters(operation, 'header', mode).map((pairs) =>
      Object.fromEntries(pairs.filter(([, value]) => /^[\x20-\x7e]*$/.test(value))),
    )
    if (mode !== 'mutated') return usual
    return fc
      .tuple(usual, fc.oneof(fc.constant({}), fc.constantFrom(...STRANGE_HEADERS)))
      .map(([some, strange]) => ({ ...some, ...strange }))
  }

  interface Body {
    readonly bytes?: string | Buffer
    readonly value?: unknown
  }

  function body(operation: Operation, mode: Mode): fc.Arbitrary<Body> {
    const [content] = Object.values(operation.requestBody?.content ?? {})
    if (content?.schema === undefined)
      return mode === 'mutated' ? fc.constantFrom<Body>({}, { bytes: '{"unasked":1}' }) : fc.constant({})
    const json = schemas[mode](content.schema).map((value): Body => ({ bytes: JSON.stringify(value) ?? 'null', value }))
    const raw = fc.constantFrom(...RAW_BODIES).map((bytes): Body => ({ bytes }))
    return mode === 'mutated' ? fc.oneof({ weight: 4, arbitrary: json }, { weight: 1, arbitrary: raw }) : json
  }

  function inMode(operation: Operation, mode: Mode): fc.Arbitrary<GeneratedRequest> {
    const callers = fc.oneof(
      { weight: 5, arbitrary: fc.constant<CallerKind>('admin') },
      { weight: 3, arbitrary: fc.constantFrom(...CALLERS) },
    )
    const method =
      mode === 'mutated'
        ? fc.oneof(
            { weight: 12, arbitrary: fc.constant(operation.method) },
            { weight: 1, arbitrary: fc.constantFrom('head', 'options', 'put', 'delete', 'post', 'patch', 'trace') },
          )
        : fc.constant(operation.method)
    return fc
      .tuple(
        callers,
        method,
        path(operation, mode),
        query(operation, mode),
        headers(operation, mode),
        body(operation, mode),
      )
      .map(([caller, how, where, asked, head, { bytes, value }]) => {
        const type = Object.keys(operation.requestBody?.content ?? { 'application/json': {} })[0] ?? 'application/json'
        const sent: Sent = {
          method: how.toUpperCase(),
          path: asked === '' ? where : `${where}?${asked}`,
          headers: { ...(bytes !== undefined && { 'content-type': type }), ...head },
          ...(bytes !== undefined && { body: bytes }),
        }
        return { operation, mode, caller, sent, ...(value !== undefined && { body: value }) }
      })
  }

  return {
    request: (operation) =>
      fc.oneof(
        { weight: 3, arbitrary: inMode(operation, 'valid') },
        { weight: 2, arbitrary: inMode(operation, 'boundary') },
        { weight: 3, arbitrary: inMode(operation, 'mutated') },
      ),
  }
}

function kindOf(path: string, parameter: string): KnownKind {
  if (parameter === 'userId') return 'user'
  if (parameter === 'resourceId') return 'resource'
  return path.startsWith('/groups') ? 'group' : path.startsWith('/resources') ? 'resource' : 'user'
}

/** Half a surrogate pair has no percent-encoding; what is sent in its place is as wrong. */
function encoded(value: string): string {
  return value.isWellFormed() ? encodeURIComponent(value) : '%ed%a0%80'
}

/** For a report: something a person can send again. */
export function described({ mode, caller, sent }: GeneratedRequest): string {
  const { body } = sent
  const shown = body === undefined ? '' : ` ${JSON.stringify(body.toString().slice(0, 400))}`
  return `${mode} as ${caller}: ${sent.method} ${sent.path.slice(0, 400)} ${JSON.stringify(sent.headers)}${shown}`
}
