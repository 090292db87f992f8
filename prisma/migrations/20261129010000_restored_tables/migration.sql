-- Tables that are dropped and created again (pg_restore --clean into the same database) hold another past, of which the
-- log says nothing. Their object ids change with it, so they are part of the incarnation: nothing cached before counts.
CREATE OR REPLACE FUNCTION portcullis_database() RETURNS TEXT LANGUAGE sql STABLE AS $$
  SELECT (SELECT system_identifier FROM pg_control_system())::text
      || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())::text
      || '-' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
      || '-' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text
      || '.' || (coalesce((extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint, 0)
        + 'users'::regclass::oid::bigint + 'groups'::regclass::oid::bigint + 'memberships'::regclass::oid::bigint
        + 'resources'::regclass::oid::bigint + 'grants'::regclass::oid::bigint
        + 'invalidation_log'::regclass::oid::bigint)::text
$$;
