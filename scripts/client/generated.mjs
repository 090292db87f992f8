/** What the typed client takes from the OpenAPI document: the types by openapi-typescript, the method and path of each call, and the values of the enumerations. */
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const API = new URL('./typescript-api.mjs', import.meta.url).href
const HEAD = `/** Made of the OpenAPI document by \`npm run client\`; do not edit. */\n/* biome-ignore-all lint: generated */\n/* biome-ignore-all format: generated */\n`
/** Kept: the calls, what goes in and comes out. All refusals have one form, \`Problem\`. */
const UNUSED = new Set(['paths', 'webhooks', '$defs'])

export const GENERATED = fileURLToPath(new URL('../../src/client/generated.ts', import.meta.url))

export const writeGenerated = async () => writeFileSync(GENERATED, await generated())

/** @returns the text of the file, from the calls as they are declared now */
export async function generated() {
  const { createOpenApiDocument } = await import('../../src/http/openapi.ts')
  const { apiRoutes } = await import('../../src/http/routes/index.ts')
  const { accessMetadata } = await import('../../src/http/routes/access-metadata.ts')
  return generatedFrom(createOpenApiDocument([...apiRoutes, accessMetadata]))
}

async function generatedFrom(document) {
  registerHooks({
    resolve: (name, context, next) =>
      name === 'typescript' && context.parentURL?.includes('/openapi-typescript/')
        ? { url: API, shortCircuit: true }
        : next(name, context),
  })
  const { default: openapiTS, astToString } = await import('openapi-typescript')
  const tree = await openapiTS(JSON.stringify(withoutRefusals(document)), {
    alphabetize: true,
    immutable: true,
    defaultNonNullable: false,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
  })
  const types = astToString(tree.filter(({ name }) => !UNUSED.has(name?.text)))
  return `${HEAD}${types}\n${enumerations(document)}${operations(document)}`
}

function withoutRefusals(document) {
  const copy = structuredClone(document)
  for (const { responses } of callsOf(copy))
    for (const status of Object.keys(responses)) if (Number(status) >= 300) delete responses[status]
  return copy
}

const callsOf = ({ paths }) => Object.values(paths).flatMap((methods) => Object.values(methods))

/** The values of each enumeration that has a name, for code that lists them. */
function enumerations({ components }) {
  const lines = Object.entries(components.schemas)
    .filter(([, schema]) => schema.enum !== undefined)
    .map(([name, schema]) => `  ${name}: ${JSON.stringify(schema.enum)},\n`)
    .toSorted()
  return `export const ENUMS = {\n${lines.join('')}} as const\n`
}

function operations({ paths }) {
  const lines = Object.entries(paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, call]) => lineOf(path, method, call)))
    .toSorted()
  return `export const OPERATIONS = {\n${lines.join('')}} as const\n`
}

function lineOf(path, method, { operationId, parameters = [], requestBody, responses }) {
  const takes = (place, name) => parameters.some((each) => each.in === place && each.name === name)
  const media = Object.keys(requestBody?.content ?? {}).find((type) => type !== 'application/json')
  const answer = responses['200']?.content?.['application/json']?.schema
  const cursor = ['cursor', 'after'].find((name) => takes('query', name))
  const facts = {
    method: method.toUpperCase(),
    path,
    ...(media !== undefined && { contentType: media }),
    ...(takes('header', 'idempotency-key') && { idempotencyKey: true }),
    ...(answer?.properties?.nextCursor !== undefined && { cursor: cursor ?? null }),
    ...(takes('header', 'consistency-token') && { consistencyToken: true }),
  }
  return `  ${operationId}: ${JSON.stringify(facts)},\n`
}
