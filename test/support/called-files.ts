/**
 * Loaded into a process of the service with `--import`. On SIGWINCH, which means nothing to the service, it writes one
 * line: the files of `src` with a function that was called since the signal before.
 */
import { type Profiler, Session } from 'node:inspector'

const source = new URL('../../src/', import.meta.url).href
const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

function filesIn({ result }: Profiler.TakePreciseCoverageReturnType): string[] {
  const called = result.filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
  return called.filter(({ url }) => url.startsWith(source)).map(({ url }) => url.slice(source.length))
}

process.on('SIGWINCH', () =>
  session.post('Profiler.takePreciseCoverage', (error, taken) =>
    console.log(error ? String(error) : `files called: ${JSON.stringify(filesIn(taken))}`),
  ),
)
