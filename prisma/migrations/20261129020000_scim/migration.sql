-- What identity providers keep in step by SCIM. A user without a SCIM name goes by their id. Readers see none of this, so
-- the triggers that compare what readers see stay as they are.
ALTER TABLE "users" ADD COLUMN "user_name" TEXT COLLATE "C";
ALTER TABLE "users" ADD COLUMN "external_id" TEXT COLLATE "C";
ALTER TABLE "users" ADD COLUMN "profile" JSONB NOT NULL DEFAULT '{}';
ALTER TABLE "groups" ADD COLUMN "external_id" TEXT COLLATE "C";

-- SCIM compares names without regard to case: by the database's own collation, because "C" folds ASCII only.
CREATE UNIQUE INDEX "users_user_name_key" ON "users"(lower("user_name" COLLATE "default"));
CREATE INDEX "users_known_as_idx" ON "users"(lower(coalesce("user_name", "id") COLLATE "default"));
CREATE INDEX "users_external_id_idx" ON "users"("external_id");
CREATE INDEX "groups_folded_name_idx" ON "groups"(lower("name" COLLATE "default"));
CREATE INDEX "groups_external_id_idx" ON "groups"("external_id");
-- Pages are in the order of creation, so that what is created meanwhile is at the end.
CREATE INDEX "users_created_at_id_idx" ON "users"("created_at", "id");
CREATE INDEX "groups_created_at_id_idx" ON "groups"("created_at", "id");
