// The index of customers in D1, kept by projections that the objects send: one row a customer, one a stage. A batch of
// projections is one D1 batch; an older revision never overwrites a newer one; the objects hear what was written.

import type { CustomerNamespace, Projection } from '../customer/messages.ts';

export interface DeliveryEnv {
  readonly DB: D1Database;
  readonly CUSTOMER: CustomerNamespace;
}

/** D1 takes a batch of any length as one transaction; this keeps one of it short. */
const FOLD_MAX = 100;

/** Writes projections to the index. Safe to repeat. @throws when D1 fails; nothing of that batch is written then */
export async function foldProjections(db: D1Database, projections: readonly Projection[]): Promise<void> {
  const newest = new Map<string, Projection>();
  for (const projection of projections) {
    const other = newest.get(projection.customerId);
    if (!other || other.revision < projection.revision) newest.set(projection.customerId, projection);
  }
  const list = [...newest.values()];
  for (let from = 0; from < list.length; from += FOLD_MAX)
    await db.batch(list.slice(from, from + FOLD_MAX).flatMap((projection) => statementsOf(db, projection)));
}

/** The stages are replaced only while the customer's row carries this very revision. */
function statementsOf(db: D1Database, projection: Projection): D1PreparedStatement[] {
  const { customerId, revision, createdAt, nextDueAt, stages, gone } = projection;
  return [
    db
      .prepare(
        `INSERT INTO customers (id, revision, created_at, next_due_at, gone) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, next_due_at = excluded.next_due_at, gone = excluded.gone
         WHERE excluded.revision >= customers.revision`,
      )
      .bind(customerId, revision, createdAt, nextDueAt, gone ? 1 : 0),
    db
      .prepare(
        'DELETE FROM customer_stages WHERE customer_id = ?1 AND (SELECT revision FROM customers WHERE id = ?1) = ?2 AND journey NOT IN (SELECT value FROM json_each(?3))',
      )
      .bind(customerId, revision, JSON.stringify(stages.map((entry) => entry.journey))),
    ...stages.map((entry) =>
      db
        .prepare(
          `INSERT INTO customer_stages (customer_id, journey, stage, entered_at)
           SELECT ?1, ?2, ?3, ?4 WHERE (SELECT revision FROM customers WHERE id = ?1) = ?5
           ON CONFLICT (customer_id, journey) DO UPDATE SET stage = excluded.stage, entered_at = excluded.entered_at`,
        )
        .bind(customerId, entry.journey, entry.stage, entry.enteredAt, revision),
    ),
  ];
}

/** The queue's consumer: folds the batch, then tells each customer's object. What fails is delivered again. */
export async function consumeProjections(batch: MessageBatch<Projection>, env: DeliveryEnv): Promise<void> {
  const projections = batch.messages.map((message) => message.body);
  await foldProjections(env.DB, projections);
  await confirmProjections(env.CUSTOMER, projections);
}

/** An object that cannot be told asks again by itself: a projection unconfirmed is sent anew. */
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
