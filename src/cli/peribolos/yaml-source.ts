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
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  report(document, at, findings)
  // After a syntax error the tree is a guess, and what follows from a guess is noise.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return null
  return new YamlTree(document, { file, at, findings })
}

interface TreeOptions {
  readonly file: string
  readonly at: (offset: number) => Place
  readonly findings: Findings
}

class YamlTree implements YamlSource {
  readonly file: string
  readonly root: Value
  readonly #document: Document
  readonly #options: TreeOptions

  constructor(document: Document, options: TreeOptions) {
    this.#document = document
    this.#options = options
    this.file = options.file
    this.root = this.#valueOf(document.contents, startOf(this.file))
  }

  isEmpty(value: Value): boolean {
    const node = this.#resolved(value)
    return node === null || (isScalar(node) && node.value === null)
  }

  names(value: Value): string[] {
    const node = this.#resolved(value)
    if (!isMap(node)) return []
    return this.#pairsOf(node).flatMap(({ key }) => (isScalar(key) && typeof key.value === 'string' ? [key.value] : []))
  }

  fields(value: Value, what: string): Field[] {
    if (this.isEmpty(value)) return []
    const node = this.#resolved(value)
    if (!isMap(node)) {
      this.#wrongType(value, what, 'a mapping of names')
      return []
    }
    const { findings } = this.#options
    const seen = new Set<string>()
    return this.#pairsOf(node, (place) => findings.problem(place, MERGE_FAULT)).flatMap((pair): Field[] => {
      const key = this.#valueOf(pair.key, value.place)
      const keyNode = this.#resolved(key)
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
        findings.problem(key.place, `a name in ${what} must be a string, not ${typeOf(keyNode)}${quoteHint(keyNode)}`)
        return []
      }
      // The parser has reported the repetition already.
      if (seen.has(keyNode.value)) return []
      seen.add(keyNode.value)
      return [{ ...this.#valueOf(pair.value, key.place), key: keyNode.value, keyPlace: key.place }]
    })
  }

  items(value: Value, what: string): Value[] {
    if (this.isEmpty(value)) return []
    const node = this.#resolved(value)
    if (isSeq(node)) return node.items.map((item) => this.#valueOf(item, value.place))
    this.#wrongType(value, what, 'a list')
    return []
  }

  text(value: Value, what: string): string | null {
    const node = this.#resolved(value)
    if (isScalar(node) && typeof node.value === 'string') return node.value
    this.#options.findings.problem(value.place, `${what} must be a string, not ${typeOf(node)}${quoteHint(node)}`)
    return null
  }

  /** With what `<<` merges in behind the mapping's own pairs: the first of each name counts. */
  #pairsOf(map: YAMLMap, fault?: (place: Place) => void, above: readonly YAMLMap[] = []): Pair[] {
    const start = startOf(this.file)
    const merged = map.items.filter(isMergeKey).flatMap(({ key, value }) => {
      const target = this.#resolved(this.#valueOf(value, start))
      const sources = isSeq(target) ? target.items.map((item) => this.#resolved(this.#valueOf(item, start))) : [target]
      return sources.flatMap((source) => {
        if (isMap(source) && source !== map && !above.includes(source))
          return this.#pairsOf(source, fault, [...above, map])
        fault?.(this.#placeOf(key, start))
        return []
      })
    })
    return [...map.items.filter((pair) => !isMergeKey(pair)), ...merged]
  }

  #valueOf(node: unknown, otherwise: Place): Value {
    return { node: isNode(node) ? node : null, place: this.#placeOf(node, otherwise) }
  }

  #placeOf(node: unknown, otherwise: Place): Place {
    return isNode(node) && node.range ? this.#options.at(node.range[0]) : otherwise
  }

  #resolved({ node }: Value): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node
  }

  #wrongType(value: Value, what: string, expected: string): void {
    const found = typeOf(this.#resolved(value))
    this.#options.findings.problem(value.place, `${what} must be ${expected}, not ${found}`)
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
