/** The messages between the process and the thread that sends its spans. */

export interface ToSend {
  readonly id: number
  /** As the collector takes them. */
  readonly spans: Uint8Array
}

export interface Sent {
  readonly id: number
  /** Absent where they arrived. */
  readonly failure?: string | undefined
}
