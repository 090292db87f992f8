/** Made of the OpenAPI document by `npm run client`; do not edit. */
/* biome-ignore-all lint: generated */
/* biome-ignore-all format: generated */
export interface components {
    schemas: {
        readonly AccessEntry: {
            /**
             * @description How long this permission is held if nothing changes; a lower one may be left then. Null: for good, or there is none
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            readonly paths: readonly components["schemas"]["Path"][];
            /** @enum {string} */
            readonly permission: "read" | "triage" | "write" | "maintain" | "admin";
            readonly userId: string;
        };
        readonly AccessMetadata: {
            readonly access_evaluation_endpoint: string;
            readonly access_evaluations_endpoint: string;
            readonly policy_decision_point: string;
            readonly search_action_endpoint: string;
            readonly search_resource_endpoint: string;
            readonly search_subject_endpoint: string;
        };
        readonly AuditEntry: {
            readonly action: string;
            readonly actor: string;
            /** @description As it became */
            readonly after: unknown;
            /** Format: date-time */
            readonly at: string;
            /** @description As it was; null where there was nothing */
            readonly before: unknown;
            readonly id: string;
            readonly reason: string | null;
            readonly requestId: string | null;
            readonly target: string | null;
            /** @description The token's `jti`, or a hash of it */
            readonly tokenId: string | null;
        };
        readonly CacheStatus: {
            /** @description Reads answered by the database, by reason */
            readonly bypasses: {
                readonly [key: string]: number;
            };
            readonly catalogue: {
                readonly resources: number;
                readonly whole: boolean;
            } & {
                readonly [key: string]: unknown;
            };
            readonly database: {
                readonly connections: number;
                readonly connectionsMax: number;
                readonly idle: number;
                /** @description Statements that wait for a connection */
                readonly queued: number;
            } & {
                readonly [key: string]: unknown;
            };
            /** @description Since the start of this instance */
            readonly layers: {
                readonly [key: string]: components["schemas"]["LayerCounts"];
            };
            readonly log: {
                readonly clock: components["schemas"]["DatabaseClock"];
                readonly lagMs: number | null;
                readonly rememberedTags: number;
                readonly trust: string;
            } & {
                readonly [key: string]: unknown;
            };
            readonly outages: {
                readonly currentMs: number;
                readonly history: readonly components["schemas"]["Outage"][] | "unavailable";
            } & {
                readonly [key: string]: unknown;
            };
            readonly redis: {
                readonly awayMs: number;
                readonly breaker: string;
                readonly connected: boolean;
                readonly replicaReads: string;
                readonly server: ({
                    readonly maxMemoryBytes?: number | null;
                    readonly usedMemoryBytes?: number | null;
                    readonly version?: string | null;
                } & {
                    readonly [key: string]: unknown;
                }) | null;
                /** @description Null where a single Redis is configured */
                readonly topology: components["schemas"]["Topology"] | null;
            } & {
                readonly [key: string]: unknown;
            };
            /** @description How long calls took on this instance since its start: a histogram */
            readonly requests: {
                readonly boundsMs: readonly number[];
                /** @description One more than bounds: the last is above all of them */
                readonly counts: readonly number[];
            } & {
                readonly [key: string]: unknown;
            };
        } & {
            readonly [key: string]: unknown;
        };
        /** @description What one committed mutation made invalid */
        readonly Change: {
            /** Format: date-time */
            readonly at: string;
            /** @description First bytes (two hex digits) of the ids of all resources that changed */
            readonly buckets: readonly string[];
            /**
             * @description The mutation's name; `sql:` and a table for what was written behind the API
             * @example removeUserFromGroup
             */
            readonly event: string;
            /** @description Groups whose grants changed, or the resources that they are granted */
            readonly grants: readonly string[];
            /** @description Whole layers of the cache, where naming users would be too many: treat everybody as changed */
            readonly layers: readonly string[];
            /** @description Names of the groups and resources above, by id, as they are now; of what this change deleted, the last ones. What has been deleted since has none, and a long backlog names the first thousands only. */
            readonly names: {
                readonly [key: string]: string;
            };
            /** @description Groups that were created, deleted, renamed or moved in the tree */
            readonly places: readonly string[];
            /** @description Resources that changed, or whose grants did; empty where there are too many to name */
            readonly resources: readonly string[];
            /** @description Users that changed, or whose memberships did */
            readonly users: readonly string[];
        };
        /** @description CloudEvents 1.0, in the JSON format */
        readonly ChangeCloudEvent: {
            readonly data: components["schemas"]["Change"];
            /** @constant */
            readonly datacontenttype: "application/json";
            /** Format: uri */
            readonly dataschema: string;
            /** @description The same whenever this change is sent again */
            readonly id: string;
            /**
             * Format: uri-reference
             * @description The feed's address
             */
            readonly source: string;
            /** @constant */
            readonly specversion: "1.0";
            /** Format: date-time */
            readonly time: string;
            /** @description For example portcullis.change.removeUserFromGroup */
            readonly type: string;
        } | {
            /** @description The same whenever this change is sent again */
            readonly id: string;
            /**
             * Format: uri-reference
             * @description The feed's address
             */
            readonly source: string;
            /** @constant */
            readonly specversion: "1.0";
            /**
             * @description Changes may have been missed: discard everything that was cached from this feed
             * @constant
             */
            readonly type: "portcullis.reset";
        };
        /** @description The clock by which access ends; null before it was first read */
        readonly DatabaseClock: {
            /** @description How often it was found to have been set */
            readonly jumps: number;
            /** @description The database's clock less this instance's wall clock */
            readonly offsetMs: number | null;
            /** @description How far from that its present may be */
            readonly uncertaintyMs: number | null;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Decision: {
            /** @description `until`: how long the decision stays what it is at least, if nothing is changed; ask again then. Absent where it does not change by itself. `error`: why it could not be decided */
            readonly context?: {
                /** Format: date-time */
                readonly until?: string;
            } & {
                readonly [key: string]: unknown;
            };
            readonly decision: boolean;
        };
        readonly Decisions: {
            readonly evaluations: readonly components["schemas"]["Decision"][];
        };
        readonly EffectiveGroup: {
            /**
             * @description When it stops counting: with the last of the memberships that lead to it; null: never
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            /** Format: uuid */
            readonly id: string;
            readonly name: string;
            readonly parentId: string | null;
            readonly role: ("member" | "maintainer") | null;
            /** @description direct, or the names of the own groups it is inherited through */
            readonly via: "direct" | readonly string[];
        };
        readonly Explanation: {
            /**
             * @description How long this permission is held if nothing changes; a lower one may be left then. Null: for good, or there is none
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            readonly paths: readonly components["schemas"]["Path"][];
            readonly permission: ("read" | "triage" | "write" | "maintain" | "admin") | null;
        };
        readonly Flushed: {
            readonly dryRun: boolean;
            /** @description In a dry run: how many entries Redis holds in the scope; null if unknown */
            readonly entries?: number | null;
            /** @description The keys that the scope names; null for whole layers */
            readonly keys: readonly string[] | null;
            readonly layers: readonly string[];
            /** @enum {string} */
            readonly scope: "all" | "volatile" | "layer" | "user" | "resource";
            /** @enum {string} */
            readonly store: "flushed" | "unavailable" | "untouched";
        };
        readonly Grant: {
            /**
             * @description From then on it does not exist; null: it does not end
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            /** Format: uuid */
            readonly groupId: string;
            /** @enum {string} */
            readonly permission: "read" | "triage" | "write" | "maintain" | "admin";
            /** Format: uuid */
            readonly resourceId: string;
        };
        readonly Group: {
            /** Format: date-time */
            readonly createdAt: string;
            /** Format: uuid */
            readonly id: string;
            readonly name: string;
            readonly parentId: string | null;
            /** Format: date-time */
            readonly updatedAt: string;
            readonly version: number;
        };
        readonly ImportCount: {
            readonly created: number;
            readonly total: number;
            readonly updated: number;
        };
        readonly ImportCounts: {
            readonly changed: boolean;
            readonly grants: components["schemas"]["ImportCount"];
            readonly groups: components["schemas"]["ImportCount"];
            readonly memberships: components["schemas"]["ImportCount"];
            readonly resources: components["schemas"]["ImportCount"];
            readonly users: components["schemas"]["ImportCount"];
        };
        readonly Invalidation: {
            readonly actor: string;
            /** Format: date-time */
            readonly at: string;
            readonly event: string;
            readonly id: string;
            readonly keys: number;
            readonly reason: string | null;
            readonly tags: readonly string[];
            readonly widened: boolean;
            readonly xid: string;
        } & {
            readonly [key: string]: unknown;
        };
        /** @enum {string} */
        readonly Layer: "resources" | "user-groups" | "user-resources";
        readonly LayerCounts: {
            readonly fillsRefused: number;
            readonly hits: number;
            readonly loads: number;
            /** @description Of the hits, those from the memory of this process */
            readonly memoryHits: number;
            readonly misses: number;
            /** @description Entries found and not served, by reason */
            readonly rejections: {
                readonly [key: string]: number;
            };
            /** @description Of the hits, those from a replica */
            readonly replicaHits: number;
        } & {
            readonly [key: string]: unknown;
        };
        readonly ListedGrant: {
            /**
             * @description From then on it does not exist; null: it does not end
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            /** Format: uuid */
            readonly groupId: string;
            /** @enum {string} */
            readonly permission: "read" | "triage" | "write" | "maintain" | "admin";
            /** Format: uuid */
            readonly resourceId: string;
            readonly resourceName: string;
        };
        readonly Me: {
            readonly counts: {
                readonly groups: number;
                readonly resources: number;
            };
            readonly id: string;
            readonly roles: readonly string[];
        };
        readonly Membership: {
            /**
             * @description From then on it does not exist; null: it does not end
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            /** Format: uuid */
            readonly groupId: string;
            /** @enum {string} */
            readonly role: "member" | "maintainer";
            readonly userId: string;
        };
        /** @enum {string} */
        readonly MembershipRole: "member" | "maintainer";
        readonly Outage: {
            /** Format: date-time */
            readonly endedAt: string;
            readonly flushed: readonly string[];
            readonly recoveredBy: string | null;
            readonly seconds: number;
            /** Format: date-time */
            readonly startedAt: string;
            /**
             * @example none
             * @example volatile
             * @example full
             */
            readonly tier: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Path: {
            /**
             * @description When this path ends, with its membership or its grant; null: never
             * @example 2099-01-31T12:00:00.000Z
             * @example null
             */
            readonly expiresAt: string | null;
            /** @description From the user's own group up to the one that holds the grant */
            readonly groups: readonly {
                /** Format: uuid */
                readonly id: string;
                readonly name: string;
            }[];
            /** @enum {string} */
            readonly permission: "read" | "triage" | "write" | "maintain" | "admin";
            /** @description Of those with the highest permission, the one that lasts longest */
            readonly wins: boolean;
        };
        /** @enum {string} */
        readonly Permission: "read" | "triage" | "write" | "maintain" | "admin";
        /** @description RFC 9457 */
        readonly Problem: {
            readonly detail: string;
            readonly errors?: readonly {
                readonly detail: string;
                readonly header?: string;
                readonly parameter?: string;
                readonly pointer?: string;
            }[];
            readonly status: number;
            readonly title: string;
            readonly type: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly Replaced: {
            readonly added: number;
            readonly changed: number;
            readonly removed: number;
            /** @description How many there are now */
            readonly total: number;
        };
        readonly Resource: {
            readonly attributes: {
                readonly [key: string]: unknown;
            };
            readonly description: string | null;
            /** Format: uuid */
            readonly id: string;
            readonly kind: string;
            readonly name: string;
            /** @description Your effective permission; null where you see it by role only */
            readonly permission: ("read" | "triage" | "write" | "maintain" | "admin") | null;
            /** Format: date-time */
            readonly updatedAt: string;
            readonly version: number;
        };
        /** @description RFC 7644, 3.12 */
        readonly ScimError: {
            readonly detail: string;
            readonly schemas: readonly string[];
            readonly scimType?: string;
            readonly status: string;
        };
        readonly ScimGroup: {
            readonly displayName?: string;
            readonly externalId?: string;
            readonly id: string;
            readonly members?: readonly {
                readonly $ref?: string;
                readonly display?: string;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly meta?: {
                readonly created?: string;
                readonly lastModified?: string;
                readonly location?: string;
                readonly resourceType?: string;
                readonly version?: string;
            };
            readonly schemas: readonly string[];
        };
        readonly ScimUser: {
            readonly active?: boolean;
            readonly addresses?: readonly {
                readonly country?: string;
                readonly formatted?: string;
                readonly locality?: string;
                readonly postalCode?: string;
                readonly primary?: boolean;
                readonly region?: string;
                readonly streetAddress?: string;
                readonly type?: string;
            }[];
            readonly displayName?: string;
            readonly emails?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly entitlements?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly externalId?: string;
            readonly groups?: readonly {
                readonly $ref?: string;
                readonly display?: string;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly id: string;
            readonly ims?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly locale?: string;
            readonly meta?: {
                readonly created?: string;
                readonly lastModified?: string;
                readonly location?: string;
                readonly resourceType?: string;
                readonly version?: string;
            };
            readonly name?: {
                readonly familyName?: string;
                readonly formatted?: string;
                readonly givenName?: string;
                readonly honorificPrefix?: string;
                readonly honorificSuffix?: string;
                readonly middleName?: string;
            };
            readonly nickName?: string;
            readonly phoneNumbers?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly photos?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly preferredLanguage?: string;
            readonly profileUrl?: string;
            readonly roles?: readonly {
                readonly display?: string;
                readonly primary?: boolean;
                readonly type?: string;
                readonly value?: string;
            }[];
            readonly schemas: readonly string[];
            readonly timezone?: string;
            readonly title?: string;
            readonly "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"?: {
                readonly costCenter?: string;
                readonly department?: string;
                readonly division?: string;
                readonly employeeNumber?: string;
                readonly manager?: {
                    readonly $ref?: string;
                    readonly displayName?: string;
                    readonly value?: string;
                };
                readonly organization?: string;
            };
            readonly userName?: string;
            readonly userType?: string;
        };
        readonly Ticket: {
            /** Format: date-time */
            readonly expiresAt: string;
            readonly ticket: string;
        };
        /** @description What the Sentinels say */
        readonly Topology: {
            readonly agreed: boolean;
            /** Format: date-time */
            readonly askedAt: string;
            readonly configEpoch: number | null;
            readonly master: ({
                readonly address: string;
                /** @description As Sentinel names them: `master`, `slave`, `s_down`, `o_down` … */
                readonly flags: readonly string[];
                readonly objectivelyDown: boolean;
                readonly subjectivelyDown: boolean;
            } & {
                readonly [key: string]: unknown;
            }) | null;
            readonly masterName: string;
            readonly quorum: {
                /** @description Whether a failover is possible */
                readonly held: boolean;
                readonly known: number;
                readonly needed: number | null;
                readonly reachable: number;
            } & {
                readonly [key: string]: unknown;
            };
            readonly replicas: readonly ({
                readonly address: string;
                /** @description As Sentinel names them: `master`, `slave`, `s_down`, `o_down` … */
                readonly flags: readonly string[];
                readonly lagBytes: number | null;
                readonly lastHeardMs: number | null;
                readonly linkUp: boolean;
                readonly objectivelyDown: boolean;
                readonly subjectivelyDown: boolean;
            } & {
                readonly [key: string]: unknown;
            })[];
            readonly sentinels: readonly ({
                readonly address: string;
                readonly configEpoch: number | null;
                readonly master: string | null;
                readonly reachable: boolean;
                readonly why?: string;
            } & {
                readonly [key: string]: unknown;
            })[];
        } & {
            readonly [key: string]: unknown;
        };
        readonly User: {
            /** Format: date-time */
            readonly createdAt: string;
            readonly disabled: boolean;
            readonly displayName: string | null;
            readonly id: string;
            /** Format: date-time */
            readonly updatedAt: string;
        };
        readonly UserCacheEntries: {
            readonly detail?: string;
            readonly entries: readonly components["schemas"]["UserCacheEntry"][];
            /** @enum {string} */
            readonly store: "available" | "unavailable";
            readonly user: string;
        } & {
            readonly [key: string]: unknown;
        };
        readonly UserCacheEntry: {
            readonly bytes?: number;
            readonly dependsOn?: readonly string[];
            readonly key: string;
            /** Format: date-time */
            readonly loadedAt?: string;
            readonly present: boolean;
            readonly stamp?: {
                readonly database: string;
                readonly snapshot: string;
            } & {
                readonly [key: string]: unknown;
            };
            readonly ttlSeconds?: number;
            readonly why?: string;
            readonly wouldBeServed?: boolean;
        } & {
            readonly [key: string]: unknown;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type AccessEntry = components['schemas']['AccessEntry'];
export type AccessMetadata = components['schemas']['AccessMetadata'];
export type AuditEntry = components['schemas']['AuditEntry'];
export type CacheStatus = components['schemas']['CacheStatus'];
export type Change = components['schemas']['Change'];
export type ChangeCloudEvent = components['schemas']['ChangeCloudEvent'];
export type DatabaseClock = components['schemas']['DatabaseClock'];
export type Decision = components['schemas']['Decision'];
export type Decisions = components['schemas']['Decisions'];
export type EffectiveGroup = components['schemas']['EffectiveGroup'];
export type Explanation = components['schemas']['Explanation'];
export type Flushed = components['schemas']['Flushed'];
export type Grant = components['schemas']['Grant'];
export type Group = components['schemas']['Group'];
export type ImportCount = components['schemas']['ImportCount'];
export type ImportCounts = components['schemas']['ImportCounts'];
export type Invalidation = components['schemas']['Invalidation'];
export type Layer = components['schemas']['Layer'];
export type LayerCounts = components['schemas']['LayerCounts'];
export type ListedGrant = components['schemas']['ListedGrant'];
export type Me = components['schemas']['Me'];
export type Membership = components['schemas']['Membership'];
export type MembershipRole = components['schemas']['MembershipRole'];
export type Outage = components['schemas']['Outage'];
export type Path = components['schemas']['Path'];
export type Permission = components['schemas']['Permission'];
export type Problem = components['schemas']['Problem'];
export type Replaced = components['schemas']['Replaced'];
export type Resource = components['schemas']['Resource'];
export type ScimError = components['schemas']['ScimError'];
export type ScimGroup = components['schemas']['ScimGroup'];
export type ScimUser = components['schemas']['ScimUser'];
export type Ticket = components['schemas']['Ticket'];
export type Topology = components['schemas']['Topology'];
export type User = components['schemas']['User'];
export type UserCacheEntries = components['schemas']['UserCacheEntries'];
export type UserCacheEntry = components['schemas']['UserCacheEntry'];
export interface operations {
    readonly getAccessMetadata: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The metadata */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AccessMetadata"];
                };
            };
        };
    };
    readonly evaluateAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description Comes back as it is. */
                readonly "x-request-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "subject": {
                 *         "type": "user",
                 *         "id": "alice"
                 *       },
                 *       "action": {
                 *         "name": "read"
                 *       },
                 *       "resource": {
                 *         "type": "repository",
                 *         "id": "api"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly action: {
                        /**
                         * @description A permission, or what `AUTHZEN_ACTIONS` calls one
                         * @example read
                         */
                        readonly name: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly resource: {
                        /** @description The resource's name */
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The resource's kind */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject: {
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @example user */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description Yes or no */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Decision"];
                };
            };
        };
    };
    readonly evaluateAccesses: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description Comes back as it is. */
                readonly "x-request-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "subject": {
                 *         "type": "user",
                 *         "id": "alice"
                 *       },
                 *       "action": {
                 *         "name": "read"
                 *       },
                 *       "evaluations": [
                 *         {
                 *           "resource": {
                 *             "type": "repository",
                 *             "id": "api"
                 *           }
                 *         },
                 *         {
                 *           "resource": {
                 *             "type": "repository",
                 *             "id": "website"
                 *           }
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": ({
                    readonly action?: {
                        /**
                         * @description A permission, or what `AUTHZEN_ACTIONS` calls one
                         * @example read
                         */
                        readonly name?: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly evaluations: readonly {
                        readonly [key: string]: unknown;
                    }[];
                    readonly options?: {
                        /** @enum {string} */
                        readonly evaluations_semantic?: "execute_all" | "deny_on_first_deny" | "permit_on_first_permit";
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly resource?: {
                        /** @description The resource's name */
                        readonly id?: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The resource's kind */
                        readonly type?: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject?: {
                        readonly id?: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @example user */
                        readonly type?: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                }) | ({
                    readonly action: {
                        /**
                         * @description A permission, or what `AUTHZEN_ACTIONS` calls one
                         * @example read
                         */
                        readonly name: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly evaluations?: readonly {
                        readonly [key: string]: unknown;
                    }[];
                    readonly options?: {
                        /** @enum {string} */
                        readonly evaluations_semantic?: "execute_all" | "deny_on_first_deny" | "permit_on_first_permit";
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly resource: {
                        /** @description The resource's name */
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The resource's kind */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject: {
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @example user */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                });
            };
        };
        readonly responses: {
            /** @description In the order of the questions */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Decisions"] | components["schemas"]["Decision"];
                };
            };
        };
    };
    readonly searchActions: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description Comes back as it is. */
                readonly "x-request-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "subject": {
                 *         "type": "user",
                 *         "id": "alice"
                 *       },
                 *       "resource": {
                 *         "type": "repository",
                 *         "id": "api"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly page?: {
                        /** @description Results on a page; 200 at most */
                        readonly limit?: number;
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The `next_token` of the page before */
                        readonly token?: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly resource: {
                        /** @description The resource's name */
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The resource's kind */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject: {
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @example user */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description Actions among those of `AUTHZEN_ACTIONS`, in its order */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly page?: {
                            readonly count: number;
                            /** @description Empty at the end */
                            readonly next_token: string;
                        };
                        readonly results: readonly {
                            readonly name: string;
                        }[];
                    };
                };
            };
        };
    };
    readonly searchResources: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description Comes back as it is. */
                readonly "x-request-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "subject": {
                 *         "type": "user",
                 *         "id": "alice"
                 *       },
                 *       "action": {
                 *         "name": "read"
                 *       },
                 *       "resource": {
                 *         "type": "repository"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly action: {
                        /**
                         * @description A permission, or what `AUTHZEN_ACTIONS` calls one
                         * @example read
                         */
                        readonly name: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly page?: {
                        /** @description Results on a page; 200 at most */
                        readonly limit?: number;
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The `next_token` of the page before */
                        readonly token?: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly resource: {
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject: {
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @example user */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description Resources */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly page?: {
                            readonly count: number;
                            /** @description Empty at the end */
                            readonly next_token: string;
                        };
                        readonly results: readonly {
                            readonly id: string;
                            readonly type: string;
                        }[];
                    };
                };
            };
        };
    };
    readonly searchSubjects: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description Comes back as it is. */
                readonly "x-request-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "subject": {
                 *         "type": "user"
                 *       },
                 *       "action": {
                 *         "name": "read"
                 *       },
                 *       "resource": {
                 *         "type": "repository",
                 *         "id": "api"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly action: {
                        /**
                         * @description A permission, or what `AUTHZEN_ACTIONS` calls one
                         * @example read
                         */
                        readonly name: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly context?: {
                        readonly [key: string]: unknown;
                    };
                    readonly page?: {
                        /** @description Results on a page; 200 at most */
                        readonly limit?: number;
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The `next_token` of the page before */
                        readonly token?: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly resource: {
                        /** @description The resource's name */
                        readonly id: string;
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        /** @description The resource's kind */
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly subject: {
                        /** @description Accepted and not looked at: decisions come from groups and grants alone */
                        readonly properties?: {
                            readonly [key: string]: unknown;
                        };
                        readonly type: string;
                    } & {
                        readonly [key: string]: unknown;
                    };
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description Users */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly page?: {
                            readonly count: number;
                            /** @description Empty at the end */
                            readonly next_token: string;
                        };
                        readonly results: readonly {
                            readonly id: string;
                            readonly type: string;
                        }[];
                    };
                };
            };
        };
    };
    readonly listAuditEntries: {
        readonly parameters: {
            readonly query?: {
                /** @description For example `removeUserFromGroup` */
                readonly action?: string;
                readonly actor?: string;
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
                readonly since?: string;
                /** @description Exactly, for example `user:alice` */
                readonly target?: string;
                readonly until?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["AuditEntry"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly getCacheStatus: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The state of this instance and of the fleet */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CacheStatus"];
                };
            };
        };
    };
    readonly flushCache: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "scope": "volatile",
                 *       "reason": "a look at a cold start",
                 *       "dryRun": true
                 *     }
                 */
                readonly "application/json": {
                    /** @default false */
                    readonly dryRun?: boolean;
                    readonly reason: string;
                    /** @constant */
                    readonly scope: "all";
                } | {
                    /** @default false */
                    readonly dryRun?: boolean;
                    readonly reason: string;
                    /** @constant */
                    readonly scope: "volatile";
                } | {
                    /** @default false */
                    readonly dryRun?: boolean;
                    readonly layer: components["schemas"]["Layer"];
                    readonly reason: string;
                    /** @constant */
                    readonly scope: "layer";
                } | {
                    /** @default false */
                    readonly dryRun?: boolean;
                    readonly reason: string;
                    /** @constant */
                    readonly scope: "user";
                    /** @description The token's `sub`, compared exactly; percent-encoded in a path */
                    readonly user: string;
                } | {
                    /** @default false */
                    readonly dryRun?: boolean;
                    readonly reason: string;
                    /** @example name:example-resource */
                    readonly resource: string;
                    /** @constant */
                    readonly scope: "resource";
                };
            };
        };
        readonly responses: {
            /** @description What was flushed, or would be */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Flushed"];
                };
            };
        };
    };
    readonly listInvalidations: {
        readonly parameters: {
            readonly query?: {
                /** @description The `nextCursor` of an earlier page */
                readonly after?: string;
                /** @description Items per page */
                readonly limit?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["Invalidation"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly getUserCacheEntries: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The entries */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["UserCacheEntries"];
                };
            };
        };
    };
    readonly followChanges: {
        readonly parameters: {
            readonly query?: {
                /** @description Replaces the `Accept` header, which `EventSource` cannot set */
                readonly format?: "cloudevents";
                /** @description Replaces `Last-Event-ID` for a new `EventSource`; the header takes precedence */
                readonly lastEventId?: string;
                /** @description From `POST /changes/tickets`, instead of a token: for `EventSource` */
                readonly ticket?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
                /** @description The last id received; without it the stream starts now. */
                readonly "last-event-id"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The stream */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/cloudevents+json": components["schemas"]["ChangeCloudEvent"];
                    readonly "text/event-stream": string;
                };
            };
        };
    };
    readonly createChangeTicket: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The ticket */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Ticket"];
                };
            };
        };
    };
    readonly listGroups: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
                readonly q?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by name then id */
            readonly 200: {
                headers: {
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["Group"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly createGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "sample/newcomers",
                 *       "parent": null
                 *     }
                 */
                readonly "application/json": {
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name: string;
                    /** @description The group above; null for none */
                    readonly parent?: string | null;
                };
            };
        };
        readonly responses: {
            /** @description Created */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description Where the new thing is. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    readonly getGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The group */
            readonly 200: {
                headers: {
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    readonly deleteGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags that must not be current; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly patchGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags that must not be current; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "parent": null
                 *     }
                 */
                readonly "application/json": {
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name?: string;
                    /** @description The group above; null for none */
                    readonly parent?: string | null;
                };
                /**
                 * @example {
                 *       "parent": null
                 *     }
                 */
                readonly "application/merge-patch+json": {
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name?: string;
                    /** @description The group above; null for none */
                    readonly parent?: string | null;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Group"];
                };
            };
        };
    };
    readonly listGrants: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by resource name then id */
            readonly 200: {
                headers: {
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["ListedGrant"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly replaceGrants: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag of the list you have read, or `*`. Without it the list may only add: 428; 412 when the list is another now. */
                readonly "if-match"?: string;
                /** @description Not for lists: `*` is always 412, because there always is one; tags are ignored. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "grants": [
                 *         {
                 *           "resource": "name:api",
                 *           "permission": "write"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    readonly grants: readonly {
                        /**
                         * Format: date-time
                         * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for a new grant. More than milliseconds are cut off
                         */
                        readonly expiresAt?: string | null;
                        readonly permission: components["schemas"]["Permission"];
                        /** @example name:example-resource */
                        readonly resource: string;
                    }[];
                };
            };
        };
        readonly responses: {
            /** @description What that changed */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Replaced"];
                };
            };
        };
    };
    readonly putGrant: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `*`: only if there is one already; else 412. */
                readonly "if-match"?: string;
                /** @description `*`: only if there is none yet; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly resourceId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "permission": "read",
                 *       "expiresAt": "2099-01-31T12:00:00Z"
                 *     }
                 */
                readonly "application/json": {
                    /**
                     * Format: date-time
                     * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for a new grant. More than milliseconds are cut off
                     */
                    readonly expiresAt?: string | null;
                    readonly permission: components["schemas"]["Permission"];
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Grant"];
                };
            };
            /** @description Given */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Grant"];
                };
            };
        };
    };
    readonly removeGrant: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly resourceId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly listMembers: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by user id */
            readonly 200: {
                headers: {
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["Membership"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly replaceMembers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag of the list you have read, or `*`. Without it the list may only add: 428; 412 when the list is another now. */
                readonly "if-match"?: string;
                /** @description Not for lists: `*` is always 412, because there always is one; tags are ignored. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "members": [
                 *         {
                 *           "user": "alice",
                 *           "role": "maintainer"
                 *         },
                 *         {
                 *           "user": "bob",
                 *           "expiresAt": "2099-01-31T12:00:00Z"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    readonly members: readonly {
                        /**
                         * Format: date-time
                         * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for a newcomer. More than milliseconds are cut off
                         */
                        readonly expiresAt?: string | null;
                        /** @description Absent: unchanged, or `member` for a new member */
                        readonly role?: components["schemas"]["MembershipRole"];
                        /** @description The token's `sub`, compared exactly; percent-encoded in a path */
                        readonly user: string;
                    }[];
                };
            };
        };
        readonly responses: {
            /** @description What that changed */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Replaced"];
                };
            };
        };
    };
    readonly putMember: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `*`: only if there is one already; else 412. */
                readonly "if-match"?: string;
                /** @description `*`: only if there is none yet; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
                /** @description The user's id, percent-encoded */
                readonly userId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "role": "member",
                 *       "expiresAt": "2099-01-31T12:00:00Z"
                 *     }
                 */
                readonly "application/json": {
                    /**
                     * Format: date-time
                     * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for a newcomer. More than milliseconds are cut off
                     */
                    readonly expiresAt?: string | null;
                    /** @description Absent: unchanged, or `member` for a new member */
                    readonly role?: components["schemas"]["MembershipRole"];
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Membership"];
                };
            };
            /** @description Added */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Membership"];
                };
            };
        };
    };
    readonly removeMember: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the group */
                readonly id: string;
                /** @description The user's id, percent-encoded */
                readonly userId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly importOrganisation: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "users": [
                 *         {
                 *           "id": "frank"
                 *         }
                 *       ],
                 *       "groups": [
                 *         {
                 *           "name": "sample/imported"
                 *         }
                 *       ],
                 *       "memberships": [
                 *         {
                 *           "group": "sample/imported",
                 *           "user": "frank",
                 *           "role": "member"
                 *         }
                 *       ],
                 *       "resources": [
                 *         {
                 *           "name": "sample/imported-repository",
                 *           "kind": "repository"
                 *         }
                 *       ],
                 *       "grants": [
                 *         {
                 *           "group": "sample/imported",
                 *           "resource": "sample/imported-repository",
                 *           "permission": "read",
                 *           "expiresAt": "2099-01-31T12:00:00Z"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    readonly grants?: readonly {
                        /**
                         * Format: date-time
                         * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for what is new. More than milliseconds are cut off
                         */
                        readonly expiresAt?: string | null;
                        /**
                         * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                         * @example kubernetes/website
                         */
                        readonly group: string;
                        readonly permission: components["schemas"]["Permission"];
                        /**
                         * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                         * @example kubernetes/website
                         */
                        readonly resource: string;
                    }[];
                    /** @default [] */
                    readonly groups?: readonly {
                        /**
                         * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                         * @example kubernetes/website
                         */
                        readonly name: string;
                        readonly parent?: string | null;
                    }[];
                    readonly memberships?: readonly {
                        /**
                         * Format: date-time
                         * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: as it was, none for what is new. More than milliseconds are cut off
                         */
                        readonly expiresAt?: string | null;
                        /**
                         * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                         * @example kubernetes/website
                         */
                        readonly group: string;
                        /** @default member */
                        readonly role?: components["schemas"]["MembershipRole"];
                        /** @description The token's `sub`, compared exactly; percent-encoded in a path */
                        readonly user: string;
                    }[];
                    readonly resources?: readonly {
                        /** @description Any JSON object of at most 16 KiB */
                        readonly attributes?: {
                            readonly [key: string]: unknown;
                        };
                        readonly description?: string | null;
                        /** @example repository */
                        readonly kind: string;
                        /**
                         * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                         * @example kubernetes/website
                         */
                        readonly name: string;
                    }[];
                    readonly users?: readonly {
                        readonly displayName?: string | null;
                        /** @description The token's `sub`, compared exactly; percent-encoded in a path */
                        readonly id: string;
                    }[];
                };
            };
        };
        readonly responses: {
            /** @description What changed */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ImportCounts"];
                };
            };
        };
    };
    readonly getMe: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description You */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Me"];
                };
            };
        };
    };
    readonly listMyGroups: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description All of them */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["EffectiveGroup"][];
                        readonly nextCursor: null;
                    };
                };
            };
        };
    };
    readonly listResources: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                readonly kind?: string;
                /** @description Items per page */
                readonly limit?: number;
                readonly permission?: components["schemas"]["Permission"];
                readonly q?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by name then id */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["Resource"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly createResource: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "name": "sample/handbook",
                 *       "kind": "repository",
                 *       "description": "How we work",
                 *       "attributes": {
                 *         "visibility": "private"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    /** @description Any JSON object of at most 16 KiB */
                    readonly attributes?: {
                        readonly [key: string]: unknown;
                    };
                    readonly description?: string | null;
                    readonly grants?: readonly {
                        /**
                         * Format: date-time
                         * @description When it ends: RFC 3339 with an offset, in the future by the clock of the database (else 422). Null: it does not end. Absent: it does not end. More than milliseconds are cut off
                         */
                        readonly expiresAt?: string | null;
                        /** @example name:example-group */
                        readonly group: string;
                        readonly permission: components["schemas"]["Permission"];
                    }[];
                    /** @example repository */
                    readonly kind: string;
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name: string;
                };
            };
        };
        readonly responses: {
            /** @description Created */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description Where the new thing is. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Resource"];
                };
            };
        };
    };
    readonly getResource: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The resource */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Resource"];
                };
            };
        };
    };
    readonly deleteResource: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags that must not be current; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly patchResource: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags that must not be current; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "description": "How we work, revised"
                 *     }
                 */
                readonly "application/json": {
                    readonly attributes?: {
                        readonly [key: string]: unknown;
                    } | null;
                    readonly description?: string | null;
                    /** @example repository */
                    readonly kind?: string;
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name?: string;
                };
                /**
                 * @example {
                 *       "description": "How we work, revised"
                 *     }
                 */
                readonly "application/merge-patch+json": {
                    readonly attributes?: {
                        readonly [key: string]: unknown;
                    } | null;
                    readonly description?: string | null;
                    /** @example repository */
                    readonly kind?: string;
                    /**
                     * @description Unique; slashes, dots and single spaces inside are allowed, nothing that cannot be seen
                     * @example kubernetes/website
                     */
                    readonly name?: string;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Resource"];
                };
            };
        };
    };
    readonly listResourceAccess: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of users, each with every path that gives access */
            readonly 200: {
                headers: {
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["AccessEntry"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly searchScim: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "displayName co \"a\""
                 *     }
                 */
                readonly "application/json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "displayName co \"a\""
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly (components["schemas"]["ScimUser"] | components["schemas"]["ScimGroup"])[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly (components["schemas"]["ScimUser"] | components["schemas"]["ScimGroup"])[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly listScimGroups: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description At most 200 on a page */
                readonly count?: number;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
                /** @description RFC 7644, 3.4.2.2 */
                readonly filter?: string;
                /** @description The first is 1 */
                readonly startIndex?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimGroup"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimGroup"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly createScimGroup: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:Group"
                 *       ],
                 *       "displayName": "sample/newcomers",
                 *       "members": [
                 *         {
                 *           "value": "alice"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    /** @example erin */
                    readonly displayName: string;
                    readonly externalId?: string | null;
                    readonly members?: readonly {
                        readonly type?: string | null;
                        readonly value: string;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:Group"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:Group"
                 *       ],
                 *       "displayName": "sample/newcomers",
                 *       "members": [
                 *         {
                 *           "value": "alice"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/scim+json": {
                    /** @example erin */
                    readonly displayName: string;
                    readonly externalId?: string | null;
                    readonly members?: readonly {
                        readonly type?: string | null;
                        readonly value: string;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:Group"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description Created */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description Where the new thing is. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimGroup"];
                    readonly "application/scim+json": components["schemas"]["ScimGroup"];
                };
            };
        };
    };
    readonly searchScimGroups: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "members eq \"alice\""
                 *     }
                 */
                readonly "application/json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "members eq \"alice\""
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimGroup"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimGroup"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly getScimGroup: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The group's id */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The group */
            readonly 200: {
                headers: {
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimGroup"];
                    readonly "application/scim+json": components["schemas"]["ScimGroup"];
                };
            };
        };
    };
    readonly replaceScimGroup: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The group's id */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:Group"
                 *       ],
                 *       "displayName": "sample/newcomers",
                 *       "members": [
                 *         {
                 *           "value": "alice"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    /** @example erin */
                    readonly displayName: string;
                    readonly externalId?: string | null;
                    readonly members?: readonly {
                        readonly type?: string | null;
                        readonly value: string;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:Group"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:Group"
                 *       ],
                 *       "displayName": "sample/newcomers",
                 *       "members": [
                 *         {
                 *           "value": "alice"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/scim+json": {
                    /** @example erin */
                    readonly displayName: string;
                    readonly externalId?: string | null;
                    readonly members?: readonly {
                        readonly type?: string | null;
                        readonly value: string;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:Group"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimGroup"];
                    readonly "application/scim+json": components["schemas"]["ScimGroup"];
                };
            };
        };
    };
    readonly deleteScimGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The group's id */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly patchScimGroup: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The group's id */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                 *       ],
                 *       "Operations": [
                 *         {
                 *           "op": "add",
                 *           "path": "members",
                 *           "value": [
                 *             {
                 *               "value": "bob"
                 *             }
                 *           ]
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    readonly Operations: readonly ({
                        /** @example replace */
                        readonly op: string;
                        readonly path?: string | null;
                        /** @description Of the type of what the path names; without a path, an object */
                        readonly value?: unknown;
                    } & {
                        readonly [key: string]: unknown;
                    })[];
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                 *       ],
                 *       "Operations": [
                 *         {
                 *           "op": "add",
                 *           "path": "members",
                 *           "value": [
                 *             {
                 *               "value": "bob"
                 *             }
                 *           ]
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly Operations: readonly ({
                        /** @example replace */
                        readonly op: string;
                        readonly path?: string | null;
                        /** @description Of the type of what the path names; without a path, an object */
                        readonly value?: unknown;
                    } & {
                        readonly [key: string]: unknown;
                    })[];
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimGroup"];
                    readonly "application/scim+json": components["schemas"]["ScimGroup"];
                };
            };
            /** @description Done */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly listScimResourceTypes: {
        readonly parameters: {
            readonly query?: {
                /** @description Refused: 403 */
                readonly filter?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description All of them */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly ({
                            readonly schemas: readonly string[];
                        } & {
                            readonly [key: string]: unknown;
                        })[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly ({
                            readonly schemas: readonly string[];
                        } & {
                            readonly [key: string]: unknown;
                        })[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly getScimResourceType: {
        readonly parameters: {
            readonly query?: {
                /** @description Refused: 403 */
                readonly filter?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Its description */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly "application/scim+json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                };
            };
        };
    };
    readonly listScimSchemas: {
        readonly parameters: {
            readonly query?: {
                /** @description Refused: 403 */
                readonly filter?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description All of them */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly ({
                            readonly schemas: readonly string[];
                        } & {
                            readonly [key: string]: unknown;
                        })[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly ({
                            readonly schemas: readonly string[];
                        } & {
                            readonly [key: string]: unknown;
                        })[];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly getScimSchema: {
        readonly parameters: {
            readonly query?: {
                /** @description Refused: 403 */
                readonly filter?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Its description */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly "application/scim+json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                };
            };
        };
    };
    readonly getScimConfiguration: {
        readonly parameters: {
            readonly query?: {
                /** @description Refused: 403 */
                readonly filter?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The configuration */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                    readonly "application/scim+json": {
                        readonly schemas: readonly string[];
                    } & {
                        readonly [key: string]: unknown;
                    };
                };
            };
        };
    };
    readonly listScimUsers: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description At most 200 on a page */
                readonly count?: number;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
                /** @description RFC 7644, 3.4.2.2 */
                readonly filter?: string;
                /** @description The first is 1 */
                readonly startIndex?: number;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimUser"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimUser"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly createScimUser: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description A repeated request has one effect. */
                readonly "idempotency-key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:User",
                 *         "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
                 *       ],
                 *       "userName": "erin",
                 *       "externalId": "00u1erin",
                 *       "name": {
                 *         "givenName": "Erin",
                 *         "familyName": "Example"
                 *       },
                 *       "emails": [
                 *         {
                 *           "value": "erin@example.com",
                 *           "type": "work",
                 *           "primary": true
                 *         }
                 *       ],
                 *       "active": true,
                 *       "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                 *         "department": "Research"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly active?: (boolean | string) | null;
                    readonly addresses?: readonly {
                        readonly country?: string | null;
                        readonly formatted?: string | null;
                        readonly locality?: string | null;
                        readonly postalCode?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly region?: string | null;
                        readonly streetAddress?: string | null;
                        readonly type?: string | null;
                    }[] | null;
                    readonly displayName?: string | null;
                    readonly emails?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly entitlements?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly externalId?: string | null;
                    readonly ims?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly locale?: string | null;
                    readonly name?: {
                        readonly familyName?: string | null;
                        readonly formatted?: string | null;
                        readonly givenName?: string | null;
                        readonly honorificPrefix?: string | null;
                        readonly honorificSuffix?: string | null;
                        readonly middleName?: string | null;
                    } | null;
                    readonly nickName?: string | null;
                    readonly phoneNumbers?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly photos?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly preferredLanguage?: string | null;
                    readonly profileUrl?: string | null;
                    readonly roles?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:User"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                    readonly timezone?: string | null;
                    readonly title?: string | null;
                    readonly "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"?: {
                        readonly costCenter?: string | null;
                        readonly department?: string | null;
                        readonly division?: string | null;
                        readonly employeeNumber?: string | null;
                        readonly manager?: {
                            readonly $ref?: string | null;
                            readonly displayName?: string | null;
                            readonly value?: string | null;
                        } | null;
                        readonly organization?: string | null;
                    } | null;
                    /** @example erin */
                    readonly userName: string;
                    readonly userType?: string | null;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:User",
                 *         "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
                 *       ],
                 *       "userName": "erin",
                 *       "externalId": "00u1erin",
                 *       "name": {
                 *         "givenName": "Erin",
                 *         "familyName": "Example"
                 *       },
                 *       "emails": [
                 *         {
                 *           "value": "erin@example.com",
                 *           "type": "work",
                 *           "primary": true
                 *         }
                 *       ],
                 *       "active": true,
                 *       "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                 *         "department": "Research"
                 *       }
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly active?: (boolean | string) | null;
                    readonly addresses?: readonly {
                        readonly country?: string | null;
                        readonly formatted?: string | null;
                        readonly locality?: string | null;
                        readonly postalCode?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly region?: string | null;
                        readonly streetAddress?: string | null;
                        readonly type?: string | null;
                    }[] | null;
                    readonly displayName?: string | null;
                    readonly emails?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly entitlements?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly externalId?: string | null;
                    readonly ims?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly locale?: string | null;
                    readonly name?: {
                        readonly familyName?: string | null;
                        readonly formatted?: string | null;
                        readonly givenName?: string | null;
                        readonly honorificPrefix?: string | null;
                        readonly honorificSuffix?: string | null;
                        readonly middleName?: string | null;
                    } | null;
                    readonly nickName?: string | null;
                    readonly phoneNumbers?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly photos?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly preferredLanguage?: string | null;
                    readonly profileUrl?: string | null;
                    readonly roles?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:User"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                    readonly timezone?: string | null;
                    readonly title?: string | null;
                    readonly "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"?: {
                        readonly costCenter?: string | null;
                        readonly department?: string | null;
                        readonly division?: string | null;
                        readonly employeeNumber?: string | null;
                        readonly manager?: {
                            readonly $ref?: string | null;
                            readonly displayName?: string | null;
                            readonly value?: string | null;
                        } | null;
                        readonly organization?: string | null;
                    } | null;
                    /** @example erin */
                    readonly userName: string;
                    readonly userType?: string | null;
                };
            };
        };
        readonly responses: {
            /** @description Created */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description Where the new thing is. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimUser"];
                    readonly "application/scim+json": components["schemas"]["ScimUser"];
                };
            };
        };
    };
    readonly searchScimUsers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "userName sw \"al\""
                 *     }
                 */
                readonly "application/json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
                 *       ],
                 *       "filter": "userName sw \"al\""
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly attributes?: readonly string[] | null;
                    readonly count?: number | null;
                    readonly excludedAttributes?: readonly string[] | null;
                    readonly filter?: string | null;
                    readonly schemas: readonly string[];
                    readonly startIndex?: number | null;
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description A page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimUser"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                    readonly "application/scim+json": {
                        readonly itemsPerPage: number;
                        readonly Resources: readonly components["schemas"]["ScimUser"][];
                        readonly schemas: readonly string[];
                        readonly startIndex: number;
                        readonly totalResults: number;
                    };
                };
            };
        };
    };
    readonly getScimUser: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The user */
            readonly 200: {
                headers: {
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimUser"];
                    readonly "application/scim+json": components["schemas"]["ScimUser"];
                };
            };
        };
    };
    readonly replaceScimUser: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:User",
                 *         "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
                 *       ],
                 *       "userName": "erin",
                 *       "externalId": "00u1erin",
                 *       "name": {
                 *         "givenName": "Erin",
                 *         "familyName": "Example"
                 *       },
                 *       "emails": [
                 *         {
                 *           "value": "erin@example.com",
                 *           "type": "work",
                 *           "primary": true
                 *         }
                 *       ],
                 *       "active": true,
                 *       "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                 *         "department": "Research"
                 *       }
                 *     }
                 */
                readonly "application/json": {
                    readonly active?: (boolean | string) | null;
                    readonly addresses?: readonly {
                        readonly country?: string | null;
                        readonly formatted?: string | null;
                        readonly locality?: string | null;
                        readonly postalCode?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly region?: string | null;
                        readonly streetAddress?: string | null;
                        readonly type?: string | null;
                    }[] | null;
                    readonly displayName?: string | null;
                    readonly emails?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly entitlements?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly externalId?: string | null;
                    readonly ims?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly locale?: string | null;
                    readonly name?: {
                        readonly familyName?: string | null;
                        readonly formatted?: string | null;
                        readonly givenName?: string | null;
                        readonly honorificPrefix?: string | null;
                        readonly honorificSuffix?: string | null;
                        readonly middleName?: string | null;
                    } | null;
                    readonly nickName?: string | null;
                    readonly phoneNumbers?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly photos?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly preferredLanguage?: string | null;
                    readonly profileUrl?: string | null;
                    readonly roles?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:User"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                    readonly timezone?: string | null;
                    readonly title?: string | null;
                    readonly "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"?: {
                        readonly costCenter?: string | null;
                        readonly department?: string | null;
                        readonly division?: string | null;
                        readonly employeeNumber?: string | null;
                        readonly manager?: {
                            readonly $ref?: string | null;
                            readonly displayName?: string | null;
                            readonly value?: string | null;
                        } | null;
                        readonly organization?: string | null;
                    } | null;
                    /** @example erin */
                    readonly userName: string;
                    readonly userType?: string | null;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:schemas:core:2.0:User",
                 *         "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
                 *       ],
                 *       "userName": "erin",
                 *       "externalId": "00u1erin",
                 *       "name": {
                 *         "givenName": "Erin",
                 *         "familyName": "Example"
                 *       },
                 *       "emails": [
                 *         {
                 *           "value": "erin@example.com",
                 *           "type": "work",
                 *           "primary": true
                 *         }
                 *       ],
                 *       "active": true,
                 *       "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                 *         "department": "Research"
                 *       }
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly active?: (boolean | string) | null;
                    readonly addresses?: readonly {
                        readonly country?: string | null;
                        readonly formatted?: string | null;
                        readonly locality?: string | null;
                        readonly postalCode?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly region?: string | null;
                        readonly streetAddress?: string | null;
                        readonly type?: string | null;
                    }[] | null;
                    readonly displayName?: string | null;
                    readonly emails?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly entitlements?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly externalId?: string | null;
                    readonly ims?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly locale?: string | null;
                    readonly name?: {
                        readonly familyName?: string | null;
                        readonly formatted?: string | null;
                        readonly givenName?: string | null;
                        readonly honorificPrefix?: string | null;
                        readonly honorificSuffix?: string | null;
                        readonly middleName?: string | null;
                    } | null;
                    readonly nickName?: string | null;
                    readonly phoneNumbers?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly photos?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    readonly preferredLanguage?: string | null;
                    readonly profileUrl?: string | null;
                    readonly roles?: readonly {
                        readonly display?: string | null;
                        readonly primary?: (boolean | string) | null;
                        readonly type?: string | null;
                        readonly value?: string | null;
                    }[] | null;
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:schemas:core:2.0:User"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                    readonly timezone?: string | null;
                    readonly title?: string | null;
                    readonly "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"?: {
                        readonly costCenter?: string | null;
                        readonly department?: string | null;
                        readonly division?: string | null;
                        readonly employeeNumber?: string | null;
                        readonly manager?: {
                            readonly $ref?: string | null;
                            readonly displayName?: string | null;
                            readonly value?: string | null;
                        } | null;
                        readonly organization?: string | null;
                    } | null;
                    /** @example erin */
                    readonly userName: string;
                    readonly userType?: string | null;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimUser"];
                    readonly "application/scim+json": components["schemas"]["ScimUser"];
                };
            };
        };
    };
    readonly deleteScimUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly patchScimUser: {
        readonly parameters: {
            readonly query?: {
                /** @description Only these, separated by commas */
                readonly attributes?: string;
                /** @description All but these; ignored if `attributes` is given */
                readonly excludedAttributes?: string;
            };
            readonly header?: {
                /** @description The ETag you read, or `*`; 412 when it is no longer current. */
                readonly "if-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                 *       ],
                 *       "Operations": [
                 *         {
                 *           "op": "replace",
                 *           "path": "active",
                 *           "value": false
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": {
                    readonly Operations: readonly ({
                        /** @example replace */
                        readonly op: string;
                        readonly path?: string | null;
                        /** @description Of the type of what the path names; without a path, an object */
                        readonly value?: unknown;
                    } & {
                        readonly [key: string]: unknown;
                    })[];
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
                /**
                 * @example {
                 *       "schemas": [
                 *         "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                 *       ],
                 *       "Operations": [
                 *         {
                 *           "op": "replace",
                 *           "path": "active",
                 *           "value": false
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/scim+json": {
                    readonly Operations: readonly ({
                        /** @example replace */
                        readonly op: string;
                        readonly path?: string | null;
                        /** @description Of the type of what the path names; without a path, an object */
                        readonly value?: unknown;
                    } & {
                        readonly [key: string]: unknown;
                    })[];
                    /**
                     * @example [
                     *       "urn:ietf:params:scim:api:messages:2.0:PatchOp"
                     *     ]
                     */
                    readonly schemas: readonly string[];
                } & {
                    readonly [key: string]: unknown;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the thing is that the body shows. */
                    readonly "Content-Location"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ScimUser"];
                    readonly "application/scim+json": components["schemas"]["ScimUser"];
                };
            };
        };
    };
    readonly listUsers: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                /** @description Items per page */
                readonly limit?: number;
                readonly q?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by id */
            readonly 200: {
                headers: {
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["User"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly getUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The user */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    readonly putUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `*`: only if there is one already; else 412. */
                readonly "if-match"?: string;
                /** @description `*`: only if there is none yet; else 412. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "displayName": "Erin Example"
                 *     }
                 */
                readonly "application/json": {
                    readonly disabled?: boolean;
                    readonly displayName?: string | null;
                };
            };
        };
        readonly responses: {
            /** @description As it is now */
            readonly 200: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["User"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    /** @description Where the new thing is. */
                    readonly Location?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["User"];
                };
            };
        };
    };
    readonly deleteUser: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Gone */
            readonly 204: {
                headers: {
                    /** @description Send it with a read that must see this change. */
                    readonly "Consistency-Token"?: string;
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly listUserGroups: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description All of them */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["EffectiveGroup"][];
                        readonly nextCursor: null;
                    };
                };
            };
        };
    };
    readonly listUserResources: {
        readonly parameters: {
            readonly query?: {
                readonly cursor?: string;
                readonly kind?: string;
                /** @description Items per page */
                readonly limit?: number;
                readonly permission?: components["schemas"]["Permission"];
                readonly q?: string;
            };
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description The ETag you read; 412 when it is no longer current. */
                readonly "if-match"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page, ordered by name then id */
            readonly 200: {
                headers: {
                    /** @description RFC 9211: how the answer came about. */
                    readonly "Cache-Status"?: string;
                    /** @description A strong validator for If-None-Match and If-Match. */
                    readonly ETag?: string;
                    /** @description RFC 8288: rel="next", where there is a next page. */
                    readonly Link?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": {
                        readonly data: readonly components["schemas"]["Resource"][];
                        readonly nextCursor: string | null;
                    };
                };
            };
        };
    };
    readonly explainAccess: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description `no-cache`, `no-store` or a `max-age` below 900 answers from the source of truth. */
                readonly "cache-control"?: string;
                /** @description From a mutation: the answer covers it. */
                readonly "consistency-token"?: string;
                /** @description ETags you have; 304 while one is current. */
                readonly "if-none-match"?: string;
            };
            readonly path: {
                /** @description The user's id, percent-encoded */
                readonly id: string;
                /** @description A uuid, or `name:` and the percent-encoded name of the resource */
                readonly resourceId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The paths */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Explanation"];
                };
            };
        };
    };
}

