// Asks the system what a page shows, within the time the page may be held up. Never fails: where nobody answers in time,
// with what can be read, there are no items, and the page keeps what it has.

import { RENDER } from '../../schema/limits.ts';
import type { Item } from '../browser/item.ts';

/** Who the page is for. The token proves the user id where the write key asks for a proof. */
export interface PageCustomer {
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly token?: string;
}

export interface AskOptions {
  /** Where the system is for browsers, as `https://waymark.example`: links in the page lead there. */
  readonly endpoint: string;
  /** A service binding to the system: then the call does not leave the network. */
  readonly service?: { fetch(request: Request): Promise<Response> };
  /** The write key. */
  readonly key: string;
  /** Null, or not named: a visitor nobody knows. */
  readonly customer?: PageCustomer | null;
  /** The situation: `locale`, `country`, `device`; for a customer anything else conditions may look at. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Asked for at once, in one call. */
  readonly placements?: readonly string[];
  /** How long the page may be held up in all; `RENDER.budgetMs` where it is not said. */
  readonly budgetMs?: number;
}

export interface Shelf {
  /** The items of a placement; none where there is no answer in time. */
  readonly itemsOf: (placement: string) => Promise<readonly Item[]>;
}

type Answers = ReadonlyMap<string, readonly Item[]>;

const NONE: Answers = new Map();

/** Begins to ask for `placements`. */
export function openShelf(options: AskOptions): Shelf {
  const early = [...new Set(options.placements)].slice(0, RENDER.placementsMax);
  const begun = early.length > 0 ? decide(options, early, RENDER.callMsMax) : null;
  const asked = new Map<string, Promise<Answers>>(begun ? early.map((name) => [name, begun]) : []);
  /** Where each item of the page is shown: several calls do not know of each other. */
  const shown = new Map<string, string>();
  let leftMs = options.budgetMs ?? RENDER.budgetMs;

  const answersFor = (placement: string): Promise<Answers> | null => {
    const known = asked.get(placement);
    if (known) return known;
    if (leftMs <= 0 || asked.size >= RENDER.placementsMax) return null;
    const answers = decide(options, [placement], leftMs);
    asked.set(placement, answers);
    return answers;
  };
  return {
    itemsOf: async (placement) => {
      const answers = answersFor(placement);
      if (!answers) return [];
      const since = performance.now();
      const got = await inTime(answers, leftMs);
      leftMs = got ? leftMs - (performance.now() - since) : 0;
      const items = got?.get(placement) ?? [];
      const own = items.filter(({ kind, id }) => (shown.get(`${kind}/${id}`) ?? placement) === placement);
      for (const { kind, id } of own) shown.set(`${kind}/${id}`, placement);
      return own;
    },
  };
}

/** What was answered, or null once the time is up. */
function inTime(answers: Promise<Answers>, ms: number): Promise<Answers | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.max(0, ms), null);
    answers.then((got) => {
      clearTimeout(timer);
      resolve(got);
    });
  });
}

async function decide(options: AskOptions, placements: readonly string[], ms: number): Promise<Answers> {
  try {
    const request = requestOf(options, placements, AbortSignal.timeout(ms));
    const response = await (options.service ? options.service.fetch(request) : fetch(request));
    return readAnswers(await response.json());
  } catch {
    return NONE;
  }
}

function requestOf(options: AskOptions, placements: readonly string[], signal: AbortSignal): Request {
  const { endpoint, key, customer, context = {} } = options;
  const address = new URL('/v1/decide', endpoint);
  if (customer) {
    const { token, ...who } = customer;
    const body = { writeKey: key, ...who, ...(token ? { customerToken: token } : {}), placements, context };
    return new Request(address, { method: 'POST', body: JSON.stringify(body), signal });
  }
  const { device } = context;
  const type = typeof device === 'object' && device !== null ? Reflect.get(device, 'type') : device;
  const asked = { ...context, device: type };
  address.search = new URLSearchParams([
    ['writeKey', key],
    ['placements', placements.join()],
    ...(['locale', 'country', 'device'] as const).flatMap((name) => {
      const value: unknown = Reflect.get(asked, name);
      return typeof value === 'string' && value !== '' ? [[name, value]] : [];
    }),
  ]).toString();
  return new Request(address, { signal });
}

/** What can be shown of an answer, a fault's included: it may carry defaults. What is no item is left out. */
export function readAnswers(body: unknown): Answers {
  const decisions = member(body, 'decisions');
  if (typeof decisions !== 'object' || decisions === null) return NONE;
  return new Map(
    Object.entries(decisions).map(([placement, list]) => [placement, Array.isArray(list) ? list.filter(isItem) : []]),
  );
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

function isItem(value: unknown): value is Item {
  const [kind, fields, clickUrl] = [member(value, 'kind'), member(value, 'fields'), member(value, 'clickUrl')];
  return (
    (kind === 'content' || kind === 'offer') &&
    typeof member(value, 'id') === 'string' &&
    typeof member(value, 'decisionId') === 'string' &&
    typeof fields === 'object' &&
    fields !== null &&
    (clickUrl === undefined || typeof clickUrl === 'string')
  );
}
