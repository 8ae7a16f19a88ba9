// How recorded histories are kept: many customers of one version, who share the journeys they met.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RecordedHistory } from '../../workers/simulate/record.ts';

export interface KeptHistories {
  readonly version: string;
  readonly journeys: RecordedHistory['journeys'];
  readonly declarations: RecordedHistory['declarations'];
  readonly customers: Pick<RecordedHistory, 'customer' | 'runs' | 'entries'>[];
}

/** Every history of every version, with what to call it. */
export function readHistories(): { readonly name: string; readonly history: RecordedHistory }[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const kept: KeptHistories = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
      const { version, journeys, declarations, customers } = kept;
      return customers.map((one) => ({
        name: `${one.customer.id} of version ${version}`,
        history: RecordedHistory.parse({ ...one, journeys, declarations }),
      }));
    });
}
