/** Where the AuthZEN endpoints are (Authorization API 1.0, "Policy Decision Point Metadata"). */
import { z } from 'zod'
import { originOf } from '../origin.ts'
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

/** @param publicUrl where clients reach the service; where absent, the origin that the request was for */
export function accessMetadataRoute(publicUrl: string | undefined): Route {
  return route({
    operationId: 'getAccessMetadata',
    method: 'get',
    path: '/.well-known/authzen-configuration',
    summary: 'Where the AuthZEN endpoints are',
    tag: 'Access',
    policy: anyone,
    answers: [{ status: 200, description: 'The metadata', schema: metadataOut }],
    handle({ http }) {
      const base = publicUrl ?? originOf(http)
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
}
