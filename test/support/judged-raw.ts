/** A socket whose first answer is judged by the document too, also when node's own server wrote it before any request. */
import { openRaw, type RawExchange } from '../security/raw-http.ts'
import { judgeLater } from './answer-findings.ts'
import { documentContract } from './observed.ts'

/** Like `openRaw`. */
export function openJudged(port: number, first: string | Buffer = ''): RawExchange {
  const exchange = openRaw(port, first)
  let received = ''
  let judged = false
  exchange.socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    if (judged) return
    const answer = answerIn(received)
    if (answer === undefined) return
    judged = true
    judgeRaw(String(first), answer)
  })
  return exchange
}

interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The first answer of what came, when all of it has come. */
export function answerIn(received: string): RawAnswer | undefined {
  const end = received.indexOf('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1])
  if (end === -1 || Number.isNaN(status)) return undefined
  const fields = received.slice(0, end).split('\r\n').slice(1)
  const headers = Object.fromEntries(
    fields.map((field) => [
      field.slice(0, field.indexOf(':')).toLowerCase(),
      field.slice(field.indexOf(':') + 1).trim(),
    ]),
  )
  const text = received.slice(end + 4, end + 4 + Number(headers['content-length'] ?? 0))
  return text.length < Number(headers['content-length'] ?? 0) ? undefined : { status, headers, text }
}

function judgeRaw(sent: string, answer: RawAnswer): void {
  // A head that never ended is no call of any route.
  const [, method = '', path = ''] = (sent.includes('\r\n\r\n') && /^(\S+) (\S+) HTTP\//.exec(sent)) || []
  const shown = sent.slice(0, 60).split('\r\n', 1)[0]
  judgeLater(() =>
    documentContract()
      .judge({ method, path }, { ...answer, rawHeaders: [] })
      .map((wrong) => `on the socket, ${shown} ${answer.status}: ${wrong}`),
  )
}
