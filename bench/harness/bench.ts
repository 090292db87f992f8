/** What every suite is given: the servers, the data, how long to measure, and where to say what is going on. */
import type { BenchStack } from './bench-stack.ts'
import { type DataSet, loadDataSet } from './data-set.ts'
import type { Comparison } from './slices.ts'
import { loadWideDataSet } from './wide-data-set.ts'

export interface Bench {
  readonly stack: BenchStack
  /** `quick`: each suite within a minute, enough to see that it works; `full`: within about four. */
  readonly extent: 'quick' | 'full'
  readonly comparison: Comparison
  /** How often what is timed one by one is repeated. */
  readonly repeats: number
  /** Sizes of the catalogue, smallest first. */
  readonly scales: readonly number[]
  readonly seconds: number
  dataSet(resources: number): Promise<DataSet>
  /** The data set of that size, and people who see very much in it or are in very many groups. */
  wideDataSet(resources: number): Promise<DataSet>
  log(line: string): void
}

export function createBench({ stack, quick }: { readonly stack: BenchStack; readonly quick: boolean }): Bench {
  const loaded = new Map<number, Promise<DataSet>>()
  const loadedWide = new Map<number, Promise<DataSet>>()
  const log = (line: string) => console.error(`[bench] ${line}`)
  return {
    stack,
    extent: quick ? 'quick' : 'full',
    log,
    comparison: quick
      ? { slices: 8, warmUpRequests: 8000, warmUpMaxMs: 6000 }
      : { slices: 15, warmUpRequests: 30_000, warmUpMaxMs: 20_000 },
    repeats: quick ? 20 : 100,
    scales: quick ? [1000, 10_000] : [1000, 10_000, 200_000],
    seconds: quick ? 3 : 10,
    dataSet: (resources) =>
      remembered(loaded, resources, () => {
        log(`data: ${resources} resources`)
        return loadDataSet(stack.local.databaseUrl, resources)
      }),
    wideDataSet: (resources) =>
      remembered(loadedWide, resources, () => {
        log(`data: people who see all of ${resources} resources`)
        return loadWideDataSet(stack.local.databaseUrl, resources)
      }),
  }
}

function remembered<T>(known: Map<number, Promise<T>>, of: number, load: () => Promise<T>): Promise<T> {
  const loading = known.get(of) ?? load()
  known.set(of, loading)
  return loading
}
