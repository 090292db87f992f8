#!/bin/sh
# Keeps this Sentinel's voice while the pod's Redis hands over: the failover may need it for its majority, and if it leads,
# it has the other replica to tell. It goes when the peers name another master, which has a replica besides this pod.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

# The time limits of the hand-over, as in prestop-redis.sh.
STAY_SECONDS=44

[ "$(patient_local_role)" = master ] || exit 0

is_over() {
  [ "$(local_role)" != master ] || return 1
  for i in $(peers) "$ORDINAL"; do
    case $(flags_and_master "$i") in
      *failover_in_progress* | *" $SELF") return 1 ;;
    esac
  done
  # A peer that was just replaced may not answer yet; one that does is enough. If all pods go, there is nothing to wait for.
  for i in $(peers); do
    named=$(flags_and_master "$i")
    named=${named#* }
    case $named in
      '') ;;
      *) is_followed_by_another "$named"; return ;;
    esac
  done
}

deadline=$(($(date +%s) + STAY_SECONDS))
until [ "$(date +%s)" -ge "$deadline" ] || is_over; do sleep 0.2; done
exit 0
