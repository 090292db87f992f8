-- The identity gets the database's own oid: two databases of one server count their transactions together and differ in
-- nothing else, also when one was restored from a dump of the other.
CREATE OR REPLACE FUNCTION portcullis_database() RETURNS TEXT LANGUAGE sql STABLE AS $$
  SELECT (SELECT system_identifier FROM pg_control_system())::text
      || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())::text
      || '-' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
      || '-' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text
      || '.' || coalesce((extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint, 0)::text
$$;
