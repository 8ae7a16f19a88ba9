// Time that is not now: events of an import, each at its own instant, and timers fired up to an instant by who moves the clock
// or ends an import.

import { now } from '../clock.ts';
import { adoptSource, catalogOf } from './adopting.ts';
import { applyEvent, fireTimers } from './advance.ts';
import type { Cell, Silence } from './cell.ts';
import { isErased } from './erasing.ts';
import type { EventStatus, Fired, Imported, IncomingEvent, Reply } from './messages.ts';
import { projectionOf } from './outbound.ts';

/** Null: the catalog cannot be read. What was applied until then stays. */
export async function importEvents(
  cell: Cell,
  catalogVersion: number,
  events: readonly IncomingEvent[],
): Promise<Imported | null> {
  const catalog = await catalogOf(cell, catalogVersion);
  if (!catalog) return null;
  if (isErased(cell, catalog, now())) return { kind: 'done', statuses: events.map(() => 'erased') };
  const statuses: EventStatus[] = [];
  for (const event of events) {
    for (const source of [event.merges ?? []].flat())
      if ((await adoptSource(cell, source, catalog, event.at, { importing: true, turns: true })) === 'again')
        return { kind: 'busy', retryAfterMs: 1_000 };
    if (!(await cell.ready(catalog))) return null;
    const to = cell.redirect();
    if (to) return { kind: 'moved', to };
    const at = cell.inputTime(event.at);
    if (!cell.catchUp(catalog, at, 'import')) return { kind: 'busy', retryAfterMs: 1_000 };
    const applied = cell.transact(catalog, 'import', (commit) => {
      commit.state.importing = true;
      return applyEvent(commit, event, at);
    });
    statuses.push(applied ? 'accepted' : 'duplicate');
  }
  return { kind: 'done', statuses };
}

/** Fires what is due up to `until` (milliseconds), and arms the alarm. Null: the catalog cannot be read. */
export async function fireUntil(
  cell: Cell,
  catalogVersion: number,
  until: number,
  silence: Silence,
): Promise<Reply<Fired> | null> {
  const catalog = await catalogOf(cell, catalogVersion);
  if (!catalog || !(await cell.ready(catalog))) return null;
  if (!cell.load()) return { kind: 'done', timersFired: 0, projection: null };
  let timersFired = 0;
  let more = !cell.redirect();
  while (more) {
    more = cell.transact(catalog, cell.load()?.importing ? 'import' : silence, (commit) => {
      if (commit.state.importing && silence === 'import') {
        commit.state.importing = false;
        commit.head = true;
      }
      const rest = fireTimers(commit, until);
      timersFired += commit.timersFired;
      return rest;
    });
  }
  const projection = projectionOf(cell, catalog);
  cell.told = { revision: projection.revision, at: now() };
  cell.arm(catalog, true);
  return { kind: 'done', timersFired, projection };
}
