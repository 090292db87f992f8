#!/bin/sh
# Keeps this Sentinel's voice until the pod's Redis has handed over: the failover may need it for its majority.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

deadline=$(($(date +%s) + 20))
while [ "$(date +%s)" -lt "$deadline" ] && [ "$(local_role)" = master ]; do sleep 0.2; done
exit 0
