#!/bin/sh
# Starts the pod's Redis in the role that a majority of the Sentinels gives it. It never times out into master:
# "nobody answers, so I am the master" is the main cause of split brain. The numbers are the steps of the ADR.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

SNAPSHOT=$DATA_DIR/dump.rdb
# An operator puts this file on one volume to start the cluster from its snapshot.
RESTORE_MARKER=$DATA_DIR/bootstrap-from-snapshot
POLL_SECONDS=${BOOTSTRAP_POLL_SECONDS:-1}
# How long a master looks for a live replica before it trusts its own snapshot.
LIVE_PEER_WAIT_SECONDS=${LIVE_PEER_WAIT_SECONDS:-15}
# How long a first boot waits for the Sentinels that do not answer yet: one of them may remember a cluster.
FIRST_BOOT_WAIT_SECONDS=${FIRST_BOOT_WAIT_SECONDS:-30}
# How long to look for a Sentinel that has seen the data of the furthest replica.
LOOK_SECONDS=4

has_data() { [ -s "$SNAPSHOT" ]; }
now() { date +%s; }

snapshot_age() {
  echo "$(($(now) - $(date -r "$SNAPSHOT" +%s))) s"
}

# users.acl: hashes from the secret files, rules from the configuration; nobody signs in without a password.
render_acl() {
  echo 'user default off resetpass resetkeys resetchannels -@all'
  while read -r name rules; do
    case $name in '' | '#'*) continue ;; esac
    printf 'user %s on%s %s\n' "$name" "$(password_hashes "$name")" "$rules"
  done <"$CONFIG_DIR/users.acl"
}

# redis.conf is written from scratch at each start: what CONFIG REWRITE left behind never comes back (kubeblocks-addons#2686).
# $1: the master's name, empty to start as the master.
render_config() {
  cat "$CONFIG_DIR/redis.conf"
  echo "bind $BIND"
  echo "dir $DATA_DIR"
  echo "save ${SNAPSHOT_SECONDS:-10800} 1"
  echo "maxmemory $(maxmemory)"
  buffers
  echo "aclfile $RUN_DIR/users.acl"
  echo 'masteruser replication'
  echo "masterauth \"$(secret replication)\""
  echo "replica-announce-ip $SELF"
  echo 'replica-announce-port 6379'
  if tls; then
    echo 'port 0'
    echo 'tls-port 6379'
    echo 'tls-replication yes'
    echo 'tls-auth-clients no'
    echo "tls-cert-file $TLS_DIR/tls.crt"
    echo "tls-key-file $TLS_DIR/tls.key"
    echo "tls-ca-cert-file $TLS_DIR/ca.crt"
  else
    echo 'port 6379'
  fi
  if [ -n "$1" ]; then echo "replicaof $1 6379"; fi
}

# 60 % of the container's memory, and never more than 30 % of the volume: a snapshot and the one being written
# both fit, and "the volume is twice the memory" holds even if somebody changes only one of the two.
maxmemory() {
  volume=$(df -Pk "$DATA_DIR" | awk 'NR == 2 { printf "%.0f", $2 * 1024 }')
  awk -v memory="${MEMORY_LIMIT_BYTES:-1073741824}" -v volume="$volume" 'BEGIN {
    bytes = memory * 0.6
    if (bytes > volume * 0.3) bytes = volume * 0.3
    printf "%.0f\n", bytes
  }'
}

# What does not count as used memory follows the size of the container, so that neither a burst of writes nor one large value
# ends it. A restart needs the missing part of the backlog only; a slow full sync is not cut off and begun again for ever.
buffers() {
  awk -v memory="${MEMORY_LIMIT_BYTES:-1073741824}" 'BEGIN {
    mb = 1048576
    backlog = memory / 16 < 64 * mb ? memory / 16 : 64 * mb
    replica = memory / 4 < 256 * mb ? memory / 4 : 256 * mb
    clients = memory / 8 < 1024 * mb ? memory / 8 : 1024 * mb
    printf "repl-backlog-size %.0f\n", backlog
    printf "client-output-buffer-limit replica %.0f %.0f 60\n", replica, backlog
    # A client that sends or fetches too much at once is disconnected, the largest first.
    printf "maxmemory-clients %.0f\n", clients
    printf "proto-max-bulk-len %.0f\n", clients / 2 < 512 * mb ? clients / 2 : 512 * mb
  }'
}

