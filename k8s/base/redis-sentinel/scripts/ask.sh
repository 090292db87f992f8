#!/bin/sh
# For people on call, in the pod: ask.sh redis INFO replication, ask.sh sentinel SENTINEL MASTER mymaster.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

whom=$1
shift
case $whom in
  redis) as_operator "$@" ;;
  sentinel) ask_sentinel "$SELF" "$@" ;;
  *)
    log 'usage: ask.sh redis|sentinel COMMAND...'
    exit 2
    ;;
esac
