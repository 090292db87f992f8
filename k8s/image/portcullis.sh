#!/bin/sh
# The image's commands. Node takes this shell's place, so that it is process 1 and gets the signals.
set -eu
cd /app
command=${1:-serve}
[ $# -eq 0 ] || shift
case $command in
  # A catalogue lives for hours: Node would keep as much room again for what may come, and 128 MiB for the youngest.
  serve) exec node --max-semi-space-size=16 --heap-growing-percent=50 src/main.ts ;;
  migrate)
    if [ -z "${DATABASE_URL:-}" ] && [ -n "${DATABASE_URL_FILE:-}" ]; then
      DATABASE_URL=$(cat "$DATABASE_URL_FILE")
      export DATABASE_URL
    fi
    exec node src/cli/migrate.ts "$@"
    ;;
  import) exec node src/cli/import.ts "$@" ;;
  token) exec node src/cli/token.ts "$@" ;;
  load-sample) exec node k8s/image/load-sample.ts "$@" ;;
  *) exec "$command" "$@" ;;
esac
