/** A YAML file as nodes that know where they stand; what is not of the expected type is reported, never guessed. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { type Findings, type Place, startOf } from './findings.ts'

export interface Value {
  readonly place: Place
  readonly node: Node | null
}

export interface Field extends Value {
  readonly key: string
  /** Of the key; `place` is that of the value. */
  readonly keyPlace: Place
}

export interface YamlSource {
  readonly file: string
  readonly root: Value
  isEmpty(value: Value): boolean
  /** The names in a mapping, to tell what kind of file this is; none for any other type. Reports nothing. */
  names(value: Value): string[]
  /** The fields of a mapping; nothing, and a problem, for any other type. An empty value has no fields. */
  fields(value: Value, what: string): Field[]
  /** The items of a list, likewise. */
  items(value: Value, what: string): Value[]
  /** The string; null, and a problem, for anything else. */
  text(value: Value, what: string): string | null
}

/** @returns null when the text is no YAML at all; the problems are in `findings` */
export function readYaml(file: string, bytes: Uint8Array, findings: Findings): YamlSource | null {
  const lines = new LineCounter()
  const document = parse(file, bytes, lines, findings)
  if (document === null) return null

  const at = (offset: number | undefined): Place => {
    if (offset === undefined) return startOf(file)
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  report(document, at, findings)
  // After a syntax error the tree is a guess, and what follows from a guess is noise.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return null

  const place = (node: unknown, otherwise: Place) => (isNode(node) && node.range ? at(node.range[0]) : otherwise)
  const resolved = ({ node }: Value): Node | null => (isAlias(node) ? (node.resolve(document) ?? null) : node)
  const isEmpty = (value: Value) => {
    const node = resolved(value)
    return node === null || (isScalar(node) && node.value === null)
  }
  const asValue = (node: unknown, otherwise: Place): Value => ({
    node: isNode(node) ? node : null,
    place: place(node, otherwise),
  })
  /** With what `<<` merges in behind the mapping's own pairs: the first of each name counts. */
  const pairsOf = (map: YAMLMap, fault?: (place: Place) => void, above: readonly YAMLMap[] = []): Pair[] => {
    const merged = map.items.filter(isMergeKey).flatMap(({ key, value }) => {
      const target = resolved(asValue(value, startOf(file)))
      const sources = isSeq(target) ? target.items.map((item) => resolved(asValue(item, startOf(file)))) : [target]
      return sources.flatMap((source) => {
        if (isMap(source) && source !== map && !above.includes(source)) return pairsOf(source, fault, [...above, map])
        fault?.(place(key, startOf(file)))
        return []
      })
    })
    return [...map.items.filter((pair) => !isMergeKey(pair)), ...merged]
  }
  const wrongType = (value: Value, what: string, expected: string) =>
    findings.problem(value.place, `${what} must be ${expected}, not ${typeOf(resolved(value))}`)

  return {
    file,
    root: asValue(document.contents, startOf(file)),
    isEmpty,
    names(value) {
      const node = resolved(value)
      if (!isMap(node)) return []
      return pairsOf(node).flatMap(({ key }) => (isScalar(key) && typeof key.value === 'string' ? [key.value] : []))
    },

    fields(value, what) {
      if (isEmpty(value)) return []
      const node = resolved(value)
      if (!isMap(node)) {
        wrongType(value, what, 'a mapping of names')
        return []
      }
      const seen = new Set<string>()
      return pairsOf(node, (place) => findings.problem(place, MERGE_FAULT)).flatMap((pair): Field[] => {
        const key = asValue(pair.key, value.place)
        const keyNode = resolved(key)
        if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
          findings.problem(key.place, `a name in ${what} must be a string, not ${typeOf(keyNode)}${quoteHint(keyNode)}`)
          return []
        }
        // The parser has reported the repetition already.
        if (seen.has(keyNode.value)) return []
        seen.add(keyNode.value)
        return [{ ...asValue(pair.value, key.place), key: keyNode.value, keyPlace: key.place }]
      })
    },

    items(value, what) {
      if (isEmpty(value)) return []
      const node = resolved(value)
      if (isSeq(node)) return node.items.map((item) => asValue(item, value.place))
      wrongType(value, what, 'a list')
      return []
    },

    text(value, what) {
      const node = resolved(value)
      if (isScalar(node) && typeof node.value === 'string') return node.value
      findings.problem(value.place, `${what} must be a string, not ${typeOf(node)}${quoteHint(node)}`)
      return null
    },
  }
}

const MERGE_FAULT = '<< takes a mapping, or a list of mappings, that is given elsewhere'

/** YAML 1.1's merge key, which the format's own reader understands; in quotes it is a name like any other. */
const isMergeKey = ({ key }: Pair): boolean => isScalar(key) && key.value === '<<' && key.type === 'PLAIN'

function parse(file: string, bytes: Uint8Array, lines: LineCounter, findings: Findings): Document | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: false })
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : 'it is not UTF-8'
    findings.problem(startOf(file), `the file cannot be read: ${why}`)
    return null
  }
}

function report(document: Document, at: (offset: number) => Place, findings: Findings): void {
  for (const { code, message, pos } of document.errors) findings.problem(at(pos[0]), inOurWords(code, message))
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) === undefined)
        findings.problem(at(alias.range?.[0] ?? 0), `YAML: *${alias.source} refers to nothing above it`)
    },
  })
  for (const { message, pos } of document.warnings) findings.note(at(pos[0]), message)
}

function inOurWords(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this name is given twice in the same mapping'
  if (code === 'MULTIPLE_DOCS') return 'the file holds more than one YAML document'
  return `YAML: ${message}`
}

function typeOf(node: Node | null): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return 'a list'
  if (!isScalar(node) || node.value === null) return 'empty'
  if (typeof node.value === 'bigint') return 'a number'
  return `a ${typeof node.value}`
}

/** 249043822 is a login, `true` could be one: YAML needs the quotes to know. */
function quoteHint(node: Node | null): string {
  const plain = isScalar(node) && node.value !== null && typeof node.value !== 'string'
  return plain ? ` (write it in quotes: "${node.source ?? String(node.value)}")` : ''
}
