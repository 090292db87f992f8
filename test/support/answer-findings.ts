/** Answers that wait to be judged; apart from the judge, which takes time to load. */
const pending: (() => string[])[] = []

/** Judging takes time that an application in the same process would miss, and its Redis commands would run out of theirs: later. */
export const judgeLater = (judge: () => string[]): void => void pending.push(judge)

/** What is wrong with the answers since it was last asked. */
export function takeFindings(): string[] {
  return pending.splice(0).flatMap((judge) => judge())
}
