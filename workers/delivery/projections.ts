// The index of customers in D1, kept by projections that the objects send: one row a customer, one a stage. A batch of
// projections is one D1 batch; an older revision never overwrites a newer one.

import { now } from '../clock.ts';
import type { CustomerNamespace, Projection } from '../customer/messages.ts';
import { inParts } from '../customer/parts.ts';
import { customerHash } from '../customer/sealing.ts';
import { learnFrom } from './learning.ts';

/** One batch travels as one JSON parameter, which D1 takes up to 2 MB of; this stays far below and keeps a batch short. */
const FOLD_MOST = { members: 100, chars: 400_000 };
const charsOf = (projection: Projection) => JSON.stringify(projection).length;

/** With what stands for the customer where they were erased. */
type Folded = Projection & { readonly hash: string };

/** Writes projections to the index, but of customers who were erased since they came about (PV4, PV6). Safe to repeat. @throws when D1 fails; nothing of that batch is written then */
export async function foldProjections(
  db: D1Database,
  projections: readonly Projection[],
  secret: string | null,
): Promise<void> {
  const newest = new Map<string, Folded>();
  for (const projection of projections) {
    const { customerId } = projection;
    const other = newest.get(customerId);
    if (other && other.revision >= projection.revision) continue;
    newest.set(customerId, { ...projection, hash: secret === null ? '' : customerHash(secret, customerId) });
  }
  for (const part of inParts(newest.values(), charsOf, FOLD_MOST))
    await db.batch([
      ...statementsOf(db, part),
      ...segmentStatements(db, part),
      ...exposureStatements(db, part),
      ...forgettingStatements(db, part),
    ]);
}

/** Of the batch the customers whose newest row is this one. */
const CURRENT = "JOIN customers c ON c.id = p.value ->> 'customerId' AND c.revision = p.value ->> 'revision'";

/** Three statements for the whole batch, which travels as one JSON parameter; stages change only with the row's revision. */
function statementsOf(db: D1Database, projections: readonly Projection[]): D1PreparedStatement[] {
  const batch = JSON.stringify(projections);
  return [
    db
      .prepare(
        `INSERT INTO customers (id, revision, created_at, next_due_at, gone)
         SELECT p.value ->> 'customerId', p.value ->> 'revision', p.value ->> 'createdAt', p.value ->> 'nextDueAt', p.value ->> 'gone'
         FROM json_each(?) p WHERE NOT EXISTS (
           SELECT 1 FROM erased e WHERE e.hash = p.value ->> 'hash' AND e.erased_at >= p.value ->> 'createdAt')
         ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, next_due_at = excluded.next_due_at, gone = excluded.gone
         WHERE excluded.revision >= customers.revision`,
      )
      .bind(batch),
    db
      .prepare(
        `DELETE FROM customer_stages WHERE (customer_id, journey) IN (
           SELECT s.customer_id, s.journey FROM json_each(?) p ${CURRENT} JOIN customer_stages s ON s.customer_id = c.id
           WHERE s.journey NOT IN (SELECT value ->> 'journey' FROM json_each(p.value, '$.stages')))`,
      )
      .bind(batch),
    db
      .prepare(
        `INSERT INTO customer_stages (customer_id, journey, stage, entered_at)
         SELECT c.id, s.value ->> 'journey', s.value ->> 'stage', s.value ->> 'enteredAt'
         FROM json_each(?) p ${CURRENT} JOIN json_each(p.value, '$.stages') s WHERE true
         ON CONFLICT (customer_id, journey) DO UPDATE SET stage = excluded.stage, entered_at = excluded.entered_at`,
      )
      .bind(batch),
  ];
}

