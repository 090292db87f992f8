#!/bin/sh
# 9. Hands the master over before the pod goes: writes wait, a replica catches up and is promoted, nothing is lost.
# The local role decides, not an address: a name that moved would make this a no-op (bitnami#12598, #14133).
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

[ "$(local_role)" = master ] || exit 0
log 'this is the master: pausing writes and asking for a failover'
ask_redis "$SELF" CLIENT PAUSE 20000 WRITE >/dev/null

deadline=$(($(date +%s) + 20))
asked=''
while [ "$(date +%s)" -lt "$deadline" ]; do
  if [ -z "$asked" ]; then
    for i in "$ORDINAL" $(peers); do
      reply=$(ask_sentinel "$(fqdn "$i")" SENTINEL FAILOVER "$MASTER_NAME")
      case $reply in
        OK* | INPROG*) asked=yes && break ;;
        NOGOODSLAVE*)
          log 'no replica can take over: going without a failover'
          ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
          exit 0
          ;;
      esac
    done
  fi
  if [ "$(local_role)" = slave ]; then
    ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
    log 'handed over'
    exit 0
  fi
  sleep 0.2
done
log 'no failover within 20 s: going anyway'
ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
exit 0
