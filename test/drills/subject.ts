/** What a drill runs and judges: the service itself, or an example of its cache as a package. */
import type { Part } from './build/parts.ts'
import type { Environment } from './environment.ts'
import type { OutsideStep } from './outside-steps.ts'
import type { Random } from './random.ts'
import type { Step, World } from './world.ts'

/** How the state of a world goes on; methods, so that a writer need not know what a state is. */
export interface Course<State> {
  readonly initial: State
  /** What each user sees, in canonical form. */
  viewsOf(world: World, state: State): Map<string, string>
  randomStep(world: World, state: State, random: Random): Step<State>
  /** The one change whose states are told apart however many follow each other. */
  updateStep(world: World, state: State): Step<State>
  /** One change by SQL behind the API, told by a flush or by nobody. */
  outsideStep(told: 'flush' | 'triggers', world: World, state: State, random: Random): OutsideStep<State>
}

export interface Subject {
  readonly course: Course<unknown>
  /** Where a user's view is read. */
  pathOf(user: string): string
  /** The body of an answer, in canonical form. */
  viewOfBody(body: string): string
  /** Answers with 200 as soon as an instance can serve. */
  readonly readyPath: string
  /** Arguments for Node. */
  argsOf(parts: readonly Part[]): readonly string[]
  env(databaseUrl: string): Readonly<Record<string, string>>
  /** Before the first instance starts. */
  prepare(databaseUrl: string): Promise<void>
  /** Brings worlds to their initial state. */
  begin(environment: Environment, worlds: readonly World[], bearer: string): Promise<void>
  close(): void
}
