/**
 * Header lines that are the same for every answer of a kind, sent as the text they were made into once: Node checks,
 * lowers and joins each header of each answer, which is a good part of what a hit costs (docs/adr/0013).
 */
import { ServerResponse } from 'node:http'
import type { Express } from 'express'

declare module 'express-serve-static-core' {
  interface Response {
    /** Whole lines, each with its end; set before `writeHead`. */
    readyHeaders?: string
  }
}

/** Where Node puts the status line and the headers together; neither in its types nor promised by it. */
interface Storing {
  _storeHeader(this: object, statusLine: string, headers: unknown): void
}

/** @throws Error when this Node puts headers together elsewhere: then nothing starts, rather than answers going out bare */
export function sendReadyHeaders(app: Express): void {
  const { _storeHeader: store } = ServerResponse.prototype as unknown as Storing
  if (typeof store !== 'function') throw new Error('this version of Node is not supported: ready headers would be lost')
  Object.assign(app.response, {
    _storeHeader(this: { readyHeaders?: string }, statusLine: string, headers: unknown): void {
      store.call(this, this.readyHeaders === undefined ? statusLine : statusLine + this.readyHeaders, headers)
    },
  })
}

/** @param headers names and values alternating, known to be clean: they come from this program */
export function readyHeaders(headers: readonly string[]): string {
  let lines = ''
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`
  return lines
}
