/** The service as it is drilled: its program, or the drill's own build of it, and its small organisations. */
import { fileURLToPath } from 'node:url'
import { createHttpConnection, encodeRequest } from './http-connection.ts'
import { flushedStep, silentStep } from './outside-steps.ts'
import type { Course, Subject } from './subject.ts'
import { INITIAL_STATE, importOf, randomStep, updateStep, viewOfBody, viewsOf, type WorldState } from './world.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const preload = new URL('./build/preload.ts', import.meta.url).href

const course: Course<WorldState> = {
  initial: INITIAL_STATE,
  viewsOf,
  randomStep,
  updateStep,
  outsideStep: (told, ...where) => (told === 'flush' ? flushedStep(...where) : silentStep(...where)),
}

export const SERVICE: Subject = {
  course,
  pathOf: () => '/resources',
  viewOfBody,
  readyPath: '/readyz',
  argsOf: (parts) => (parts.length > 0 ? ['--import', preload, main] : [main]),
  env: () => ({}),
  prepare: async () => {},
  async begin({ fleet }, worlds, bearer) {
    const connection = createHttpConnection({ port: fleet.ports[0] ?? 0, timeoutMs: 60_000 })
    try {
      const request = encodeRequest({ method: 'POST', path: '/import', token: bearer, body: importOf(worlds) })
      const { status, body } = await connection.send(request)
      if (status !== 200) throw new Error(`the import was answered ${status}: ${body}`)
    } finally {
      connection.close()
    }
  },
  close() {},
}
