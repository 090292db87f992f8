/** Every relative link in a document leads to a file, every `#…` to a heading of it, and every path in code exists. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const NOT_OURS = new Set(['node_modules', '.git', '.portcullis', '.stryker-tmp', 'coverage', 'dist', 'reports'])
const LINK = /\]\(([^)\s]+)\)/g
/** The changelog tells what was, also of files that are gone. */
const HISTORY = 'CHANGELOG.md'
const PATH_IN_CODE = /`((?:src|test|bench|docs|k8s|prisma|scripts)\/[\w./-]+\.[a-z]+)`/g
const ELSEWHERE = /^[a-z][a-z+.-]*:/i

const documents = globSync('**/*.md', { cwd: root, exclude: (name) => NOT_OURS.has(path.basename(String(name))) })

describe('the relative links of', () => {
  it('all documents are looked at', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']))
  })

  it.each(documents)('%s lead somewhere', (document) => {
    expect(brokenIn(textOf(document), document)).toEqual([])
  })
})

it.each(documents.filter((document) => document !== HISTORY))('the files that %s names in code exist', (document) => {
  const named = [...textOf(document).matchAll(PATH_IN_CODE)].map(([, file = '']) => file)
  expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([])
})

it('a missing file and a missing heading are noticed', () => {
  const text = '[a](docs/absent.md) [b](README.md#absent) [c](README.md#promises) [d](https://example.org/x)'
  expect(brokenIn(text, 'README.md')).toEqual(['docs/absent.md', 'README.md#absent'])
})

function textOf(document: string): string {
  return readFileSync(path.join(root, document), 'utf8')
}

function brokenIn(text: string, document: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(LINK)].map(([, target]) => target ?? '')
  return targets.filter((target) => !ELSEWHERE.test(target) && !leadsSomewhere(target, document))
}

function leadsSomewhere(target: string, document: string): boolean {
  const [file = '', heading] = target.split('#')
  const found = file === '' ? path.join(root, document) : path.resolve(root, path.dirname(document), file)
  if (!existsSync(found)) return false
  return heading === undefined || !found.endsWith('.md') || headingsOf(found).has(heading)
}

/** As GitHub names them. */
function headingsOf(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