# 8. When Redis answers, tell the local Sentinel, but only one that monitors nothing.
# A first boot saves before it registers: a node named as master always has a snapshot, or has lost one.
register() {
  master=$1
  # $$ is this script's process, which is Redis by now: the registration never outlives it.
  until ask_redis "$SELF" PING | grep -q PONG; do
    kill -0 $$ || exit 0
    sleep 0.2
  done
  if [ "$master" = "$SELF" ]; then
    until has_data; do
      ask_redis "$SELF" SAVE >/dev/null
      if has_data; then break; fi
      log_wait "this master has no snapshot, so no Sentinel is told of it: Redis cannot write to $DATA_DIR"
      kill -0 $$ || exit 0
      sleep 0.2
    done
    rm -f "$RESTORE_MARKER"
  else
    # A Sentinel asks a master for its replicas once in 10 s, and one that knows none cannot fail over: register when
    # the first answer already names this replica. A master that is away must not keep the Sentinel blind, so not for ever.
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
      ask_redis "$SELF" INFO replication | grep -q 'master_link_status:up' && break
      sleep 0.5
    done
  fi
  begun=''
  while kill -0 $$; do
    opinion=$(sentinel_opinion "$ORDINAL")
    [ "$opinion" != none ] || begun=yes
    # It monitors a master that somebody else told it.
    if [ "$opinion" != down ] && [ -z "$begun" ]; then break; fi
    if [ "$opinion" != down ] && "$SCRIPT_DIR/monitor.sh" "$master"; then break; fi
    log_wait 'the local Sentinel has not taken its settings yet'
    sleep 0.5
  done
}

run() {
  if [ -n "$1" ]; then log "starting as a replica of $1"; else log 'starting as the master'; fi
  umask 077
  render_acl >"$RUN_DIR/users.acl"
  render_config "$1" >"$RUN_DIR/redis.conf"
  # Redis becomes process 1 and gets the signals; the registration runs beside it and ends by itself.
  register "${1:-$SELF}" &
  exec "$SERVER" "$RUN_DIR/redis.conf"
}

# 4. No Sentinel monitors a master.
first_boot() {
  if has_data && [ ! -e "$RESTORE_MARKER" ]; then
    log_wait "STOPPED: $SNAPSHOT holds data, but no Sentinel knows a master. If this snapshot is to be the truth, create $RESTORE_MARKER on this pod alone; otherwise empty the volume."
    return
  fi
  if [ ! -e "$RESTORE_MARKER" ] && [ "$ORDINAL" != 0 ]; then
    log_wait "first boot: waiting for $(fqdn 0) to become the master"
    return
  fi
  if peer_states | grep -qv absent; then
    log_wait 'no Sentinel monitors anything, but another Redis runs: waiting for it to register'
    return
  fi
  log 'first boot: nobody monitors, nobody has data'
  run ''
}

# Fails when the Sentinel of pod $1 does not begin a failover, or none is in progress.
begins_failover() {
  case $(ask_sentinel "$(fqdn "$1")" SENTINEL FAILOVER "$MASTER_NAME") in *OK* | *INPROG*) ;; *) return 1 ;; esac
}

