/** Sends generated requests to every operation of a running service's document, and judges each answer by it. */
import fc from 'fast-check'
import { type Contract, createContract, type OpenApiDocument } from './contract.ts'
import type { Answer, HttpClient } from './http-client.ts'
import { createKnownValues } from './known-values.ts'
import { type CallerKind, createRequestArbitraries, described, type GeneratedRequest } from './request-arbitraries.ts'

export interface FuzzOptions {
  readonly client: HttpClient
  readonly authorization: Readonly<Record<Exclude<CallerKind, 'anonymous'>, string>>
  readonly seed: number
  /** Requests in all, shared evenly by the operations. */
  readonly requests: number
  readonly known: Parameters<typeof createKnownValues>[0]
  readonly onProgress?: (done: number) => void
}

export interface FuzzReport {
  readonly operations: number
  readonly requests: number
  readonly statuses: ReadonlyMap<number, number>
  /** `method path status`, to see what was reached. */
  readonly reached: ReadonlySet<string>
  /** One for each operation that broke a promise: what, and the smallest request found that shows it. */
  readonly failures: readonly string[]
}

/** Requests per operation before it is the next one's turn, so that their effects mix. */
const TURN = 10
const MAX_SHRINKS_MS = 3000

export async function fuzz({
  client,
  authorization,
  seed,
  requests,
  known: begin,
  onProgress,
}: FuzzOptions): Promise<FuzzReport> {
  const document = JSON.parse((await client.send({ method: 'GET', path: '/openapi.json' })).text) as OpenApiDocument
  const contract = createContract(document)
  const known = createKnownValues(begin)
  const arbitraries = createRequestArbitraries(contract, known)
  const statuses = new Map<number, number>()
  const reached = new Set<string>()
  const failures: string[] = []
  let sent = 0

  async function judgedAnswer(request: GeneratedRequest): Promise<string[]> {
    const own = request.caller === 'anonymous' ? {} : { authorization: authorization[request.caller] }
    const path = request.sent.path.split('?', 1)[0] ?? ''
    const answer = await client.send({ ...request.sent, headers: { ...own, ...request.sent.headers } })
    sent++
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    reached.add(`${request.operation.method} ${request.operation.path} ${answer.status}`)
    known.learn(path, answer)
    return [...contract.judge(request.sent, answer), ...judgeByIntent(request, answer, contract)]
  }

  async function turn(index: number, round: number): Promise<void> {
    const operation = contract.operations[index]
    if (operation === undefined) return
    const property = fc.asyncProperty(arbitraries.request(operation), async (request) => {
      const wrong = await judgedAnswer(request)
      if (wrong.length > 0) throw new Error(`${wrong.join('; ')}\n  ${described(request)}`)
    })
    const result = await fc.check(property, {
      seed: seed + round,
      path: '',
      numRuns: TURN,
      interruptAfterTimeLimit: MAX_SHRINKS_MS,
    })
    if (result.failed && result.errorInstance !== null)
      failures.push(
        `${operation.method} ${operation.path}: ${(result.errorInstance as Error)?.message ?? 'interrupted'}`,
      )
  }

  for (let round = 0; sent < requests; round++) {
    for (const index of contract.operations.keys()) await turn(index, round)
    onProgress?.(sent)
    if (failures.length > 20) break
  }
  return { operations: contract.operations.length, requests: sent, statuses, reached, failures: [...new Set(failures)] }
}

/** The refusals of form; that a name in a body leads nowhere is no matter of form. */
const REFUSED_AS_WRONG =
  /problem:(malformed-request|not-acceptable|unsupported-media-type)|does not match what is expected/

/** What was meant to be right must not be called wrong, and what the document forbids must not be accepted. */
function judgeByIntent(
  { mode, caller, sent, operation, body }: GeneratedRequest,
  { status, text }: Answer,
  contract: Contract,
): string[] {
  if (status >= 500 && status !== 503) return [`a fault: ${status}`]
  const unchanged = sent.method === operation.method.toUpperCase()
  if (caller === 'anonymous' && operation.security === undefined && unchanged && status < 400)
    return ['answered without a token']
  if (mode === 'valid' && status >= 400 && REFUSED_AS_WRONG.test(text))
    return [`what the document allows is refused: ${text}`]
  if (
    body !== undefined &&
    unchanged &&
    status < 300 &&
    !contract.allowsBody(operation, JSON.parse(JSON.stringify(body)))
  )
    return ['a body that the document forbids is accepted']
  return []
}
