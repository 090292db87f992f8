/** Values made of a JSON schema: ones it allows, ones at its edges, and allowed ones with one thing broken. */
import fc from 'fast-check'
import type { Contract, Schema } from './contract.ts'
import type { KnownKind, KnownValues } from './known-values.ts'

export interface SchemaArbitraries {
  /** Allowed by the schema, and by the rules on text that a schema cannot express. */
  valid(schema: Schema): fc.Arbitrary<unknown>
  /** On an edge or just beyond it. */
  boundary(schema: Schema): fc.Arbitrary<unknown>
  /** An allowed value with one thing replaced, added or taken away. */
  mutated(schema: Schema): fc.Arbitrary<unknown>
}

/** Letters of several scripts and widths, and what separators, quotes and patterns are made of; no control characters. */
const CHARACTER = fc.constantFrom(...'aZ09 ./-_:é漢😀ß%#?&+="\'<>\\{}*', '\u202e', '\u00a0', '\ufeff')
const USUAL_LENGTH = 24

const deep = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}1${']'.repeat(depth)}`)

/** What breaks programs: wrong types, edges of numbers, text that is markup, code, a path or no text at all. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  '',
  ' ',
  'a'.repeat(5000),
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u0085',
  '\r\nset-cookie: a=b',
  '__proto__',
  'constructor',
  'all',
  '*',
  '{alice}',
  "'; DROP TABLE users; --",
  '$' + '{jndi:ldap://127.0.0.1/a}',
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '%00',
  'name:',
  'name:\u0001',
  'name:name:x',
  '00000000-0000-0000-0000-000000000000',
  [],
  {},
  [[]],
  deep(40),
  { toString: 1, hasOwnProperty: null },
]

export function createSchemaArbitraries(contract: Contract, known: KnownValues): SchemaArbitraries {
  function reference(schema: Schema): fc.Arbitrary<unknown> | undefined {
    const example = Array.isArray(schema.examples) ? String(schema.examples[0]) : ''
    const kind = /^name:example-(group|resource)$/.exec(example)?.[1] as KnownKind | undefined
    if (kind === undefined) return undefined
    const some = fc.nat().map((place) => known.pick(kind, place) ?? 'name:nothing')
    return fc.oneof({ weight: 4, arbitrary: some }, { weight: 1, arbitrary: fc.uuid() })
  }

  function text(schema: Schema): fc.Arbitrary<unknown> {
    if (typeof schema.pattern === 'string' && !schema.pattern.includes('\\u'))
      return fc.stringMatching(new RegExp(schema.pattern))
    if (schema.format === 'uuid') return fc.uuid()
    if (schema.format === 'date-time')
      return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString())
    const max = Number(schema.maxLength ?? 200)
    const minLength = Number(schema.minLength ?? 0)
    const any = fc.string({ unit: CHARACTER, minLength, maxLength: Math.min(max, minLength + USUAL_LENGTH) })
    // Classes of characters are more than fast-check can invert; most of what it makes fits them.
    if (typeof schema.pattern !== 'string') return any
    const pattern = new RegExp(schema.pattern, 'u')
    return any.filter((value) => pattern.test(value))
  }

  function object(schema: Schema, member: (schema: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
    const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>
    const free = schema.additionalProperties !== false && Object.keys(properties).length === 0
    if (free)
      return fc.dictionary(
        fc.string({ unit: CHARACTER, minLength: 1, maxLength: 8 }),
        fc.oneof(fc.string({ unit: CHARACTER }), fc.integer(), fc.boolean(), fc.constant(null)),
        { maxKeys: 4 },
      )
    const members = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, member(each)]))
    return fc.record(members, { requiredKeys: (schema.required ?? []) as string[], noNullPrototype: true })
  }

  function alternatives(
    schema: Schema,
    make: (schema: Schema) => fc.Arbitrary<unknown>,
  ): fc.Arbitrary<unknown> | undefined {
    const some = (schema.oneOf ?? schema.anyOf) as readonly Schema[] | undefined
    return some && fc.oneof(...some.map(make))
  }

  function typesOf(schema: Schema): string[] {
    return Array.isArray(schema.type) ? (schema.type as string[]) : [String(schema.type ?? 'object')]
  }

  function valid(given: Schema): fc.Arbitrary<unknown> {
    const schema = contract.resolve(given)
    const chosen = alternatives(schema, valid) ?? reference(schema)
    if (chosen !== undefined) return chosen
    if ('const' in schema) return fc.constant(schema.const)
    if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]))
    return fc.oneof(...typesOf(schema).map((type) => typed(type, schema)))
  }

  function typed(type: string, schema: Schema): fc.Arbitrary<unknown> {
    switch (type) {
      case 'string':
        return text(schema)
      case 'integer':
      case 'number':
        return fc.integer({ min: Number(schema.minimum ?? 0), max: Number(schema.maximum ?? 1000) })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      case 'array':
        return fc.array(valid((schema.items ?? {}) as Schema), {
          minLength: Number(schema.minItems ?? 0),
          maxLength: Math.min(Number(schema.maxItems ?? 3), 3),
        })
      default:
        return object(schema, valid)
    }
  }

  function boundary(given: Schema): fc.Arbitrary<unknown> {
    const schema = contract.resolve(given)
    const chosen = alternatives(schema, boundary)
    if (chosen !== undefined) return chosen
    if ('const' in schema || Array.isArray(schema.enum))
      return fc.oneof(valid(schema), fc.constantFrom('', 'ADMIN', null))
    return fc.oneof(...typesOf(schema).map((type) => edge(type, schema)))
  }

  function edge(type: string, schema: Schema): fc.Arbitrary<unknown> {
    if (type === 'string') {
      const lengths = [0, 1, Number(schema.minLength ?? 0), Number(schema.maxLength ?? 4000)].flatMap((length) => [
        length - 1,
        length,
        length + 1,
      ])
      return fc
        .constantFrom(...lengths.filter((length) => length >= 0))
        .chain((length) => fc.constantFrom('a', 'é', '😀').map((letter) => letter.repeat(length)))
    }
    if (type === 'integer' || type === 'number') {
      const edges = [Number(schema.minimum ?? 0), Number(schema.maximum ?? 1000)].flatMap((each) => [
        each - 1,
        each,
        each + 1,
      ])
      return fc.constantFrom(...edges, 1.5, Number.MAX_SAFE_INTEGER)
    }
    if (type === 'array')
      return fc.oneof(
        fc.constant([]),
        fc.array(boundary((schema.items ?? {}) as Schema), { minLength: 1, maxLength: 2 }),
      )
    return type === 'object' ? object(schema, (member) => fc.oneof(valid(member), boundary(member))) : valid(schema)
  }

  return {
    valid,
    boundary,
    mutated: (schema) =>
      fc
        .tuple(valid(schema), fc.nat(), fc.nat(4), fc.constantFrom(...HOSTILE))
        .map(([value, place, how, hostile]) => broken(structuredClone(value), place, how, hostile)),
  }
}

/** One edit at one place. */
function broken(value: unknown, place: number, how: number, hostile: unknown): unknown {
  const holders = objectsIn(value)
  const holder = holders[place % Math.max(holders.length, 1)]
  if (holder === undefined) return hostile
  const names = Object.keys(holder)
  const name = names[place % Math.max(names.length, 1)]
  if (how === 0) return hostile
  if (how === 1) delete holder[name ?? '']
  // Defined, not assigned: `__proto__` has to arrive as a member.
  else if (how === 2)
    Object.defineProperty(holder, place % 2 ? 'unexpected' : '__proto__', { value: hostile, enumerable: true })
  else if (name !== undefined) holder[name] = hostile
  return value
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  if (value === null || typeof value !== 'object') return []
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(objectsIn)]
}
