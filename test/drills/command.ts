/** `npm run drill -- <name>`: one command for all drills; without a name, the faults. */
import path from 'node:path'
import { createScript } from '../../src/cli/script.ts'

const DRILLS = {
  faults: ['run.ts', 'faults one after the other on real servers, and a verdict on every answer (the default)'],
  package: [
    'package.ts',
    'the same faults, judge and verdict against the Express and Prisma shop of the package, from its tarball',
  ],
  expiry: [
    'expiry.ts',
    'access that ends every few milliseconds, under every fault of Redis, with wall clocks four seconds apart',
  ],
  visibility: [
    'visibility.ts',
    'grants against revocations, New Enemies, kills between commit and delete, by the thousand',
  ],
  outages: ['../outages/run.ts', 'each outage of Redis, PostgreSQL or an instance on real processes, as a table'],
  model: ['model.ts', 'the protocol alone, by the hundred thousand schedules'],
  schedules: ['schedules.ts', 'the cache in memory, by the hundred thousand schedules'],
  fuzz: ['fuzz.ts', "requests made of the API's own document"],
  isolation: ['isolation.ts', '100 users over 1,000 resources, every answer compared with SQL'],
  'retry-storm': ['retry-storm.ts', '50 clients at once repeat each request'],
  'slow-clients': ['slow-clients.ts', 'slow headers and bodies beside a client that behaves'],
  hidden: ['hidden.ts', 'whether time tells a hidden resource from an absent one'],
  scim: ['scim.ts', 'a directory provisions 10,000 users and 2,000 groups beside readers'],
  rollouts: ['rollouts.ts', "the API's pods are replaced under 300 kept-alive connections; none may be reset"],
  k8s: ['../k8s/drill.ts', "the cluster's scripts through every drill that needs no kubelet"],
} as const

const script = createScript('npm run drill --', 'Drills: checks that take longer than a test may.').addHelpText(
  'after',
  '\n`npm run drill -- <name> --help` shows what a drill takes.',
)
for (const [name, [file, description]] of Object.entries(DRILLS))
  script
    .command(name)
    .description(description)
    // Each drill reads its own.
    .helpOption(false)
    .allowUnknownOption()
    .argument('[options...]')
    .action(() => start(file))

const args = process.argv.slice(2)
const [first] = args
const named = first !== undefined && (!first.startsWith('-') || first === '--help' || first === '-h')
const [name, ...own] = named ? args : ['faults', ...args]
await script.parseAsync(name === undefined ? [] : [name], { from: 'user' })

async function start(file: string): Promise<void> {
  const program = path.join(import.meta.dirname, file)
  process.argv = [process.execPath, program, ...own]
  await import(program)
}
