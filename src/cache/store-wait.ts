/**
 * How long one request has waited for the shared store, over all its commands: a sick store costs a request its budget
 * once, not once per command. Commands that run side by side count once. It is passed explicitly from call to call,
 * which costs a hit one small object.
 */
export class StoreWait {
  #spentMs = 0
  #pending = 0
  #sinceMs = 0

  /** How long the finished commands took, in milliseconds. */
  get spentMs(): number {
    return this.#spentMs
  }

  /**
   * A command is sent.
   * @returns how much of the request's budget earlier commands have used up, in milliseconds
   */
  begin(nowMs: number): number {
    const spentMs = this.#spentMs + (this.#pending === 0 ? 0 : nowMs - this.#sinceMs)
    if (this.#pending++ === 0) this.#sinceMs = nowMs
    return spentMs
  }

  /** Its answer has arrived, or is no longer waited for. */
  end(nowMs: number): void {
    if (--this.#pending === 0) this.#spentMs += nowMs - this.#sinceMs
  }
}
