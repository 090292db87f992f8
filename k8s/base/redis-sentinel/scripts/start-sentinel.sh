#!/bin/sh
# 1. Starts the pod's Sentinel at once: from what it remembers, or monitoring nothing.
# Of the persisted file only the memory is kept (master, epochs); everything else is written again, so that changed settings,
# rotated passwords and an upgrade take effect, and no ghost of an old pod survives.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

CONFIG=$SENTINEL_DIR/sentinel.conf
# How long a Sentinel may have nothing but an old address of a pod: the cluster's DNS answers with it for 30 s (kubeadm's CoreDNS,
# NodeLocal DNSCache), and an attempt to connect to it is given up after 15 s.
PATIENCE_SECONDS=${PATIENCE_SECONDS:-46}
DOWN_AFTER_MS=${DOWN_AFTER_MS:-5000}
remembered() { [ -f "$CONFIG" ] && tr -d '\r"' <"$CONFIG" | grep "^sentinel $1 " | tail -n 1 | cut -d ' ' -f 3-; }

render_header() {
  # Names first: a "monitor" line with a name is refused before "resolve-hostnames".
  cat "$CONFIG_DIR/sentinel.conf"
  echo "bind $BIND"
  echo "dir $SENTINEL_DIR"
  echo "requirepass \"$(secret sentinel-requirepass)\""
  echo "user default on$(password_hashes sentinel-requirepass) ~* &* +@all"
  echo "sentinel sentinel-pass $(secret sentinel-requirepass)"
  # Clients may ask for the master and nothing else: a password for reading must not allow a failover.
  while read -r name rules; do
    case $name in '' | '#'*) continue ;; esac
    printf 'user %s on%s %s\n' "$name" "$(password_hashes "$name")" "$rules"
  done <"$CONFIG_DIR/sentinel-users.acl"
  echo "sentinel announce-ip $SELF"
  echo 'sentinel announce-port 26379'
  echo "sentinel myid $(sentinel_id "$POD_NAME")"
  if tls; then
    echo 'port 0'
    echo 'tls-port 26379'
    echo 'tls-replication yes'
    echo 'tls-auth-clients no'
    echo "tls-cert-file $TLS_DIR/tls.crt"
    echo "tls-key-file $TLS_DIR/tls.key"
    echo "tls-ca-cert-file $TLS_DIR/ca.crt"
  else
    echo 'port 26379'
  fi
}

# The peers' names are fixed, so they are written rather than remembered: a Sentinel that started while names did not
# resolve writes "known-replica" lines with the wrong name (Redis 7.0 takes two unresolved names for the same),
# and one that knows no replica cannot fail over.
render_memory() {
  master=$(remembered monitor | awk -v name="$MASTER_NAME" '$1 == name { print $2 }')
  [ -n "$master" ] || return 0
  echo "sentinel monitor $MASTER_NAME $master 6379 $MAJORITY"
  DOWN_AFTER_MS=$((PATIENCE_SECONDS * 1000 + DOWN_AFTER_MS)) "$SCRIPT_DIR/sentinel-settings.sh" | while read -r option value; do
    echo "sentinel $option $MASTER_NAME $value"
  done
  for epoch in config-epoch leader-epoch; do
    value=$(remembered "$epoch" | cut -d ' ' -f 2)
    [ -z "$value" ] || echo "sentinel $epoch $MASTER_NAME $value"
  done
  for i in $(ordinals); do
    name=$(fqdn "$i")
    [ "$name" = "$master" ] || echo "sentinel known-replica $MASTER_NAME $name 6379"
    [ "$name" = "$SELF" ] || echo "sentinel known-sentinel $MASTER_NAME $name 26379 $(sentinel_id "$POD_PREFIX-$i")"
  done
  current=$(remembered current-epoch)
  [ -z "$current" ] || echo "sentinel current-epoch $current"
}

