#!/bin/sh
# Makes the local Sentinel monitor $1 under the cluster's settings.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

ask_sentinel "$SELF" SENTINEL MONITOR "$MASTER_NAME" "$1" 6379 "$MAJORITY" | grep -q OK || exit 1
log "the local Sentinel now monitors $1"
"$SCRIPT_DIR/sentinel-settings.sh" | while read -r option value; do
  ask_sentinel "$SELF" SENTINEL SET "$MASTER_NAME" "$option" "$value" >/dev/null
done

# Introduce the other Sentinels, in the words they would use themselves. They would meet on the master's channel within
# seconds, but a master that dies in those seconds would leave three Sentinels that never hear of each other's failovers.
for i in $(peers); do introduce "$i" "$1" 0 >/dev/null; done