export const ENUMS = {
  Layer: ["resources","user-groups","user-resources"],
  MembershipRole: ["member","maintainer"],
  Permission: ["read","triage","write","maintain","admin"],
} as const
export const OPERATIONS = {
  createChangeTicket: {"method":"POST","path":"/changes/tickets"},
  createGroup: {"method":"POST","path":"/groups","idempotencyKey":true},
  createResource: {"method":"POST","path":"/resources","idempotencyKey":true},
  createScimGroup: {"method":"POST","path":"/scim/v2/Groups","contentType":"application/scim+json","idempotencyKey":true},
  createScimUser: {"method":"POST","path":"/scim/v2/Users","contentType":"application/scim+json","idempotencyKey":true},
  deleteGroup: {"method":"DELETE","path":"/groups/{id}"},
  deleteResource: {"method":"DELETE","path":"/resources/{id}"},
  deleteScimGroup: {"method":"DELETE","path":"/scim/v2/Groups/{id}"},
  deleteScimUser: {"method":"DELETE","path":"/scim/v2/Users/{id}"},
  deleteUser: {"method":"DELETE","path":"/users/{id}"},
  evaluateAccess: {"method":"POST","path":"/access/v1/evaluation","consistencyToken":true},
  evaluateAccesses: {"method":"POST","path":"/access/v1/evaluations","consistencyToken":true},
  explainAccess: {"method":"GET","path":"/users/{id}/resources/{resourceId}/explain","consistencyToken":true},
  flushCache: {"method":"POST","path":"/admin/cache/flush","idempotencyKey":true},
  followChanges: {"method":"GET","path":"/changes","consistencyToken":true},
  getAccessMetadata: {"method":"GET","path":"/.well-known/authzen-configuration"},
  getCacheStatus: {"method":"GET","path":"/admin/cache","consistencyToken":true},
  getGroup: {"method":"GET","path":"/groups/{id}","consistencyToken":true},
  getMe: {"method":"GET","path":"/me","consistencyToken":true},
  getResource: {"method":"GET","path":"/resources/{id}","consistencyToken":true},
  getScimConfiguration: {"method":"GET","path":"/scim/v2/ServiceProviderConfig","consistencyToken":true},
  getScimGroup: {"method":"GET","path":"/scim/v2/Groups/{id}","consistencyToken":true},
  getScimResourceType: {"method":"GET","path":"/scim/v2/ResourceTypes/{id}","consistencyToken":true},
  getScimSchema: {"method":"GET","path":"/scim/v2/Schemas/{id}","consistencyToken":true},
  getScimUser: {"method":"GET","path":"/scim/v2/Users/{id}","consistencyToken":true},
  getUser: {"method":"GET","path":"/users/{id}","consistencyToken":true},
  getUserCacheEntries: {"method":"GET","path":"/admin/cache/users/{id}","consistencyToken":true},
  importOrganisation: {"method":"POST","path":"/import","idempotencyKey":true},
  listAuditEntries: {"method":"GET","path":"/admin/audit","cursor":"cursor","consistencyToken":true},
  listGrants: {"method":"GET","path":"/groups/{id}/grants","cursor":"cursor","consistencyToken":true},
  listGroups: {"method":"GET","path":"/groups","cursor":"cursor","consistencyToken":true},
  listInvalidations: {"method":"GET","path":"/admin/cache/invalidations","cursor":"after","consistencyToken":true},
  listMembers: {"method":"GET","path":"/groups/{id}/members","cursor":"cursor","consistencyToken":true},
  listMyGroups: {"method":"GET","path":"/me/groups","cursor":null,"consistencyToken":true},
  listResourceAccess: {"method":"GET","path":"/resources/{id}/access","cursor":"cursor","consistencyToken":true},
  listResources: {"method":"GET","path":"/resources","cursor":"cursor","consistencyToken":true},
  listScimGroups: {"method":"GET","path":"/scim/v2/Groups","consistencyToken":true},
  listScimResourceTypes: {"method":"GET","path":"/scim/v2/ResourceTypes","consistencyToken":true},
  listScimSchemas: {"method":"GET","path":"/scim/v2/Schemas","consistencyToken":true},
  listScimUsers: {"method":"GET","path":"/scim/v2/Users","consistencyToken":true},
  listUserGroups: {"method":"GET","path":"/users/{id}/groups","cursor":null,"consistencyToken":true},
  listUserResources: {"method":"GET","path":"/users/{id}/resources","cursor":"cursor","consistencyToken":true},
  listUsers: {"method":"GET","path":"/users","cursor":"cursor","consistencyToken":true},
  patchGroup: {"method":"PATCH","path":"/groups/{id}","contentType":"application/merge-patch+json"},
  patchResource: {"method":"PATCH","path":"/resources/{id}","contentType":"application/merge-patch+json"},
  patchScimGroup: {"method":"PATCH","path":"/scim/v2/Groups/{id}","contentType":"application/scim+json"},
  patchScimUser: {"method":"PATCH","path":"/scim/v2/Users/{id}","contentType":"application/scim+json"},
  putGrant: {"method":"PUT","path":"/groups/{id}/grants/{resourceId}"},
  putMember: {"method":"PUT","path":"/groups/{id}/members/{userId}"},
  putUser: {"method":"PUT","path":"/users/{id}"},
  removeGrant: {"method":"DELETE","path":"/groups/{id}/grants/{resourceId}"},
  removeMember: {"method":"DELETE","path":"/groups/{id}/members/{userId}"},
  replaceGrants: {"method":"PUT","path":"/groups/{id}/grants"},
  replaceMembers: {"method":"PUT","path":"/groups/{id}/members"},
  replaceScimGroup: {"method":"PUT","path":"/scim/v2/Groups/{id}","contentType":"application/scim+json"},
  replaceScimUser: {"method":"PUT","path":"/scim/v2/Users/{id}","contentType":"application/scim+json"},
  searchActions: {"method":"POST","path":"/access/v1/search/action","consistencyToken":true},
  searchResources: {"method":"POST","path":"/access/v1/search/resource","consistencyToken":true},
  searchScim: {"method":"POST","path":"/scim/v2/.search","contentType":"application/scim+json"},
  searchScimGroups: {"method":"POST","path":"/scim/v2/Groups/.search","contentType":"application/scim+json"},
  searchScimUsers: {"method":"POST","path":"/scim/v2/Users/.search","contentType":"application/scim+json"},
  searchSubjects: {"method":"POST","path":"/access/v1/search/subject","consistencyToken":true},
} as const
