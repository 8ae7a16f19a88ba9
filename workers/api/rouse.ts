// Which publish has to be told to customers who are idle: one after which a calendar may begin a run, a contact be overdue, or something else is
// worked out of their histories. It is written with the documents (store.ts); here its first page is sent, or the page at
// which an earlier one stopped.

import type { PublishResult } from '../catalog/publish.ts';
import { newestRousing } from '../delivery/rousing.ts';
import type { Env } from './context.ts';

/** @throws where D1 or the queue fails; the documents are published by then, and publishing again begins anew */
export async function rouseAfter(
  env: Pick<Env, 'DB' | 'PROJECTIONS'>,
  result: PublishResult,
  dryRun: boolean,
): Promise<void> {
  if (!result.ok || dryRun) return;
  const rousing = await newestRousing(env.DB);
  if (rousing && rousing.done_at === null)
    await env.PROJECTIONS.send({ rouse: { after: rousing.cursor, version: rousing.version } });
}
