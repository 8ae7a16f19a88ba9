// The tables of D1, by Drizzle; migrations/ is generated from them. D1 holds what is shared: the catalog by immutable
// version, keys, the index of customers. What must be exact per customer lives in that customer's object.
// Every figure and rule about these tables: STORAGE.md.

import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row: the newest catalog version. Isolates look at it every few seconds. */
export const catalogHead = sqliteTable('catalog_head', {
  id: integer('id').primaryKey(),
  version: integer('version').notNull(),
});

/**
 * Every document the catalog ever held. A row is true for catalog versions from `fromVersion` up to, not including,
 * `toVersion`; rows are closed, never changed, so a catalog version is immutable.
 */
export const documents = sqliteTable(
  'documents',
  {
    kind: text('kind', {
      enum: [
        'journey',
        'content',
        'offer',
        'message',
        'experiment',
        'fragment',
        'placements',
        'site',
        'policies',
        'segment',
        'events',
      ],
    }).notNull(),
    id: text('id').notNull(),
    /** Counts the versions of this one document from 1. */
    version: integer('version').notNull(),
    fromVersion: integer('from_version').notNull(),
    toVersion: integer('to_version'),
    body: text('body').notNull(),
    publishedAt: integer('published_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.id, table.version] }),
    index('documents_by_from').on(table.fromVersion),
    index('documents_by_to').on(table.toVersion),
  ],
);
export type DocumentKind = (typeof documents.$inferSelect)['kind'];

/** Access keys, hashed with SHA-256; the key itself is shown once, when it is made. */
export const keys = sqliteTable('keys', {
  hash: text('hash').primaryKey(),
  name: text('name').notNull(),
  role: text('role', { enum: ['write', 'server', 'admin'] }).notNull(),
  tokenMode: text('token_mode', { enum: ['off', 'optional', 'required'] }).notNull(),
  /** Verifies customer tokens (HS256) presented with this key, beside what `token_keys` has for it. */
  tokenSecret: text('token_secret'),
  createdAt: integer('created_at').notNull(),
});

/** What customer tokens presented with a write key are signed with; the newest `TOKEN.keysMax` are in force. */
export const tokenKeys = sqliteTable(
  'token_keys',
  {
    keyHash: text('key_hash').notNull(),
    createdAt: integer('created_at').notNull(),
    alg: text('alg', { enum: ['HS256', 'RS256', 'ES256'] }).notNull(),
    kid: text('kid'),
    /** What `iss` and `aud` of a token have to be, where they are stated. */
    issuer: text('issuer'),
    audience: text('audience'),
    /** The secret of HS256, else the public key as a JWK. */
    material: text('material').notNull(),
  },
  (table) => [primaryKey({ columns: [table.keyHash, table.createdAt] })],
);

/** The index of customers: a projection of who stands where, at most five seconds behind; one row a customer. */
export const customers = sqliteTable(
  'customers',
  {
    id: text('id').primaryKey(),
    /** The object's own count of projections; an older one never overwrites a newer one. */
    revision: integer('revision').notNull(),
    createdAt: integer('created_at').notNull(),
    /** No timer of this customer is due before this; activity may have moved it on since. For the movable clock. */
    nextDueAt: integer('next_due_at'),
    /** 1 once this customer has become another one; the row stays, so that a late projection cannot bring it back. */
    gone: integer('gone').notNull().default(0),
  },
  (table) => [index('customers_by_due').on(table.nextDueAt)],
);

/** Which customer is in which stage of which unkeyed journey. */
export const customerStages = sqliteTable(
  'customer_stages',
  {
    customerId: text('customer_id').notNull(),
    journey: text('journey').notNull(),
    stage: text('stage').notNull(),
    enteredAt: integer('entered_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.journey] }),
    index('customer_stages_by_stage').on(table.journey, table.stage, table.customerId),
  ],
);

/** Who is in which segment or audience, since when (milliseconds). */
export const customerSegments = sqliteTable(
  'customer_segments',
  {
    customerId: text('customer_id').notNull(),
    segment: text('segment').notNull(),
    since: integer('since').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.segment] }),
    index('customer_segments_by_segment').on(table.segment, table.customerId),
  ],
);

/** Publishes of which every customer is told, page by page; the newest one counts. */
export const rousings = sqliteTable('rousings', {
  /** The catalog version they are told of. */
  version: integer('version').primaryKey(),
  /** When it was published, milliseconds. */
  startedAt: integer('started_at').notNull(),
  /** Customers there were then, and those asked so far. */
  customers: integer('customers').notNull(),
  asked: integer('asked').notNull().default(0),
  /** The last customer asked. */
  cursor: text('cursor').notNull().default(''),
  doneAt: integer('done_at'),
});

