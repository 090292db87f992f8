-- Names and ids compare by code point (COLLATE "C"), so that SQL and the process order them alike on any server.
CREATE TYPE "permission" AS ENUM ('read', 'triage', 'write', 'maintain', 'admin');
CREATE TYPE "membership_role" AS ENUM ('member', 'maintainer');

CREATE TABLE "users" (
    "id" TEXT COLLATE "C" NOT NULL,
    "display_name" TEXT,
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "groups" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT COLLATE "C" NOT NULL,
    "parent_id" UUID,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "groups_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "groups_name_key" ON "groups"("name");
CREATE INDEX "groups_parent_id_idx" ON "groups"("parent_id");

CREATE TABLE "memberships" (
    "user_id" TEXT COLLATE "C" NOT NULL,
    "group_id" UUID NOT NULL,
    "role" "membership_role" NOT NULL DEFAULT 'member',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "memberships_pkey" PRIMARY KEY ("user_id","group_id")
);
CREATE INDEX "memberships_group_id_user_id_idx" ON "memberships"("group_id", "user_id");

CREATE TABLE "resources" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT COLLATE "C" NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "description" TEXT,
    "attributes" JSONB NOT NULL DEFAULT '{}',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "resources_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "resources_name_key" ON "resources"("name");
CREATE INDEX "resources_kind_name_idx" ON "resources"("kind", "name");

CREATE TABLE "grants" (
    "group_id" UUID NOT NULL,
    "resource_id" UUID NOT NULL,
    "permission" "permission" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "grants_pkey" PRIMARY KEY ("group_id","resource_id")
);
CREATE INDEX "grants_resource_id_group_id_idx" ON "grants"("resource_id", "group_id");

CREATE TABLE "invalidation_log" (
    "id" BIGSERIAL NOT NULL,
    "xid" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    "tags" TEXT[],
    "event" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "reason" TEXT,
    "keys" INTEGER NOT NULL DEFAULT 0,
    "widened" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT "invalidation_log_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "invalidation_log_xid_idx" ON "invalidation_log"("xid");
CREATE INDEX "invalidation_log_created_at_idx" ON "invalidation_log"("created_at");

CREATE TABLE "log_checkpoints" (
    "id" BIGSERIAL NOT NULL,
    "snapshot" pg_snapshot NOT NULL DEFAULT pg_current_snapshot(),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "pruned" BOOLEAN NOT NULL DEFAULT false,
    CONSTRAINT "log_checkpoints_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "log_checkpoints_created_at_idx" ON "log_checkpoints"("created_at");

CREATE TABLE "audit_log" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT,
    "before" JSONB,
    "after" JSONB,
    "reason" TEXT,
    "request_id" TEXT,
    "token_id" TEXT,
    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_log_actor_id_idx" ON "audit_log"("actor", "id");
CREATE INDEX "audit_log_action_id_idx" ON "audit_log"("action", "id");
CREATE INDEX "audit_log_target_id_idx" ON "audit_log"("target", "id");

CREATE TABLE "idempotency_keys" (
    "subject" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("subject","key")
);
CREATE INDEX "idempotency_keys_expires_at_idx" ON "idempotency_keys"("expires_at");

ALTER TABLE "groups" ADD CONSTRAINT "groups_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "groups"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "groups"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "grants" ADD CONSTRAINT "grants_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "groups"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "grants" ADD CONSTRAINT "grants_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Which database answers, and in which life: `<system>-<timeline>-<incarnation>`.
-- System and timeline name the history (a restored backup or a promoted standby starts another). The incarnation
-- changes with a restart and, through the reset of the statistics, with a crash recovery under the same postmaster:
-- either may hand out again transaction ids that never reached the WAL.
CREATE FUNCTION portcullis_database() RETURNS TEXT LANGUAGE sql STABLE AS $$
  SELECT (SELECT system_identifier FROM pg_control_system())::text
      || '-' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
      || '-' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text
      || '.' || coalesce((extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()) * 1000000)::bigint, 0)::text
$$;
