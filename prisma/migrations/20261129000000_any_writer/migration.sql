-- Any writer counts: a row that is changed by SQL behind the API appends to the invalidation log like a mutation does.
-- The service's own transactions declare what they invalidate and set `portcullis.declared`, and the triggers skip those.
-- \x3b is a semicolon, because Prisma's driver adapters end a statement at every plain one, also inside a function.

-- A wake-up that the poll replaces must never fail a transaction. NOTIFY fails the commit when its queue is full, and
-- PREPARE TRANSACTION refuses what has notified. `portcullis.notify` (on or off) decides for a database or a session.
-- Without it, servers that allow prepared transactions are not notified.
CREATE FUNCTION portcullis_may_notify() RETURNS BOOLEAN LANGUAGE sql VOLATILE AS $$
  SELECT pg_notification_queue_usage() <= 0.5
    AND coalesce(nullif(current_setting('portcullis.notify', true), ''),
      CASE WHEN current_setting('max_prepared_transactions') = '0' THEN 'on' ELSE 'off' END) = 'on'
$$;

-- One row for one statement, where it changed anything.
CREATE FUNCTION portcullis_append(source TEXT, named TEXT[]) RETURNS VOID LANGUAGE sql VOLATILE AS $$
  WITH appended AS (
    INSERT INTO invalidation_log (tags, event, actor, widened)
    SELECT named, 'sql:' || source,
      concat('sql:', session_user, ' (' || nullif(current_setting('application_name'), '') || ')'),
      named && ARRAY['l:user-groups', 'l:user-resources', 'l:resources']
    WHERE cardinality(named) > 0
    RETURNING xid
  )
  SELECT pg_notify('portcullis_invalidation', '') FROM appended WHERE portcullis_may_notify()
$$;

-- The tags are those of src/domain/keys.ts, and test/integration/any-writer-rules.test.ts compares them with the rules
-- of every mutation. Beyond the bounds whole layers are named, and of the catalogue only its buckets.
CREATE FUNCTION portcullis_user_tags(ids TEXT[]) RETURNS TEXT[] LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) > 10000 THEN ARRAY['l:user-groups', 'l:user-resources'] ELSE array_agg('u:' || id) END
  FROM (SELECT DISTINCT unnest(ids)) AS named(id)
$$;

CREATE FUNCTION portcullis_place_tags(ids UUID[]) RETURNS TEXT[] LANGUAGE sql STABLE AS $$
  WITH RECURSIVE below AS (
    SELECT unnest(ids) AS id UNION SELECT g.id FROM groups g JOIN below b ON g.parent_id = b.id
  )
  SELECT CASE WHEN count(*) > 10000 THEN ARRAY['l:user-groups', 'l:user-resources'] ELSE array_agg('t:' || id) END
  FROM below
$$;

CREATE FUNCTION portcullis_grants_tags(ids UUID[]) RETURNS TEXT[] LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN count(*) > 10000 THEN ARRAY['l:user-resources'] ELSE array_agg('g:' || id) END
  FROM (SELECT DISTINCT unnest(ids)) AS named(id)
$$;

CREATE FUNCTION portcullis_catalogue_tags(ids UUID[]) RETURNS TEXT[] LANGUAGE sql STABLE AS $$
  SELECT array_agg(DISTINCT 'c:' || left(id::text, 2))
    || CASE WHEN count(*) <= 1000 THEN array_agg('r:' || id) ELSE ARRAY[]::text[] END
  FROM (SELECT DISTINCT unnest(ids)) AS named(id)
$$;

-- The lists that show a resource are those of the groups it is granted to. A transaction with one snapshot for all its
-- statements does not see the grants that others committed since, and names them all.
CREATE FUNCTION portcullis_shown_resource_tags(ids UUID[]) RETURNS TEXT[] LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN cardinality(ids) = 0 THEN NULL
    WHEN current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN ARRAY['l:user-resources']
    ELSE portcullis_grants_tags(ARRAY(SELECT DISTINCT group_id FROM grants WHERE resource_id = ANY (ids))) END
$$;

-- What an update leaves as it was is not changed: each function compares the rows before with those after.
-- `touched` are the rows of an insert or a delete.
CREATE FUNCTION portcullis_users_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  ids TEXT[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    ids := ARRAY(SELECT id FROM (
      (SELECT id, disabled FROM old_rows EXCEPT SELECT id, disabled FROM new_rows) UNION ALL
      (SELECT id, disabled FROM new_rows EXCEPT SELECT id, disabled FROM old_rows)) AS changed)\x3b
  ELSE
    ids := ARRAY(SELECT id FROM touched)\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_user_tags(ids))\x3b
  RETURN NULL\x3b
