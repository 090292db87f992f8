/** An AuthZEN client of a composed service: a gateway with the role `reader`, and anybody else by name. */

import type { Answer, ToSend } from '../security/http-client.ts'
import { signToken, testKeys } from './app.ts'
import { appOf, PLAIN_HTTP } from './app-of.ts'
import { observed } from './observed.ts'
import { serve } from './served.ts'
import type { Service } from './service.ts'

export interface AuthzenAnswer extends Answer {
  readonly body: Record<string, unknown>
}

export interface AuthzenClient {
  readonly port: number
  /** As the gateway. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<AuthzenAnswer>
  as(subject: string, roles?: string[]): Promise<Pick<AuthzenClient, 'post'>>
  send(sent: ToSend): Promise<Answer>
  close(): Promise<void>
}

export async function authzenClient(service: Service, http: { publicUrl?: string } = {}): Promise<AuthzenClient> {
  const keys = await testKeys()
  const served = await serve(observed(appOf(service, keys, { ...PLAIN_HTTP, ...http })))
  const poster =
    (token: string): AuthzenClient['post'] =>
    async (path, body, headers = {}) => {
      const answer = await served.send({
        method: 'POST',
        path: `/access/v1/${path}`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      return { ...answer, body: JSON.parse(answer.text) as Record<string, unknown> }
    }
  return {
    port: served.port,
    post: poster(await signToken(keys, 'gateway', { roles: ['reader'] })),
    as: async (subject, roles) => ({ post: poster(await signToken(keys, subject, { roles })) }),
    send: served.send,
    close: served.close,
  }
}

export const user = (id: string) => ({ type: 'user', id })
export const record = (id: string) => ({ type: 'record', id })
export const action = (name: string) => ({ name })
