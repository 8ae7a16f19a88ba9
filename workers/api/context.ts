// What every route needs: the bindings, the local mode if there is one, and the catalog of this request.

import { catalogFor } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Announcing, CustomerNamespace, MessageTask, Projection, Rousing } from '../customer/messages.ts';
import type { RegistryNamespace } from '../customer/registry.ts';
import { SERVER_TIMING, timed } from '../customer/standing.ts';
import type { MailEnv } from '../delivery/email.ts';
import type { TotalsNamespace } from '../totals/messages.ts';
import type { Keys } from './auth.ts';
import { type Failure, problem } from './problem.ts';

export interface Env extends MailEnv {
  readonly CUSTOMER: CustomerNamespace;
  readonly TOTALS: TotalsNamespace;
  readonly REGISTRY: RegistryNamespace;
  readonly DB: D1Database;
  readonly PROJECTIONS: Queue<readonly Projection[] | Rousing | Announcing>;
  readonly MESSAGES: Queue<MessageTask>;
  readonly KEY_RATE?: RateLimit;
  /** The files of the docs page's library. */
  readonly ASSETS?: { fetch(url: string): Promise<Response> };
  readonly DEFAULT_LOCALE?: string;
  /** Seals click-through links; without it there are none. A secret: `wrangler secret put LINK_SECRET`. */
  readonly LINK_SECRET?: string;
  /** Where this system is reached, such as https://journeys.example: for addresses in messages. */
  readonly PUBLIC_URL?: string;
  /** Names the objects of identifiers; where it is absent, LINK_SECRET does. A change of it forgets who owns which. */
  readonly IDENTIFIER_SECRET?: string;
  /** Origins of the sites, separated by commas. */
  readonly CORS_ORIGINS?: string;
}

/** What only `npm start` brings: keys everybody knows, no rate limit, any origin. Null in a deployment. */
export interface LocalMode {
  readonly keys: Keys;
  readonly linkSecret: string;
  /** False until what stands in journeys/ is published: an event before that would find no journey. */
  ready: boolean;
  /** Forgets the mails with these keys, which the local mailbox keeps. */
  readonly forgetMails: (env: Env, keys: readonly string[]) => Promise<number>;
}

/** Answers one request. */
export type Handler = (request: Request, env: Env, execution: Pick<ExecutionContext, 'waitUntil'>) => Promise<Response>;

export interface AppEnv {
  Bindings: Env;
}

export const catalogOfRequest = (
  env: Env,
  execution: { waitUntil(work: Promise<unknown>): void },
): Promise<Catalog | null> => catalogFor(env.DB, (work) => execution.waitUntil(work));

export const CATALOG_UNREADABLE: Failure = {
  kind: 'unavailable',
  detail: 'The catalog cannot be read right now.',
  retryAfterSeconds: 2,
};

/** Adds the catalog version an answer was made with. */
export function withCatalog(response: Response, version: number): Response {
  response.headers.set('waymark-catalog', String(version));
  return response;
}

export const json = (body: object, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

/** How long the call took, W3C Server-Timing; the platform's clock stands still between I/O. */
export const timing = (startedAt: number): Record<string, string> => ({
  [SERVER_TIMING]: timed(startedAt),
});

export { problem };

/** The result, or `otherwise` when the work throws: an object that cannot be reached, or that failed. */
export async function reached<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch {
    return otherwise;
  }
}

/** The result, or `late` when it takes longer than `ms` or throws. Timers run in a Worker while it waits on I/O. */
export const inTime = <T>(work: Promise<T>, ms: number, late: T): Promise<T> =>
  new Promise<T>((resolve) => {
    const timer = setTimeout(resolve, ms, late);
    const settle = (result: T): void => {
      clearTimeout(timer);
      resolve(result);
    };
    work.then(settle, () => settle(late));
  });

/** Runs work over items, so many at a time, keeping the order of results. */
export async function mapBounded<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      const item = items[index];
      if (item !== undefined) results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
