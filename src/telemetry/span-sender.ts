/**
 * Sends spans to the collector, in a thread of its own: the requests and sockets of a client, however few, cost the server that shares
 * their classes and shapes 3 % of a hit (docs/performance.md).
 */
import { parentPort } from 'node:worker_threads'
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { Sent, ToSend } from './span-messages.ts'

const sender = createOtlpHttpExportDelegate(
  // By the environment's variables.
  convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', { 'Content-Type': 'application/json' }),
  // The spans come as they are to be sent.
  { serializeRequest: (spans: Uint8Array) => spans, deserializeResponse: JsonTraceSerializer.deserializeResponse },
  'otlp_http_span_exporter',
  { name: 'span', countItems: () => 1 },
  // No metrics of its own.
  undefined,
)

parentPort?.on('message', ({ id, spans }: ToSend) =>
  sender.export(spans, ({ error }) => parentPort?.postMessage({ id, failure: error?.message } satisfies Sent)),
)
