#!/bin/sh
# Prints a Sentinel's settings for the master, one "option value" a line: for SENTINEL SET and for sentinel.conf.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

echo "auth-user sentinel"
echo "auth-pass $(secret sentinel)"
echo "down-after-milliseconds ${DOWN_AFTER_MS:-5000}"
echo "failover-timeout ${FAILOVER_TIMEOUT_MS:-10000}"
echo 'parallel-syncs 1'
echo 'master-reboot-down-after-period 1000'
