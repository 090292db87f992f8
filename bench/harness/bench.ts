/** What every suite is given: the servers, the data, how long to measure, and where to say what is going on. */
import type { BenchStack } from './bench-stack.ts'
import { type DataSet, loadDataSet } from './data-set.ts'
import type { Comparison } from './slices.ts'

export interface Bench {
  readonly stack: BenchStack
  readonly comparison: Comparison
  /** How often what is timed one by one is repeated. */
  readonly repeats: number
  /** Sizes of the catalogue, smallest first. */
  readonly scales: readonly number[]
  readonly seconds: number
  dataSet(resources: number): Promise<DataSet>
  log(line: string): void
}

export function createBench({ stack, quick }: { readonly stack: BenchStack; readonly quick: boolean }): Bench {
  const loaded = new Map<number, Promise<DataSet>>()
  const log = (line: string) => console.error(`[bench] ${line}`)
  return {
    stack,
    log,
    comparison: quick
      ? { slices: 8, warmUpRequests: 8000, warmUpMaxMs: 6000 }
      : { slices: 15, warmUpRequests: 30_000, warmUpMaxMs: 20_000 },
    repeats: quick ? 20 : 100,
    scales: quick ? [1000, 10_000] : [1000, 10_000, 200_000],
    seconds: quick ? 3 : 10,
    dataSet(resources) {
      const known = loaded.get(resources)
      if (known) return known
      log(`data: ${resources} resources`)
      const loading = loadDataSet(stack.local.databaseUrl, resources)
      loaded.set(resources, loading)
      return loading
    },
  }
}
