/**
 * The group that the condition names (`subject`) and all above it (`lineage`). The lock on the tree, of an earlier
 * statement, keeps both true.
 */
export const lineageOf = (group: string) => `
  subject AS MATERIALIZED (SELECT id, parent_id FROM groups WHERE ${group}),
  lineage AS (
    SELECT id, parent_id, 0 AS depth FROM subject
    UNION ALL SELECT g.id, g.parent_id, l.depth + 1 FROM groups g JOIN lineage l ON g.id = l.parent_id WHERE l.depth < 100
  )`
