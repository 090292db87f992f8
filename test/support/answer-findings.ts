/** Answers that wait to be judged. They are in a file of their own because the judge takes time to load. */
const pending: (() => string[])[] = []

/**
 * Judging is deferred: it would take processor time from an application in the same process, whose Redis commands would
 * time out.
 */
export const judgeLater = (judge: () => string[]): void => void pending.push(judge)

/** The problems found in the answers since the last call. */
export function takeFindings(): string[] {
  return pending.splice(0).flatMap((judge) => judge())
}
