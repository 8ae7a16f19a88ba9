// Which catalogs a customer's inputs met, as far as it decides what may begin: noted only when journeys were published since
// the last input, so an ordinary event writes nothing. Replay goes by it (DECISIONS 25): an instant does not tell, because
// an isolate hears of a publish seconds later.

import { LIMITS } from '../../schema/limits.ts';
import { isAccount } from '../accounts/state.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { MetCatalog } from './messages.ts';
import type { CustomerState } from './state.ts';
import { readPart, writePart } from './storage.ts';

const PART = 'met';

/** Whether other journeys may begin, or something else is worked out, than when this customer was last written. A customer's isolate may fall behind, too. */
export const meetsOthers = (catalog: Catalog, state: CustomerState): boolean =>
  catalog.openingsVersion > state.catalogVersion ||
  catalog.version < state.catalogVersion ||
  keyFor(catalog, state) !== (state.known?.key ?? keyFor(catalog, state));

const keyFor = (catalog: Catalog, { id }: CustomerState): string =>
  (isAccount(id) ? catalog.accounts : catalog).learner.key;

/** Notes that from here on `catalog` holds. `before` is the state as it was; nothing of the commit is written yet. */
export function noteMet(sql: SqlStorage, catalog: Catalog, before: CustomerState): void {
  const met: MetCatalog[] = [
    ...readMet(sql, before),
    { version: catalog.version, fromSeq: before.nextSeq, after: before.lastInputAt },
  ];
  writePart(sql, PART, JSON.stringify(met.slice(-LIMITS.catalogsMetMax)));
}

/** The oldest first. A customer who met no publish has been with one catalog all the time, as good as the last one. */
export function readMet(sql: SqlStorage, state: CustomerState): MetCatalog[] {
  const body = readPart(sql, PART);
  return body === null
    ? [{ version: state.catalogVersion, fromSeq: 1, after: null }]
    : (JSON.parse(body) as MetCatalog[]);
}
