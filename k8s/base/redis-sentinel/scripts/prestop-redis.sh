#!/bin/sh
# 9. Hands the master over before the pod ends: writes wait, a replica catches up and is promoted, nothing is lost.
# The local role decides, not an address: a name that moved would make this a no-op (bitnami#12598, #14133).
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

# All three, ROLE_SECONDS before them and the shutdown's 10 s fit into the pod's grace.
PREFER_SECONDS=4
HAND_OVER_SECONDS=20
# A failover takes a second. One that shows nothing for so long has died with the Sentinel that led it.
ASK_AGAIN_SECONDS=5
SETTLE_SECONDS=20

[ "$(patient_local_role)" = master ] || exit 0

# The successor that makes a rolling restart cheap. Pods go in the order 2, 1, 0: pod 1 hands over to pod 2, which has
# been restarted, and pod 2 to pod 0, which goes last. So there are never more than two hand-overs, whichever pod is the
# master. A replica that has not acknowledged for seconds is behind: a connection that was cut off counts as online for
# half a minute.
keeps_up() { ask_redis "$SELF" INFO replication | tr -d '\r' | grep "ip=$1," | grep -q 'state=online.*lag=[0-2]$'; }
preferred() {
  for step in $(ordinals); do
    candidate=$(fqdn $(((ORDINAL + step) % REPLICAS)))
    if keeps_up "$candidate"; then echo "$candidate" && return; fi
  done
}
PREFERRED=$(preferred)

# For this one hand-over only: Sentinel compares priorities before offsets, so in an unplanned failover it could promote
# a replica that holds less. Sentinels read it from INFO, every 10 s unless they are told to hurry.
prefer() {
  if [ -z "$PREFERRED" ] || ! configure "$PREFERRED" replica-priority 50; then PREFERRED='' && return; fi
  look_every 500
  prefer_by=$(($(date +%s) + PREFER_SECONDS))
  while [ "$(date +%s)" -lt "$prefer_by" ]; do
    seen=0
    for i in $(peers); do
      case $(seen_of_replica "$i" "$PREFERRED" slave-priority) in '' | 50) seen=$((seen + 1)) ;; esac
    done
    [ "$seen" -lt $((REPLICAS - 1)) ] || return 0
    sleep 0.2
  done
}
prefer_nobody() {
  for i in $(ordinals); do configure "$(fqdn "$i")" replica-priority 100; done
  look_every 10000
}

field() { ask_redis "$1" INFO replication | tr -d '\r' | sed -n "s/^$2://p"; }
# What was written before the pause reaches the preferred one before it is chosen: for it, Sentinel compares no offsets.
await_offset() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    reached=$(field "$1" slave_repl_offset)
    [ "${reached:-0}" -lt "${2:-0}" ] || return 0
    sleep 0.1
  done
  prefer_nobody
}

leave() {
  log "$1"
  ask_redis "$SELF" CLIENT UNPAUSE >/dev/null
  prefer_nobody
  exit 0
}

log "this is the master: handing over, to ${PREFERRED:-any replica} if it can"
prefer
ask_redis "$SELF" CLIENT PAUSE $((HAND_OVER_SECONDS * 1000)) WRITE >/dev/null
[ -z "$PREFERRED" ] || await_offset "$PREFERRED" "$(field "$SELF" master_repl_offset)"

# The peers' Sentinels first: the Sentinel that is asked leads the failover, and this pod's own would exit before it has
# told the other replica. INPROG: another Sentinel has been asked already, which serves as well. A Sentinel learns of a
# new replica up to 10 s late, so one NOGOODSLAVE is not final while this master has a replica linked.
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

# The name of the promoted replica, once a Sentinel names it and it reports the role itself.
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
  # Not once a peer is a master: the second failover would take the epoch of the first.
  if [ "$asked" = asked ] && [ "$(date +%s)" -ge "$ask_again_at" ] && ! peer_states | grep -qx master; then asked=''; fi
  if [ "$asked" != asked ]; then
    asked=$(ask_for_failover)
    ask_again_at=$(($(date +%s) + ASK_AGAIN_SECONDS))
  fi
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
