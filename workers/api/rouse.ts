// Which publish has to be told to customers who are idle: one after which a calendar may begin a run.

import type { PublishResult } from '../catalog/publish.ts';
import type { Env } from './context.ts';

/** @throws where the queue does not take it; the documents are published by then */
export async function rouseAfter(env: Pick<Env, 'PROJECTIONS'>, result: PublishResult, dryRun: boolean): Promise<void> {
  if (!result.ok || dryRun) return;
  const { catalog, published } = result;
  const scheduled = published.some(
    ({ kind, id, changed }) => changed && kind === 'journey' && (catalog.machines.get(id)?.schedules.length ?? 0) > 0,
  );
  if (scheduled) await env.PROJECTIONS.send({ rouse: { after: '', version: catalog.version } });
}