# A Sentinel that has just started and does not reach the master may only have an old address of it: where all pods were
# replaced at once, two such Sentinels failed over a healthy master. So it waits until it has reached the master once,
# or a Sentinel that is older than any cached name calls the master down, or its own names can no longer be outdated.
has_reached_master() {
  ask_sentinel "$SELF" SENTINEL MASTER "$MASTER_NAME" | tr -d '\r' | awk 'NR % 2 { key = $0; next } key == "runid" { exit $0 == "" }'
}
elder_calls_master_down() {
  for i in $(peers); do
    age=$(ask_sentinel "$(fqdn "$i")" INFO server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p')
    [ "${age:-0}" -ge "$PATIENCE_SECONDS" ] || continue
    case $(flags_and_master "$i") in *s_down*" $1") return 0 ;; esac
  done
  return 1
}
end_patience() {
  patient_until=$(($(date +%s) + PATIENCE_SECONDS))
  while kill -0 $$ && [ "$(date +%s)" -lt "$patient_until" ]; do
    sleep 1
    opinion=$(sentinel_opinion "$ORDINAL")
    case $opinion in down | none) continue ;; esac
    if has_reached_master || elder_calls_master_down "${opinion#* }"; then break; fi
  done
  # One that resolves a name does not answer meanwhile; left patient, it would be of no use in the next failover.
  while kill -0 $$; do
    case $(ask_sentinel "$SELF" SENTINEL SET "$MASTER_NAME" down-after-milliseconds "$DOWN_AFTER_MS") in
      OK* | *'No such master'*) return ;;
    esac
    sleep 1
  done
}

# A Sentinel that hears of a failover while names do not resolve takes the new epoch but keeps the old master, and from
# then on nothing its peers say is news to it. When the node it calls master is a replica of another one that is a master
# with replicas, twice in a row, its memory is wrong: it is told so in the words of a peer, one epoch later, and tells
# the others. Only a memory is healed here; Redis itself is never touched.
actual_master() {
  followed=$(master_of "$1")
  if [ -n "$followed" ] && [ "$followed" != "$1" ] && is_followed_master "$followed"; then echo "$followed"; fi
}
# A master that dies before the first INFO leaves a Sentinel that knows no replica and can never learn of one: starting
# over, it finds all names in its configuration.
known_replicas() {
  ask_sentinel "$SELF" SENTINEL MASTER "$MASTER_NAME" | tr -d '\r' | awk 'NR % 2 { key = $0; next } key == "num-slaves" { print; exit }'
}
reconcile() {
  suspected=''
  blind=''
  while kill -0 $$; do
    sleep "${RECONCILE_SECONDS:-10}"
    known=$(known_replicas)
    if [ -n "$known" ] && [ "$known" -lt $((REPLICAS - 1)) ]; then
      if [ -n "$blind" ]; then
        log "this Sentinel knows $known of $((REPLICAS - 1)) replicas: starting it over"
        kill -TERM $$
        return
      fi
      blind=yes
    else
      blind=''
    fi
    opinion=$(sentinel_opinion "$ORDINAL")
    case $opinion in down | none) suspected='' && continue ;; esac
    actual=$(actual_master "${opinion#* }")
    if [ -z "$actual" ] || [ "$actual" != "$suspected" ]; then suspected=$actual && continue; fi
    log "this Sentinel remembers ${opinion#* }, but that follows $actual: correcting its memory"
    introduce "$(peers | head -n 1)" "$actual" $((${opinion%% *} + 1)) >/dev/null
    suspected=''
  done
}

umask 077
require_secrets
mkdir -p "$SENTINEL_DIR" "$RUN_DIR"
# Renamed after everything is written: a crash in between leaves the old file intact.
{ render_header && render_memory; } >"$CONFIG.new" && mv "$CONFIG.new" "$CONFIG"
log "starting; remembered master: $(remembered monitor || echo none)"
end_patience &
reconcile &
exec "$SERVER" "$CONFIG" --sentinel