# A Sentinel promotes the replica that held most when it last looked. It looks every 10 s, and not at all at what it was cut off
# from: one that was promotes the replica beside it, which was cut off, too, and what the other holds is lost. So all look again,
# and the one that leads has seen what the furthest replica holds: "$1" is its offset, "$2" its host.
ask_informed_sentinel() {
  look_every 500
  look_until=$(($(now) + LOOK_SECONDS))
  begun=1
  until [ "$begun" = 0 ] || [ "$(now)" -ge "$look_until" ]; do
    for i in $(peers) "$ORDINAL"; do
      seen=$(seen_of_replica "$i" "$2" slave-repl-offset)
      if [ "${seen:-0}" -ge "$1" ] && begins_failover "$i"; then begun=0 && break; fi
    done
    [ "$begun" = 0 ] || sleep 0.2
  done
  look_every 10000
  return "$begun"
}

# The peers' Sentinels first: they lived through it, the local one may just have started. "INPROG" is as good as "OK": the
# guard lies in not starting, the request only saves the time of an election. Fails when a majority has nobody to promote.
ask_for_failover() {
  refusals=0
  for i in $(peers) "$ORDINAL"; do
    reply=$(ask_sentinel "$(fqdn "$i")" SENTINEL FAILOVER "$MASTER_NAME")
    case $reply in
      *OK* | *INPROG*) return 0 ;;
      *NOGOODSLAVE*) refusals=$((refusals + 1)) ;;
    esac
  done
  [ "$refusals" -lt "$MAJORITY" ]
}

