// The public prices of the Workers Paid plan, in US dollars, beyond what the plan includes. Read in November 2026 from
// stored copies of the pages named as sources, the youngest of July 2026: look there before you rely on them.

export interface Price {
  what: string;
  /** Dollars for a million units. */
  perMillion: number;
  source: string;
}

const WORKERS = 'developers.cloudflare.com/workers/platform/pricing';
const OBJECTS = 'developers.cloudflare.com/durable-objects/platform/pricing';
const DATABASE = 'developers.cloudflare.com/d1/platform/pricing';
const QUEUES = 'developers.cloudflare.com/queues/platform/pricing';

export const PRICES = {
  workerRequests: { what: 'Worker requests', perMillion: 0.3, source: WORKERS },
  workerCpuMs: { what: 'Worker CPU milliseconds', perMillion: 0.02, source: WORKERS },
  objectRequests: { what: 'object requests', perMillion: 0.15, source: OBJECTS },
  objectGbSeconds: { what: 'object GB-seconds', perMillion: 12.5, source: OBJECTS },
  objectRowsWritten: { what: 'object rows written', perMillion: 1, source: OBJECTS },
  objectRowsRead: { what: 'object rows read', perMillion: 0.001, source: OBJECTS },
  databaseRowsWritten: { what: 'D1 rows written', perMillion: 1, source: DATABASE },
  databaseRowsRead: { what: 'D1 rows read', perMillion: 0.001, source: DATABASE },
  queueOperations: { what: 'queue operations', perMillion: 0.4, source: QUEUES },
} as const satisfies Record<string, Price>;

/** Of what is stored, for a gigabyte and month; D1 asks 0.75. */
export const STORED_GB_MONTH = { dollars: 0.2, source: OBJECTS };

export type Unit = keyof typeof PRICES;

/** What is billed for an object's memory, whatever it uses. */
export const OBJECT_GB = 0.128;

export interface Line {
  what: string;
  perEvent: number;
  /** Dollars for a million events. */
  dollars: number;
}

/** Units of one event are priced for a million events, so the two millions cancel. */
export function priceEvents(perEvent: Record<Unit, number>): { lines: Line[]; dollars: number } {
  const units = Object.keys(PRICES) as Unit[];
  const lines = units.map((unit) => ({
    what: PRICES[unit].what,
    perEvent: perEvent[unit],
    dollars: perEvent[unit] * PRICES[unit].perMillion,
  }));
  return { lines, dollars: lines.reduce((sum, line) => sum + line.dollars, 0) };
}
