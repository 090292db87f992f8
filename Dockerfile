# The API and its commands. Stages: the dependencies, the generated database client, the built console, and what runs: Node, and nothing
# that installs. Another base is an argument away:
#   docker build --build-arg NODE_IMAGE=… --build-arg RUNTIME_IMAGE=… .
ARG NODE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${NODE_IMAGE} AS base
WORKDIR /app
ENV NO_UPDATE_NOTIFIER=1

# With the development dependencies, for the generator. It wants a native engine and needs none: any file will do.
FROM base AS client
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY prisma.config.ts ./
COPY prisma prisma
RUN PRISMA_SCHEMA_ENGINE_BINARY="$(command -v node)" node node_modules/prisma/build/index.js generate

FROM client AS console
COPY tsconfig.json ./
COPY src/client src/client
COPY console console
RUN node node_modules/vite/bin/vite.js build console

FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
# Prisma ships a query compiler for each database, twice; one of them is ours. Types and maps serve nobody at run time.
RUN npm ci --omit=dev --omit=optional --ignore-scripts \
    && find node_modules/@prisma/client/runtime -type f ! -name 'client.js' ! -name 'client.mjs' \
         ! -name 'query_compiler_fast_bg.postgresql*' ! -name 'package.json' -delete \
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
    && find node_modules -type d \( -name test -o -name tests \) -prune -exec rm -rf {} + \
    && find node_modules -type d -empty -delete

# The application as it will lie in the image: modes and times do not depend on who builds, where and when.
FROM base AS application
ARG SOURCE_DATE_EPOCH=0
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY prisma/migrations prisma/migrations
COPY src src
COPY --from=client /app/src/postgres/generated src/postgres/generated
COPY --from=console /app/console/dist console/dist
COPY k8s/image k8s/image
# .portcullis is the folder of the try-outs' key pair; in a cluster nothing is ever written.
RUN chmod -R u=rwX,go=rX . && chmod 0755 k8s/image/portcullis.sh \
    && mkdir .portcullis && chown 10002:10002 .portcullis \
    && find . -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${RUNTIME_IMAGE} AS runtime
COPY --from=base /usr/local/bin/node /usr/local/bin/node
COPY --from=application /app /app
WORKDIR /app
USER 10002:10002
# What the thinning above took too much of would be missing here.
RUN node -e "import('/app/src/composition-root.ts')" \
    && OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node -e "import('/app/src/telemetry/process-tracing.ts')" \
    && node -e "import('/app/src/telemetry/span-sender.ts')"
ENV NODE_ENV=production HOST=:: PORT=3000 METRICS_PORT=9464
EXPOSE 3000 9464
HEALTHCHECK --interval=2s --timeout=3s --start-period=30s --retries=5 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/app/k8s/image/portcullis.sh"]
CMD ["serve"]
# Last, so that a new revision changes no layer.
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="Which resources may this user see? Answered from a cache that never serves a revoked permission." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/portcullis/portcullis" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
