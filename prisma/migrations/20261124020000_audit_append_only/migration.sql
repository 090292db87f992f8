-- What was done stays written: nobody changes or removes a row of the audit log, not even its owner by mistake.
-- A statement trigger also refuses what would touch no row, and TRUNCATE. ALWAYS: also for replication roles.
-- \x3b is a semicolon: Prisma's driver adapters end a statement at every plain one, also inside a function.
CREATE FUNCTION portcullis_audit_is_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS E'
BEGIN
  RAISE EXCEPTION ''audit_log is append-only: % refused'', TG_OP USING ERRCODE = ''insufficient_privilege''\x3b
END
';
CREATE TRIGGER "audit_log_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit_log"
  FOR EACH STATEMENT EXECUTE FUNCTION portcullis_audit_is_append_only();
ALTER TABLE "audit_log" ENABLE ALWAYS TRIGGER "audit_log_append_only";

-- Read newest first, by time and filtered by one thing or another.
CREATE INDEX "audit_log_at_id_idx" ON "audit_log"("at", "id");
CREATE INDEX "audit_log_actor_at_id_idx" ON "audit_log"("actor", "at", "id");
CREATE INDEX "audit_log_action_at_id_idx" ON "audit_log"("action", "at", "id");
CREATE INDEX "audit_log_target_at_id_idx" ON "audit_log"("target", "at", "id");
DROP INDEX "audit_log_actor_id_idx";
DROP INDEX "audit_log_action_id_idx";
DROP INDEX "audit_log_target_id_idx";
