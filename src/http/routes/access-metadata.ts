/** Where the AuthZEN endpoints are (Authorization API 1.0, "Policy Decision Point Metadata"). */
import { z } from 'zod'
import { anyone } from '../policies.ts'
import { json } from '../reply.ts'
import { type Route, route } from '../route.ts'

const metadataOut = z
  .object({
    policy_decision_point: z.string(),
    access_evaluation_endpoint: z.string(),
    access_evaluations_endpoint: z.string(),
    search_subject_endpoint: z.string(),
    search_resource_endpoint: z.string(),
    search_action_endpoint: z.string(),
  })
  .meta({ id: 'AccessMetadata' })

export const accessMetadata = route({
  operationId: 'getAccessMetadata',
  method: 'get',
  path: '/.well-known/authzen-configuration',
  summary: 'Where the AuthZEN endpoints are',
  tag: 'Access',
  policy: anyone,
  answers: [{ status: 200, description: 'The metadata', schema: metadataOut }],
  handle({ baseUrl }) {
    const base = baseUrl()
    const endpoint = (name: string) => `${base}/access/v1/${name}`
    return json({
      policy_decision_point: base,
      access_evaluation_endpoint: endpoint('evaluation'),
      access_evaluations_endpoint: endpoint('evaluations'),
      search_subject_endpoint: endpoint('search/subject'),
      search_resource_endpoint: endpoint('search/resource'),
      search_action_endpoint: endpoint('search/action'),
    })
  },
})

const SPECIAL_IN_PATHS = /[{}()[\]+?!:*\\]/g

/** Of a service below a path: the name is put between its host and that path (RFC 8615, 3). */
export function accessMetadataBelow(publicUrl: string | undefined): readonly Route[] {
  const { pathname } = new URL(publicUrl ?? 'http://localhost')
  if (pathname === '/') return []
  return [{ ...accessMetadata, path: `${accessMetadata.path}${pathname.replace(SPECIAL_IN_PATHS, '\\$&')}` }]
}
