/**
 * Closes a test run with `N passed, N failed`, and fails unless tests ran and all of them passed.
 *
 *   node scripts/test-summary.mjs <vitest's JSON report> <exit code of the run>
 */
import { readFileSync } from 'node:fs'

const [file, exitCode] = process.argv.slice(2)
const { passed, failed } = count(readReport(file), Number(exitCode))
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)

function count(report, status) {
  if (!report) return { passed: 0, failed: 1 }
  // A file that does not even load has no tests to fail.
  const brokenFiles = report.testResults.filter(
    (suite) => suite.status === 'failed' && !suite.assertionResults.some(isFailure),
  )
  const failed = report.numFailedTests + brokenFiles.length
  const passed = report.numPassedTests
  // Failures outside of any test (a set-up, an unhandled error) show in the exit code alone; so does running nothing.
  const unexplained = failed === 0 && (status !== 0 || passed === 0)
  return { passed, failed: unexplained ? 1 : failed }
}

function isFailure(test) {
  return test.status === 'failed'
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}
