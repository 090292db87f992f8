#!/bin/sh
# Makes the local Sentinel monitor $1 under the cluster's settings. Fails unless it has taken all of them, and may be repeated: one
# that resolves a name, which it does while everybody waits, answers late or not at all.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

# It monitors it already where an earlier attempt came only so far.
case $(ask_sentinel "$SELF" SENTINEL MONITOR "$MASTER_NAME" "$1" 6379 "$MAJORITY") in OK* | *uplicate*) ;; *) exit 1 ;; esac
# Without its password a Sentinel would call a healthy master down.
"$SCRIPT_DIR/sentinel-settings.sh" | while read -r option value; do
  [ "$(ask_sentinel "$SELF" SENTINEL SET "$MASTER_NAME" "$option" "$value")" = OK ] || exit 1
done || exit 1

# Introduces the other Sentinels, with the messages that they would send themselves. They would meet on the master's
# channel within seconds, but if the master dies in those seconds, the three Sentinels never learn of each other's
# failovers.
for i in $(peers); do introduce "$i" "$1" 0 | grep -q '^[0-9]' || exit 1; done
log "the local Sentinel now monitors $1"