/** SG10. Nothing for a batch of customers of whom no segments are told. */
function segmentStatements(db: D1Database, projections: readonly Projection[]): D1PreparedStatement[] {
  const concerned = projections.filter(({ segments, gone }) => segments !== undefined || gone);
  if (concerned.length === 0) return [];
  const batch = JSON.stringify(concerned);
  const remove = `DELETE FROM customer_segments WHERE (customer_id, segment) IN (
    SELECT s.customer_id, s.segment FROM json_each(?) p ${CURRENT} JOIN customer_segments s ON s.customer_id = c.id
    WHERE s.segment NOT IN (SELECT value ->> 'segment' FROM json_each(p.value, '$.segments')))`;
  const insert = `INSERT INTO customer_segments (customer_id, segment, since)
    SELECT c.id, s.value ->> 'segment', s.value ->> 'since'
    FROM json_each(?) p ${CURRENT} JOIN json_each(p.value, '$.segments') s WHERE true
    ON CONFLICT (customer_id, segment) DO UPDATE SET since = excluded.since`;
  return [remove, insert].map((statement) => db.prepare(statement).bind(batch));
}

/** Adds what the rows of these customers come to, `sign` times, to what is counted. */
const countRows = (sign: '1' | '-1'): string =>
  `INSERT INTO experiment_cells (experiment, arm, context, shares, day, exposures, conversions)
   SELECT e.experiment, e.arm, e.context, e.shares, e.day, ${sign} * count(*), ${sign} * sum(e.converted)
   FROM json_each(?) p ${CURRENT} JOIN experiment_exposures e ON e.customer_id = c.id
   WHERE true GROUP BY e.experiment, e.arm, e.context, e.shares, e.day
   ON CONFLICT (experiment, arm, context, shares, day) DO UPDATE
   SET exposures = exposures + excluded.exposures, conversions = conversions + excluded.conversions`;

/**
 * What was counted of these customers is taken back, their rows are written anew and counted again: so a projection that
 * is repeated, or whose customer became another one, counts each once (X10). Nothing for a batch without experiments.
 */
function exposureStatements(db: D1Database, projections: readonly Projection[]): D1PreparedStatement[] {
  const concerned = projections.filter(
    ({ exposures, gone, forgotten }) => !forgotten && (gone || (exposures?.length ?? 0) > 0),
  );
  if (concerned.length === 0) return [];
  const batch = JSON.stringify(concerned);
  const remove = `DELETE FROM experiment_exposures WHERE customer_id IN (SELECT c.id FROM json_each(?) p ${CURRENT})`;
  const insert = `INSERT INTO experiment_exposures (customer_id, experiment, arm, context, shares, day, converted)
    SELECT c.id, e.value ->> 'experiment', e.value ->> 'arm', e.value ->> 'context', e.value ->> 'shares',
      e.value ->> 'day', e.value ->> 'converted'
    FROM json_each(?) p ${CURRENT} JOIN json_each(p.value, '$.exposures') e`;
  return [countRows('-1'), remove, insert, countRows('1')].map((statement) => db.prepare(statement).bind(batch));
}

/** PV7: the rows go, and what they were counted for stays. */
function forgettingStatements(db: D1Database, projections: readonly Projection[]): D1PreparedStatement[] {
  const forgotten = projections.filter((projection) => projection.forgotten);
  if (forgotten.length === 0) return [];
  const batch = JSON.stringify(forgotten);
  const of = `IN (SELECT c.id FROM json_each(?) p ${CURRENT})`;
  return [
    `DELETE FROM experiment_exposures WHERE customer_id ${of}`,
    `DELETE FROM customer_stages WHERE customer_id ${of}`,
    `DELETE FROM customer_segments WHERE customer_id ${of}`,
    `DELETE FROM customers WHERE id ${of}`,
  ].map((statement) => db.prepare(statement).bind(batch));
}

/** The queue's consumer: folds what all messages of the batch hold. What fails is delivered again. */
export async function consumeProjections(
  messages: readonly { readonly body: readonly Projection[] }[],
  db: D1Database,
  secret: string | null,
): Promise<void> {
  const projections = messages.flatMap(({ body }) => body);
  await foldProjections(db, projections, secret);
  await learnFrom(db, projections, now());
}

/** For what did not go by the queue. An object that cannot be told asks D1 by itself. */
export async function confirmProjections(
  namespace: CustomerNamespace,
  projections: readonly Projection[],
): Promise<void> {
  await Promise.all(
    projections.map((projection) =>
      namespace
        .getByName(projection.customerId)
        .confirm(projection.revision)
        .catch(() => undefined),
    ),
  );
}
