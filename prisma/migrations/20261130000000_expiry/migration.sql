-- From expires_at on, a membership or a grant does not exist, whether or not its row is still there.
-- A nullable column without a default changes no row: the tables are locked for an instant only.
ALTER TABLE "memberships" ADD COLUMN "expires_at" TIMESTAMPTZ(3);
ALTER TABLE "grants" ADD COLUMN "expires_at" TIMESTAMPTZ(3);

-- For the job that removes what ended. Few rows have an end.
CREATE INDEX "memberships_expires_at" ON "memberships" ("expires_at") WHERE "expires_at" IS NOT NULL;
CREATE INDEX "grants_expires_at" ON "grants" ("expires_at") WHERE "expires_at" IS NOT NULL;
