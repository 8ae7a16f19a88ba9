// Reads from a running system everything replay needs of one customer: its record, and each journey as it was published.

import { RecordedHistory } from '../simulate/record.ts';
import { callAdmin, type System } from './http.ts';

type Page = Pick<RecordedHistory, 'customer' | 'runs' | 'entries' | 'documents'> & { readonly next: number | null };
interface Versions {
  readonly versions: readonly { readonly version: number }[];
}
interface Version {
  readonly id: string;
  readonly version: number;
  readonly publishedAt: string;
  readonly catalogVersion: number;
  readonly journey: unknown;
  readonly declarations: unknown;
}

const PAGE = 200;

/** @throws where there is no such customer, or the system does not answer */
export async function fetchHistory(system: System, customer: string): Promise<RecordedHistory> {
  const entries: RecordedHistory['entries'] = [];
  let page: Page;
  let cursor: number | null = 0;
  do {
    page = await callAdmin<Page>(
      system,
      'GET',
      `/admin/customers/${encodeURIComponent(customer)}/record?limit=${PAGE}&cursor=${cursor}`,
    );
    entries.push(...page.entries);
    cursor = page.next;
  } while (cursor !== null);
  // The customer and the runs of the last page: they are as of the last entry.
  const { customer: described, runs, documents = [] } = page;
  const declarations: unknown[] = [];
  const known = new Map<string, number>();
  const journeys: RecordedHistory['journeys'] = [];
  const { journeys: listed } = await callAdmin<{ journeys: { id: string }[] }>(system, 'GET', '/admin/journeys');
  for (const { id } of listed) {
    const path = `/admin/journeys/${encodeURIComponent(id)}/versions`;
    const { versions } = await callAdmin<Versions>(system, 'GET', path);
    for (const { version } of versions) {
      const read = await callAdmin<Version>(system, 'GET', `${path}/${version}`);
      const text = JSON.stringify(read.declarations);
      const index = known.get(text) ?? declarations.push(read.declarations) - 1;
      known.set(text, index);
      const publishedAt = Date.parse(read.publishedAt);
      const { journey, catalogVersion } = read;
      journeys.push({ id, version, publishedAt, catalogVersion, journey, declarations: index });
    }
  }
  return RecordedHistory.parse({ customer: described, runs, entries, journeys, declarations, documents });
}
