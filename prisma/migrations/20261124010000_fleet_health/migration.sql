-- When anybody in the fleet last had an answer from Redis: one row, so that an instance which restarted during an
-- outage still knows when it began, and so that one recovery is decided once.
CREATE TABLE "cache_health" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "last_healthy_at" TIMESTAMPTZ(3),
    CONSTRAINT "cache_health_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "cache_health_single_row" CHECK ("id" = 1)
);
INSERT INTO "cache_health" ("id") VALUES (1);

CREATE TABLE "cache_outages" (
    "id" BIGSERIAL NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3) NOT NULL,
    "tier" TEXT NOT NULL,
    "recovered_by" TEXT NOT NULL,
    CONSTRAINT "cache_outages_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "cache_outages_ended_at_idx" ON "cache_outages"("ended_at");