# A Sentinel promotes no replica that lost its master ten times down-after before the Sentinel noticed. Those that restarted
# during an outage refuse for ever, while everybody waits for the live replica. A node that is a master already they accept.
promote_live_peer() {
  furthest=$(furthest_live_peer)
  # shellcheck disable=SC2086 # two words
  if [ -n "$furthest" ] && ask_informed_sentinel $furthest; then REFUSED_SINCE='' && return; fi
  # No Sentinel reaches the furthest replica. Then any may lead: down-after (5 s) is over, too, and they would elect one without being
  # asked. At worst entries are lost, which are loaded again; waiting longer would only keep out writes.
  if ask_for_failover; then REFUSED_SINCE='' && return; fi
  [ -n "$REFUSED_SINCE" ] || REFUSED_SINCE=$(now)
  [ $(($(now) - REFUSED_SINCE)) -ge "$LIVE_PEER_WAIT_SECONDS" ] || return 0
  chosen=${furthest#* }
  [ -n "$chosen" ] || return 0
  log "no Sentinel promotes $chosen, its link has been down for too long: promoting it for them"
  ask_redis "$chosen" REPLICAOF NO ONE >/dev/null
  # Sentinel looks once in a second while the master is down.
  sleep 2
  ask_for_failover
  REFUSED_SINCE=''
}

# 5. The master is another pod. This one would come with what its snapshot holds, and could be promoted like any other:
# while the master is away and a peer lives that holds more, that peer must be promoted first.
follow() {
  if [ "$(role_of "$1")" = master ] || ! another_lives "$1"; then run "$1"; fi
  log_wait "the master $1 is away, and a live peer holds newer data: waiting until it is promoted"
  if considered_down; then promote_live_peer; fi
}
considered_down() {
  ask_sentinel "$SELF" SENTINEL MASTER "$MASTER_NAME" | tr -d '\r' |
    awk 'NR % 2 { key = $0; next } key == "flags" { exit !/o_down/ }'
}

# 6 and 7. A majority says that this pod is the master, yet its memory is gone: it just started.
# Replicas full-sync from any node that comes up as their master, so a snapshot would roll back a live replica
# (kubeblocks#10753, redis#1297). As long as one lives, it must be promoted instead.
master_restarts() {
  # Redis may have to wait, but a Sentinel that lost its memory has a vote that the others may need.
  if [ "$(sentinel_opinion "$ORDINAL")" = none ]; then "$SCRIPT_DIR/monitor.sh" "$SELF"; fi
  states=$(peer_states)
  if echo "$states" | grep -qx master; then
    # A failover has happened. A second one, forced by a Sentinel that does not know of it, would reuse its epoch.
    log_wait 'this pod was the master, but a peer has been promoted: waiting for the Sentinels to say so'
    ALONE_SINCE=''
    [ -n "$UNTOLD_SINCE" ] || UNTOLD_SINCE=$(now)
    [ $(($(now) - UNTOLD_SINCE)) -ge "$LIVE_PEER_WAIT_SECONDS" ] || return 0
    # The leading Sentinel died before it announced the result. Its failover is over by now, longer than
    # failover-timeout.
    log 'no Sentinel has heard of the promotion: asking for another failover'
    ask_for_failover
    UNTOLD_SINCE=''
    return
  fi
  UNTOLD_SINCE=''
  if echo "$states" | grep -qx live; then
    log_wait 'this pod is the master but a live peer holds newer data: asking for a failover'
    promote_live_peer
    ALONE_SINCE=''
    return
  fi
  if ! has_data; then
    log_wait "STOPPED: this pod is the master by the Sentinels' word, but $SNAPSHOT is missing: an empty master would empty its replicas"
    # A replica that only loaded its snapshot is better than none.
    if echo "$states" | grep -qx fresh; then ask_for_failover; fi
    return
  fi
  # Every peer answers, and none has data from before the master's death: waiting would not help.
  if [ "$(echo "$states" | grep -cx fresh)" -lt $((REPLICAS - 1)) ]; then
    [ -n "$ALONE_SINCE" ] || ALONE_SINCE=$(now)
    if [ $(($(now) - ALONE_SINCE)) -lt "$LIVE_PEER_WAIT_SECONDS" ]; then
      log_wait "this pod is the master: looking for a live replica for $LIVE_PEER_WAIT_SECONDS s"
      return
    fi
  fi
  log "no live replica: starting from a snapshot that is $(snapshot_age) old"
  run ''
}

trap 'exit 0' TERM INT
require_secrets
mkdir -p "$RUN_DIR"
for folder in "$RUN_DIR" "$DATA_DIR"; do
  [ -w "$folder" ] || { log "STOPPED: cannot write to $folder"; exit 1; }
done
ALONE_SINCE=''
PARTIAL_SINCE=''
REFUSED_SINCE=''
UNTOLD_SINCE=''
log "$SELF asks $REPLICAS Sentinels who the master is"

while :; do
  # 2. Fewer than a majority answers: keep waiting. 3. Agreement, or the highest config-epoch.
  opinion=$(survey | verdict)
  master=${opinion#* }
  case $opinion in
    unknown) log_wait "fewer than $MAJORITY Sentinels answer: waiting" ;;
    none) first_boot ;;
    none-partial)
      [ -n "$PARTIAL_SINCE" ] || PARTIAL_SINCE=$(now)
      if [ $(($(now) - PARTIAL_SINCE)) -lt "$FIRST_BOOT_WAIT_SECONDS" ]; then
        log_wait "no Sentinel that answers monitors anything: waiting $FIRST_BOOT_WAIT_SECONDS s for the others"
      else
        first_boot
      fi
      ;;
    lone*)
      # One memory among blank ones counts when its master confirms it.
      if [ "$master" != "$SELF" ] && [ "$(role_of "$master")" = master ]; then run "$master"; fi
      log_wait "one Sentinel names $master, another knows nothing, a third is missing: waiting"
      ;;
    tie*)
      for candidate in $master; do
        if [ "$candidate" != "$SELF" ] && is_followed_master "$candidate"; then run "$candidate"; fi
      done
      log_wait "the Sentinels contradict each other ($master), and no other pod is a master with a replica: waiting"
      ;;
    "agreed $SELF") master_restarts ;;
    "newest $SELF") log_wait 'the newest opinion names this pod, but no majority does: waiting' ;;
    *) follow "$master" ;;
  esac
  sleep "$POLL_SECONDS"
done
