// The index of customers in D1, kept by projections that the objects send: one row a customer, one a stage. A batch of
// projections is one D1 batch; an older revision never overwrites a newer one.

import type { CustomerNamespace, Projection } from '../customer/messages.ts';
import { inParts } from '../customer/parts.ts';

/** One batch travels as one JSON parameter, which D1 takes up to 2 MB of; this stays far below and keeps a batch short. */
const FOLD_MOST = { members: 100, chars: 400_000 };
const charsOf = (projection: Projection) => JSON.stringify(projection).length;

/** Writes projections to the index. Safe to repeat. @throws when D1 fails; nothing of that batch is written then */
export async function foldProjections(db: D1Database, projections: readonly Projection[]): Promise<void> {
  const newest = new Map<string, Projection>();
  for (const projection of projections) {
    const other = newest.get(projection.customerId);
    if (!other || other.revision < projection.revision) newest.set(projection.customerId, projection);
  }
  for (const part of inParts(newest.values(), charsOf, FOLD_MOST)) await db.batch(statementsOf(db, part));
}

/** Three statements for the whole batch, which travels as one JSON parameter; stages change only with the row's revision. */
function statementsOf(db: D1Database, projections: readonly Projection[]): D1PreparedStatement[] {
  const batch = JSON.stringify(projections);
  const current = "JOIN customers c ON c.id = p.value ->> 'customerId' AND c.revision = p.value ->> 'revision'";
  return [
    db
      .prepare(
        `INSERT INTO customers (id, revision, created_at, next_due_at, gone)
         SELECT p.value ->> 'customerId', p.value ->> 'revision', p.value ->> 'createdAt', p.value ->> 'nextDueAt', p.value ->> 'gone'
         FROM json_each(?) p WHERE true
         ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, next_due_at = excluded.next_due_at, gone = excluded.gone
         WHERE excluded.revision >= customers.revision`,
      )
      .bind(batch),
    db
      .prepare(
        `DELETE FROM customer_stages WHERE (customer_id, journey) IN (
           SELECT s.customer_id, s.journey FROM json_each(?) p ${current} JOIN customer_stages s ON s.customer_id = c.id
           WHERE s.journey NOT IN (SELECT value ->> 'journey' FROM json_each(p.value, '$.stages')))`,
      )
      .bind(batch),
    db
      .prepare(
        `INSERT INTO customer_stages (customer_id, journey, stage, entered_at)
         SELECT c.id, s.value ->> 'journey', s.value ->> 'stage', s.value ->> 'enteredAt'
         FROM json_each(?) p ${current} JOIN json_each(p.value, '$.stages') s WHERE true
         ON CONFLICT (customer_id, journey) DO UPDATE SET stage = excluded.stage, entered_at = excluded.entered_at`,
      )
      .bind(batch),
  ];
}

/** The queue's consumer: folds what all messages of the batch hold. What fails is delivered again. */
export async function consumeProjections(batch: MessageBatch<readonly Projection[]>, db: D1Database): Promise<void> {
  await foldProjections(
    db,
    batch.messages.flatMap((message) => message.body),
  );
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
