# shellcheck shell=sh
# shellcheck disable=SC2034 # some of the settings are for the scripts that source this
# Shared by the pod's scripts: the pod's names, its secrets, and functions that send one command to a Redis or a Sentinel.
# Plain POSIX shell with what the official image holds: redis-cli, timeout, awk, sha256sum.
set -u

MASTER_NAME=${MASTER_NAME:-mymaster}
REPLICAS=${REPLICAS:-3}
MAJORITY=$((REPLICAS / 2 + 1))
POD_PREFIX=${POD_NAME%-*}
ORDINAL=${POD_NAME##*-}

SERVER=${REDIS_SERVER:-redis-server}
CLI=${REDIS_CLI:-redis-cli}
BIND=${BIND_ADDRESS:-* -::*}
# One command may take this long; a hung peer must not delay the answers of the others.
ASK_TIMEOUT_SECONDS=${ASK_TIMEOUT_SECONDS:-2}

SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
CONFIG_DIR=${CONFIG_DIR:-/opt/redis/config}
SECRET_DIR=${SECRET_DIR:-/run/secrets/redis}
TLS_DIR=${TLS_DIR:-/run/secrets/redis-tls}
RUN_DIR=${RUN_DIR:-/run/redis}
DATA_DIR=${DATA_DIR:-/data}
SENTINEL_DIR=${SENTINEL_DIR:-$DATA_DIR/sentinel}

# Names, never addresses: a pod keeps its name when it moves (redis#11241, spotahome#550).
fqdn() { printf '%s-%s.%s\n' "$POD_PREFIX" "$1" "$SERVICE_DOMAIN"; }
ordinals() { awk -v n="$REPLICAS" 'BEGIN { for (i = 0; i < n; i++) print i }'; }
peers() { ordinals | grep -vx "$ORDINAL"; }
SELF=$(fqdn "$ORDINAL")
# A hash of the name: a Sentinel that lost its volume comes back under its old id, not as a fourth one.
sentinel_id() { printf '%s' "$1" | sha1sum | cut -d ' ' -f 1; }

log() { printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(basename "$0" .sh)" "$*" >&2; }

# Logs a wait once, then every tenth time, so that the log is not flooded.
LAST_WAIT=''
WAITS=0
log_wait() {
  if [ "$*" = "$LAST_WAIT" ]; then WAITS=$((WAITS + 1)); else WAITS=0; fi
  LAST_WAIT=$*
  if [ $((WAITS % 10)) -eq 0 ]; then log "$*"; fi
}

# A secret file holds one password a line: the first is used, all are accepted (rotation overlaps them).
secret() { head -n 1 "$SECRET_DIR/$1"; }
# Those without which the pods do not even find each other.
require_secrets() {
  for name in probe replication sentinel sentinel-requirepass; do
    [ -n "$(secret "$name" 2>/dev/null)" ] || { log "STOPPED: $SECRET_DIR/$name has no password in its first line"; exit 1; }
  done
}
password_hashes() {
  while read -r password || [ -n "$password" ]; do
    [ -z "$password" ] || printf ' #%s' "$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)"
  done <"$SECRET_DIR/$1"
}

tls() { [ "${TLS:-off}" = on ]; }
if tls; then TLS_ARGS="--tls --cacert $TLS_DIR/ca.crt"; else TLS_ARGS=''; fi

# The password travels in redis-cli's own environment: never on a command line that others can list.
# shellcheck disable=SC2086 # TLS_ARGS is several words on purpose
ask_redis() {
  host=$1
  shift
  REDISCLI_AUTH=$(secret probe) timeout "$ASK_TIMEOUT_SECONDS" "$CLI" --no-auth-warning --user probe -h "$host" -p 6379 $TLS_ARGS "$@" 2>/dev/null
}
# For people and for rotations of passwords; waits as long as the command takes.
# shellcheck disable=SC2086
as_operator() {
  REDISCLI_AUTH=$(secret operator) "$CLI" --no-auth-warning --user operator -h "$SELF" -p 6379 $TLS_ARGS "$@"
}
# Changes the configuration of another pod's Redis; no other ACL user of the scripts may do that.
# shellcheck disable=SC2086
configure() {
  host=$1
  shift
  REDISCLI_AUTH=$(secret operator) timeout "$ASK_TIMEOUT_SECONDS" "$CLI" --no-auth-warning --user operator -h "$host" -p 6379 $TLS_ARGS CONFIG SET "$@" >/dev/null 2>&1
}
# shellcheck disable=SC2086
ask_sentinel() {
  host=$1
  shift
  REDISCLI_AUTH=$(secret sentinel-requirepass) timeout "$ASK_TIMEOUT_SECONDS" "$CLI" --no-auth-warning -h "$host" -p 26379 $TLS_ARGS "$@" 2>/dev/null
}

# What the Sentinel of pod $1 believes: "down", "none" (it monitors nothing) or "<config-epoch> <host>".
sentinel_opinion() {
  reply=$(ask_sentinel "$(fqdn "$1")" SENTINEL MASTER "$MASTER_NAME")
  case $reply in
    *config-epoch*)
      printf '%s\n' "$reply" | tr -d '\r' |
        awk 'NR % 2 { key = $0; next } key == "ip" { host = $0 } key == "config-epoch" { epoch = $0 } END { print epoch, host }'
      ;;
    *'No such master'*) echo none ;;
    *) echo down ;;
  esac
}

# Of the Sentinel of pod $1: "<flags> <host>".
flags_and_master() {
  ask_sentinel "$(fqdn "$1")" SENTINEL MASTER "$MASTER_NAME" | tr -d '\r' |
    awk 'NR % 2 { key = $0; next } key == "ip" { host = $0 } key == "flags" { flags = $0 } END { print flags, host }'
}

