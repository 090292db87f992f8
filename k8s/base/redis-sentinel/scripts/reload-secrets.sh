#!/bin/sh
# Makes the running Redis and Sentinel of this pod accept and use the passwords that are in the secret files now. No
# connection drops: ACL SETUSER leaves signed-in clients alone, where ACL LOAD of Redis 7.0 disconnects them and causes
# a failover.
SCRIPT_DIR=${SCRIPT_DIR:-/opt/redis/scripts}
# shellcheck source=lib.sh
. "$SCRIPT_DIR/lib.sh"

deadline=$(($(date +%s) + ${ANSWER_WITHIN_SECONDS:-30}))
in_time() { [ "$(date +%s)" -lt "$deadline" ] || { log "failed: $1"; exit 1; }; }

# One that waits for its master's name has no users yet; it would read the secrets of now, or has just read those before.
until ask_redis "$SELF" PING | grep -q .; do
  in_time 'Redis does not answer; see what it waits for in its log'
  sleep 0.2
done

# A rotation changes the lines old -> old,new -> new,old -> new, so the first line is always one that was accepted before.
must() { [ "$("$@")" = OK ] || { log "failed: $2 $3"; exit 1; }; }

while read -r name _; do
  case $name in '' | '#'*) continue ;; esac
  # shellcheck disable=SC2046 # one argument a password
  must as_operator ACL SETUSER "$name" resetpass $(password_hashes "$name")
done <"$CONFIG_DIR/users.acl"
must as_operator CONFIG SET masterauth "$(secret replication)"

# shellcheck disable=SC2046
sentinel_accepts() { ask_sentinel "$SELF" ACL SETUSER "$1" resetpass $(password_hashes "$2"); }
must sentinel_accepts default sentinel-requirepass
must sentinel_accepts app app
must sentinel_accepts exporter exporter
must ask_sentinel "$SELF" SENTINEL CONFIG SET sentinel-pass "$(secret sentinel-requirepass)"
# A Sentinel that has just started monitors nothing yet. monitor.sh, which makes it begin, may have read the former secret.
until [ "$(ask_sentinel "$SELF" SENTINEL SET "$MASTER_NAME" auth-pass "$(secret sentinel)")" = OK ]; do
  in_time 'the Sentinel monitors no master'
  sleep 0.2
done
log 'Redis and Sentinel use the secrets of now'
