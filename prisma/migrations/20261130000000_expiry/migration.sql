-- From expires_at on, a membership or a grant does not exist, whether or not its row is still there.
-- A nullable column without a default changes no row: the tables are locked for an instant only.
ALTER TABLE "memberships" ADD COLUMN "expires_at" TIMESTAMPTZ(3);
ALTER TABLE "grants" ADD COLUMN "expires_at" TIMESTAMPTZ(3);

-- For the job that removes what ended. Few rows have an end.
CREATE INDEX "memberships_expires_at" ON "memberships" ("expires_at") WHERE "expires_at" IS NOT NULL;
CREATE INDEX "grants_expires_at" ON "grants" ("expires_at") WHERE "expires_at" IS NOT NULL;

-- An end is among what readers see: the triggers compare it. Replacing a function forgets its search_path.
-- \x3b is a semicolon, because Prisma's driver adapters end a statement at every plain one, also inside a function.
CREATE OR REPLACE FUNCTION portcullis_memberships_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  ids TEXT[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    WITH before AS (SELECT user_id, group_id, role, expires_at FROM old_rows),
      after AS (SELECT user_id, group_id, role, expires_at FROM new_rows)
    SELECT array_agg(user_id) INTO ids FROM (
      (TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed\x3b
  ELSE
    ids := ARRAY(SELECT user_id FROM touched)\x3b
  END IF\x3b
  PERFORM portcullis_append(TG_TABLE_NAME, portcullis_user_tags(ids))\x3b
  RETURN NULL\x3b
END
';

CREATE OR REPLACE FUNCTION portcullis_grants_changed() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS E'
DECLARE
  resources_of UUID[]\x3b
  groups_of UUID[]\x3b
BEGIN
  IF TG_OP = ''UPDATE'' THEN
    WITH before AS (SELECT group_id, resource_id, permission, expires_at FROM old_rows),
      after AS (SELECT group_id, resource_id, permission, expires_at FROM new_rows)
    SELECT array_agg(DISTINCT resource_id), array_agg(DISTINCT group_id) INTO resources_of, groups_of FROM (
      (TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) AS changed\x3b
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

DO E'
DECLARE
  changed TEXT\x3b
BEGIN
  FOREACH changed IN ARRAY ARRAY[''portcullis_memberships_changed()'', ''portcullis_grants_changed()''] LOOP
    EXECUTE format(''ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp'', changed, current_schema())\x3b
  END LOOP\x3b
END
';

-- Ends are milliseconds in a number and RFC 3339 on the wire, where infinity and year 10000 cannot be said. NOT VALID: there
-- is nothing to look at yet.
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_expires_at_bounds" CHECK ("expires_at" < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE "grants" ADD CONSTRAINT "grants_expires_at_bounds" CHECK ("expires_at" < '10000-01-01 00:00:00+00') NOT VALID;