# The field $3 of the replica $2 as the Sentinel of pod $1 saw it last; nothing while that Sentinel does not reach it.
seen_of_replica() {
  ask_sentinel "$(fqdn "$1")" SENTINEL REPLICAS "$MASTER_NAME" | tr -d '\r' | awk -v host="$2" -v field="$3" '
    prev == "ip" { ours = ($0 == host) }
    prev == "flags" && ours && /down|disconnected/ { exit }
    prev == field && ours { print; exit }
    { prev = $0 }'
}
# How often the Sentinels look at the replicas, in milliseconds; by default 10000.
look_every() {
  for i in $(ordinals); do ask_sentinel "$(fqdn "$i")" SENTINEL DEBUG info-period "$1" >/dev/null & done
  wait
}

# Tells the local Sentinel what the Sentinel of pod $1 would announce: that it exists, and that $2 is the master as of
# config-epoch $3.
introduce() {
  ask_sentinel "$SELF" PUBLISH __sentinel__:hello \
    "$(fqdn "$1"),26379,$(sentinel_id "$POD_PREFIX-$1"),$3,$MASTER_NAME,$2,6379,$3"
}

# The opinions of all Sentinels, asked in parallel, one a line, in any order.
survey() {
  for i in $(ordinals); do sentinel_opinion "$i" & done
  wait
}

# Reads opinions and prints the result:
#   unknown        fewer than a majority answers
#   none           a majority answers and none monitors
#   lone HOST      one monitors, another knows nothing, a third is missing and might know better
#   agreed HOST    a majority names HOST, or all answer and nobody contradicts
#   newest HOST    they disagree; HOST has the highest config-epoch among at least two opinions
#   tie HOST...    they contradict each other at the same epoch
verdict() {
  awk -v replicas="$REPLICAS" -v majority="$MAJORITY" '
    $1 == "down" || NF == 0 { next }
    { reachable++ }
    $1 == "none" { next }
    { opinions++; votes[$2]++; if (!($2 in epoch) || $1 + 0 > epoch[$2]) epoch[$2] = $1 + 0 }
    END {
      if (reachable < majority) { print "unknown"; exit }
      if (!opinions) { print (reachable == replicas ? "none" : "none-partial"); exit }
      best = -1
      for (host in votes) {
        if (votes[host] >= majority) { print "agreed", host; exit }
        if (epoch[host] == best) tie = 1
        if (epoch[host] > best) { best = epoch[host]; newest = host; tie = 0 }
      }
      if (opinions == 1) { print (reachable == replicas ? "agreed" : "lone"), newest; exit }
      if (tie) { printf "tie"; for (host in votes) if (epoch[host] == best) printf " %s", host; print ""; exit }
      print "newest", newest
    }'
}

# What the Redis of pod $1 is: "absent", "master", "live" or "fresh".
# "live": a replica that has held its master link in this life, so it holds what the master replicated before it died.
# "fresh": a replica that only loaded a snapshot; it holds nothing newer than files do.
peer_state() {
  ask_redis "$(fqdn "$1")" INFO | tr -d '\r' | awk -F : '
    $1 == "role" { role = $2 }
    $1 == "master_link_status" { link = $2 }
    $1 == "master_link_down_since_seconds" { down = $2 }
    END {
      if (role == "master") print "master"
      else if (role == "slave" && (link == "up" || (down != "" && down >= 0))) print "live"
      else if (role == "slave") print "fresh"
      else print "absent"
    }'
}
peer_states() { for i in $(peers); do peer_state "$i"; done; }
# Whether a peer other than the host $1 holds newer data than the files.
another_lives() {
  for i in $(peers); do
    [ "$(fqdn "$i")" != "$1" ] || continue
    case $(peer_state "$i") in live | master) return 0 ;; esac
  done
  return 1
}
# "<offset> <host>" of the live peer that has replicated furthest.
furthest_live_peer() {
  for i in $(peers); do
    [ "$(peer_state "$i")" = live ] || continue
    printf '%s %s\n' "$(ask_redis "$(fqdn "$i")" INFO replication | tr -d '\r' | sed -n 's/^slave_repl_offset://p')" "$(fqdn "$i")"
  done | sort -n | tail -n 1
}

role_of() { ask_redis "$1" ROLE | head -n 1 | tr -d '\r'; }
# A master with a follower: a Sentinel may claim it, but Redis itself must show it.
is_followed_master() { ask_redis "$1" INFO replication | grep -q 'state=online'; }
local_role() { role_of "$SELF"; }
# Asked again where the answer did not come in time, at most ROLE_SECONDS longer: a fork, or one long command, holds up a master for
# seconds, which then went without handing over.
ROLE_SECONDS=4
patient_local_role() {
  asked_by=$(($(date +%s) + ROLE_SECONDS))
  reply=$(ask_redis "$SELF" ROLE)
  # 124 is GNU's code for a time that is over, 143 busybox's.
  while case $? in 124 | 143) [ "$(date +%s)" -lt "$asked_by" ] ;; *) false ;; esac do reply=$(ask_redis "$SELF" ROLE); done
  printf '%s\n' "$reply" | head -n 1 | tr -d '\r'
}
# The host that the Redis at $1 follows; nothing for a master.
master_of() { ask_redis "$1" ROLE | tr -d '\r' | awk 'NR == 1 && $0 != "slave" { exit } NR == 2 { print; exit }'; }
# Whether the master $1 has a replica that stays when this pod ends: without one it refuses writes.
is_followed_by_another() { ask_redis "$1" INFO replication | grep 'state=online' | grep -qv "ip=$SELF,"; }
