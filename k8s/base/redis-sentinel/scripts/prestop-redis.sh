#!/bin/sh
# 9. Hands the master over before the pod goes: writes wait, a replica catches up and is promoted, nothing is lost.
# The local role decides, not an address: a name that moved would make this a no-op (bitnami#12598, #14133).
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

HAND_OVER_SECONDS=20
# Both and the shutdown's 10 s fit into the pod's grace.
SETTLE_SECONDS=20

[ "$(local_role)" = master ] || exit 0
log 'this is the master: pausing writes and asking for a failover'
ask_redis "$SELF" CLIENT PAUSE $((HAND_OVER_SECONDS * 1000)) WRITE >/dev/null

leave() {
  log "$1"
  ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
  exit 0
}

# The peers' Sentinels first: whoever is asked leads, and this pod's own would be gone before the other replica is told.
# INPROG: somebody else asked, which is as good. A Sentinel learns of a new replica up to 10 s late, so one NOGOODSLAVE
# is no verdict while this master has a replica linked.
ask_for_failover() {
  answer=''
  for i in $(peers) "$ORDINAL"; do
    reply=$(ask_sentinel "$(fqdn "$i")" SENTINEL FAILOVER "$MASTER_NAME")
    case $reply in
      OK* | INPROG*) echo asked && return ;;
      NOGOODSLAVE*) answer=nogoodslave ;;
    esac
  done
  if ask_redis "$SELF" INFO replication | grep -q 'state=online'; then answer=''; fi
  echo "$answer"
}

# The name of the promoted replica once a Sentinel names it and it says so itself.
promoted() {
  for i in "$ORDINAL" $(peers); do
    named=$(ask_sentinel "$(fqdn "$i")" SENTINEL GET-MASTER-ADDR-BY-NAME "$MASTER_NAME" | head -n 1 | tr -d '\r')
    case $named in '' | "$SELF") continue ;; esac
    if [ "$(role_of "$named")" = master ]; then echo "$named" && return; fi
  done
}

# A replica that still follows this pod when it goes would be moved 10 s later, and until then the new master refuses writes.
# A leader tells it, unless the leader's connection to a pod that was just replaced hangs; so this pod tells it, too.
settle() {
  settled_by=$(($(date +%s) + SETTLE_SECONDS))
  until is_followed_by_another "$1"; do
    [ "$(role_of "$1")" = master ] || return 0
    [ "$(date +%s)" -lt "$settled_by" ] || { log "$1 has no other replica within $SETTLE_SECONDS s: going anyway"; return; }
    for i in $(peers); do
      if [ "$(master_of "$(fqdn "$i")")" = "$SELF" ]; then ask_redis "$(fqdn "$i")" REPLICAOF "$1" 6379 >/dev/null; fi
    done
    sleep 0.2
  done
}

deadline=$(($(date +%s) + HAND_OVER_SECONDS))
asked=''
while [ "$(date +%s)" -lt "$deadline" ]; do
  [ "$asked" = asked ] || asked=$(ask_for_failover)
  [ "$asked" != nogoodslave ] || leave 'no replica can take over: going without a failover'
  # Sentinel's order to become a replica queues behind its own PUBLISH, which the pause holds back for the full 20 s.
  # So this node demotes itself as soon as its successor is known; only then may the paused writes go on (and be refused).
  successor=$(promoted)
  if [ -n "$successor" ]; then ask_redis "$SELF" REPLICAOF "$successor" 6379 >/dev/null; fi
  if [ "$(local_role)" = slave ]; then
    ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
    settle "$(master_of "$SELF")"
    leave 'handed over'
  fi
  sleep 0.1
done
leave "no failover within $HAND_OVER_SECONDS s: going anyway"
