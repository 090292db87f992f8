/** Fails the test in which the application gave an answer that its document does not promise. */
import { afterEach, expect } from 'vitest'
import { takeFindings } from './answer-findings.ts'

afterEach(() => {
  expect(takeFindings(), 'answers that /openapi.json does not document').toEqual([])
})
