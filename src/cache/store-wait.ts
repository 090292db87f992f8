/**
 * How long one request has waited for the shared store, over all its commands: a sick store costs a request its budget
 * once, not once per command. What runs side by side is waited for together. Carried by hand from call to call, so that
 * a hit pays for one small object.
 */
export interface StoreWait {
  /** What the commands that are over have cost, in milliseconds. */
  readonly spentMs: number
  /**
   * A command is sent.
   * @returns how much of its budget the sender has used up before, in milliseconds
   */
  begin(nowMs: number): number
  /** Its answer is there, or is no longer waited for. */
  end(nowMs: number): void
}

export class RequestWait implements StoreWait {
  readonly #budgetMs: number
  #spentMs = 0
  #pending = 0
  #sinceMs = 0

  /** @param budgetMs the longest all commands of the request together may be waited for, in milliseconds */
  constructor(budgetMs: number) {
    this.#budgetMs = budgetMs
  }

  get spentMs(): number {
    return this.#spentMs
  }

  begin(nowMs: number): number {
    const spentMs = this.#spentAt(nowMs)
    if (this.#pending++ === 0) this.#sinceMs = nowMs
    return spentMs
  }

  end(nowMs: number): void {
    if (--this.#pending === 0) this.#spentMs += nowMs - this.#sinceMs
  }

  leftMs(nowMs: number): number {
    return this.#budgetMs - this.#spentAt(nowMs)
  }

  #spentAt(nowMs: number): number {
    return this.#spentMs + (this.#pending === 0 ? 0 : nowMs - this.#sinceMs)
  }
}
