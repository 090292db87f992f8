#!/bin/sh
# The probes: redis-startup, redis-ready, redis-live, sentinel-ready, sentinel-live. Exit 0 is healthy.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

case $1 in
  # A rolling update moves on only when this pod could take over: a master, or a replica in step.
  redis-startup)
    ask_redis "$SELF" INFO replication | tr -d '\r' | awk -F : '
      $1 == "role" { role = $2 }
      $1 == "master_link_status" { link = $2 }
      $1 == "master_sync_in_progress" { syncing = $2 }
      END { exit !(role == "master" || (role == "slave" && link == "up" && syncing == 0)) }'
    ;;
  # Not tied to replication: a failover must not empty the Services (helm/charts#15093).
  redis-ready) ask_redis "$SELF" PING | grep -q '^PONG' ;;
  # A node that loads or waits for its master is alive: killing it only starts the wait over. So is one that refuses the password:
  # one that was replaced, not rotated, would have all pods killed at once.
  redis-live) ask_redis "$SELF" PING | grep -q -e '^PONG' -e '^LOADING' -e '^MASTERDOWN' -e '^NOAUTH' ;;
  sentinel-ready) ask_sentinel "$SELF" PING | grep -q '^PONG' ;;
  sentinel-live) ask_sentinel "$SELF" PING | grep -q -e '^PONG' -e '^NOAUTH' ;;
  *)
    log "unknown probe: $1"
    exit 2
    ;;
esac