END
';

CREATE FUNCTION portcullis_groups_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  ids UUID[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    ids := ARRAY(SELECT id FROM (
      (SELECT id, name, parent_id FROM old_rows EXCEPT SELECT id, name, parent_id FROM new_rows) UNION ALL
      (SELECT id, name, parent_id FROM new_rows EXCEPT SELECT id, name, parent_id FROM old_rows)) AS changed)\x3b
  ELSE
    ids := ARRAY(SELECT id FROM touched)\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_place_tags(ids))\x3b
  RETURN NULL\x3b
END
';

CREATE FUNCTION portcullis_memberships_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  ids TEXT[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    ids := ARRAY(SELECT user_id FROM (
      (SELECT user_id, group_id, role FROM old_rows EXCEPT SELECT user_id, group_id, role FROM new_rows) UNION ALL
      (SELECT user_id, group_id, role FROM new_rows EXCEPT SELECT user_id, group_id, role FROM old_rows)) AS changed)\x3b
  ELSE
    ids := ARRAY(SELECT user_id FROM touched)\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_user_tags(ids))\x3b
  RETURN NULL\x3b
END
';

-- Attributes as text: to JSON 1 and 1.0 are one number, and they are shown as two. A resource that comes or goes is in
-- the lists by its grants, which have a trigger of their own.
CREATE FUNCTION portcullis_resources_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  ids UUID[]\x3b
  shown TEXT[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    WITH before AS (SELECT id, name, kind, description, attributes::text, version, updated_at FROM old_rows),
      after AS (SELECT id, name, kind, description, attributes::text, version, updated_at FROM new_rows)
    SELECT array_agg(id) INTO ids FROM (
      (TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed\x3b
    shown := portcullis_shown_resource_tags(ids)\x3b
  ELSE
    ids := ARRAY(SELECT id FROM touched)\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_catalogue_tags(ids) || shown)\x3b
  RETURN NULL\x3b
END
';

-- Who grants waits for a change of the resource that is not committed yet, and the other way round: one of the two then
-- sees the other. Otherwise neither would name the lists that show the old resource under the new grant.
CREATE FUNCTION portcullis_grants_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  resources_of UUID[]\x3b
  groups_of UUID[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    SELECT array_agg(DISTINCT resource_id), array_agg(DISTINCT group_id) INTO resources_of, groups_of FROM (
      (SELECT group_id, resource_id, permission FROM old_rows EXCEPT SELECT group_id, resource_id, permission FROM new_rows)
      UNION ALL
      (SELECT group_id, resource_id, permission FROM new_rows EXCEPT SELECT group_id, resource_id, permission FROM old_rows)
    ) AS changed\x3b
  ELSE
    SELECT array_agg(DISTINCT resource_id), array_agg(DISTINCT group_id) INTO resources_of, groups_of FROM touched\x3b
  END IF\x3b
  IF TG_OP <> ''DELETE'' THEN
    PERFORM FROM resources WHERE id = ANY (resources_of) ORDER BY id FOR SHARE\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_catalogue_tags(resources_of) || portcullis_grants_tags(groups_of))\x3b
  RETURN NULL\x3b
END
';

CREATE FUNCTION portcullis_truncated() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
BEGIN
  PERFORM portcullis_append(TG_TABLE_NAME, TG_ARGV)\x3b
  RETURN NULL\x3b
END
';

-- Logical replication applies row by row and fires no statement triggers. A transaction of very many rows names
-- everything once and then no more.
CREATE FUNCTION portcullis_row_replicated() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  appended INTEGER := coalesce(nullif(current_setting(''portcullis.rows_appended'', true), ''''), ''0'')::integer\x3b
  states JSONB[] := CASE TG_OP
    WHEN ''INSERT'' THEN ARRAY[to_jsonb(NEW)] WHEN ''DELETE'' THEN ARRAY[to_jsonb(OLD)]
    ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END\x3b
  named TEXT[]\x3b
BEGIN
  IF appended > 1000 OR states[1]::text = states[2]::text THEN
    RETURN NULL\x3b
  END IF\x3b
  named := CASE
    WHEN appended = 1000 THEN ARRAY[''l:resources'', ''l:user-groups'', ''l:user-resources'']
    WHEN TG_TABLE_NAME = ''users'' THEN portcullis_user_tags(ARRAY(SELECT s->>''id'' FROM unnest(states) s))
    WHEN TG_TABLE_NAME = ''groups'' THEN portcullis_place_tags(ARRAY(SELECT (s->>''id'')::uuid FROM unnest(states) s))
    WHEN TG_TABLE_NAME = ''memberships'' THEN portcullis_user_tags(ARRAY(SELECT s->>''user_id'' FROM unnest(states) s))
    WHEN TG_TABLE_NAME = ''resources'' THEN
      portcullis_catalogue_tags(ARRAY(SELECT (s->>''id'')::uuid FROM unnest(states) s))
      || portcullis_shown_resource_tags(ARRAY(SELECT (s->>''id'')::uuid FROM unnest(states) s))
    ELSE portcullis_catalogue_tags(ARRAY(SELECT (s->>''resource_id'')::uuid FROM unnest(states) s))
      || portcullis_grants_tags(ARRAY(SELECT (s->>''group_id'')::uuid FROM unnest(states) s))
  END\x3b
  IF TG_TABLE_NAME = ''grants'' AND TG_OP <> ''DELETE'' THEN
    PERFORM FROM resources WHERE id IN (SELECT (s->>''resource_id'')::uuid FROM unnest(states) s) ORDER BY id FOR SHARE\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, named)\x3b
  PERFORM set_config(''portcullis.rows_appended'', (appended + 1)::text, true)\x3b
  RETURN NULL\x3b
END
';

-- ALWAYS: also where session_replication_role is `replica`. The functions act for the owner of the tables, so that a
-- writer needs no right on the log, find the tables whatever the writer's search_path, and serve no other table.
DO E'
DECLARE
  undeclared TEXT := ''current_setting(''''portcullis.declared'''', true) IS DISTINCT FROM ''''on''''''\x3b
  replicated TEXT := ''current_setting(''''session_replication_role'''') = ''''replica''''''\x3b
  layers TEXT\x3b
  changed TEXT\x3b
  each TEXT\x3b
BEGIN
  FOREACH each IN ARRAY ARRAY[''users'', ''groups'', ''memberships'', ''resources'', ''grants''] LOOP
    changed := format(''portcullis_%s_changed()'', each)\x3b
    layers := CASE WHEN each IN (''resources'', ''grants'') THEN ''''''l:resources'''', ''''l:user-resources''''''
      ELSE ''''''l:user-groups'''', ''''l:user-resources'''''' END\x3b
    EXECUTE format(''CREATE TRIGGER portcullis_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS touched
      FOR EACH STATEMENT WHEN (%s) EXECUTE FUNCTION %s'', each, undeclared, changed)\x3b
    EXECUTE format(''CREATE TRIGGER portcullis_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
      FOR EACH STATEMENT WHEN (%s) EXECUTE FUNCTION %s'', each, undeclared, changed)\x3b
    EXECUTE format(''CREATE TRIGGER portcullis_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS touched
      FOR EACH STATEMENT WHEN (%s) EXECUTE FUNCTION %s'', each, undeclared, changed)\x3b
    EXECUTE format(''CREATE TRIGGER portcullis_truncate AFTER TRUNCATE ON %I
      FOR EACH STATEMENT WHEN (%s) EXECUTE FUNCTION portcullis_truncated(%s)'', each, undeclared, layers)\x3b
    EXECUTE format(''CREATE TRIGGER portcullis_replicated AFTER INSERT OR UPDATE OR DELETE ON %I
      FOR EACH ROW WHEN (%s AND %s) EXECUTE FUNCTION portcullis_row_replicated()'', each, undeclared, replicated)\x3b
    EXECUTE format(''ALTER TABLE %I ENABLE ALWAYS TRIGGER portcullis_insert, ENABLE ALWAYS TRIGGER portcullis_update,
      ENABLE ALWAYS TRIGGER portcullis_delete, ENABLE ALWAYS TRIGGER portcullis_truncate,
      ENABLE ALWAYS TRIGGER portcullis_replicated'', each)\x3b
  END LOOP\x3b
  FOR changed IN SELECT oid::regprocedure FROM pg_proc
    WHERE prosecdef AND proname LIKE ''portcullis%'' AND pronamespace = current_schema()::regnamespace LOOP
    EXECUTE format(''ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp'', changed, current_schema())\x3b
    EXECUTE format(''REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC'', changed)\x3b
  END LOOP\x3b
END
';