/** One row a customer and experiment, so that a projection that is repeated counts nobody twice. */
export const experimentExposures = sqliteTable(
  'experiment_exposures',
  {
    customerId: text('customer_id').notNull(),
    experiment: text('experiment').notNull(),
    arm: text('arm').notNull(),
    context: text('context').notNull(),
    /** With which probability each arm was given, as JSON. */
    shares: text('shares').notNull(),
    /** Of the exposure, counted from 1970 (UTC). */
    day: integer('day').notNull(),
    converted: integer('converted').notNull(),
  },
  (table) => [primaryKey({ columns: [table.customerId, table.experiment] })],
);

/** What is counted of those rows, kept in the same batch: all that statistics need. */
export const experimentCells = sqliteTable(
  'experiment_cells',
  {
    experiment: text('experiment').notNull(),
    arm: text('arm').notNull(),
    context: text('context').notNull(),
    shares: text('shares').notNull(),
    day: integer('day').notNull(),
    exposures: integer('exposures').notNull(),
    conversions: integer('conversions').notNull(),
  },
  (table) => [primaryKey({ columns: [table.experiment, table.arm, table.context, table.shares, table.day] })],
);

/** What counts have taught: immutable, with one count of versions over all experiments, so that a draw can be made again. */
export const experimentSnapshots = sqliteTable(
  'experiment_snapshots',
  {
    version: integer('version').primaryKey({ autoIncrement: true }),
    experiment: text('experiment').notNull(),
    madeAt: integer('made_at').notNull(),
    body: text('body').notNull(),
  },
  (table) => [index('experiment_snapshots_by_experiment').on(table.experiment, table.version)],
);

/**
 * Customers who were erased, by a keyed hash of their id: word to the index that is late must not bring a row back. Nothing
 * personal; a row may go once every queue has let go of what it held.
 */
export const erased = sqliteTable('erased', {
  hash: text('hash').primaryKey(),
  erasedAt: integer('erased_at').notNull(),
});

/** Who has read a customer as an operator, the customer by a keyed hash. */
export const accessLog = sqliteTable(
  'access_log',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    customerHash: text('customer_hash').notNull(),
    /** The name of the key, and what was read: the route by its pattern. */
    key: text('key').notNull(),
    route: text('route').notNull(),
    requestId: text('request_id').notNull(),
  },
  (table) => [index('access_log_by_customer').on(table.customerHash, table.id), index('access_log_by_at').on(table.at)],
);

/** Events that were told to everybody in a segment, and how far that has come. */
export const announcements = sqliteTable(
  'announcements',
  {
    segment: text('segment').notNull(),
    /** Of the caller: the same again is the same announcement. */
    id: text('id').notNull(),
    event: text('event').notNull(),
    /** JSON. */
    properties: text('properties').notNull(),
    /** Of the event, in every customer's history; nobody outside can guess it. */
    messageId: text('message_id').notNull(),
    startedAt: integer('started_at').notNull(),
    /** Members when it began. */
    customers: integer('customers').notNull(),
    asked: integer('asked').notNull().default(0),
    cursor: text('cursor').notNull().default(''),
    doneAt: integer('done_at'),
  },
  (table) => [
    primaryKey({ columns: [table.segment, table.id] }),
    index('announcements_by_start').on(table.segment, table.startedAt),
    index('announcements_under_way').on(table.startedAt).where(sql`${table.doneAt} IS NULL`),
  ],
);

/** Customers under import: registered before their object is touched, forgotten once finish has reached them. */
export const imports = sqliteTable('imports', { customerId: text('customer_id').primaryKey() });

/**
 * Admin writes that came with an Idempotency-Key: one row a key, from the moment it is worked on. Bounded by `IDEMPOTENCY`
 * in limits.ts. Holds hashes of what was asked, and the answer for who asks again.
 */
export const idempotency = sqliteTable(
  'idempotency',
  {
    /** SHA-256 of the admin key's own hash and the Idempotency-Key: another operator's key is another row. */
    id: text('id').primaryKey(),
    /** SHA-256 of method, address and body. */
    fingerprint: text('fingerprint').notNull(),
    /** Who works on it: a claim that was taken over can no longer answer. */
    claim: text('claim').notNull(),
    claimedAt: integer('claimed_at').notNull(),
    /** The catalog when it was claimed. */
    catalogVersion: integer('catalog_version').notNull(),
    /** Null until there is an answer. */
    status: integer('status'),
    /** The catalog the answer was made with. */
    answeredVersion: integer('answered_version'),
    contentType: text('content_type'),
    body: text('body'),
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [index('idempotency_by_expiry').on(table.expiresAt)],
);
