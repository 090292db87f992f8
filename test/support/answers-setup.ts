/** Fails the test if the application gave an answer that its document does not describe. */
import { afterEach, expect } from 'vitest'
import { takeFindings } from './answer-findings.ts'

afterEach(() => {
  expect(takeFindings(), 'answers that /openapi.json does not document').toEqual([])
})
