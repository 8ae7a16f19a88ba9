// What a link of a mail opens: confirming a yes, ending messages of a kind (RFC 8058), the preference centre. The token is
// all the proof there is: it was sent to the address. A GET changes nothing, because programs follow links too.

import { Hono } from 'hono';
import { v7 as uuid } from 'uuid';
import { freshCatalog } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import { BY_LINK, CONFIRMED_EVENT, CONSENT_EVENT, PREFERENCES_EVENT } from '../consent/statements.ts';
import { linkSecretIn } from '../customer/links.ts';
import type { IncomingEvent, Ingested, Reply, Said } from '../customer/messages.ts';
import { openPermit, type Permit } from '../customer/permits.ts';
import { readRawBytes } from './body.ts';
import { NOT_REACHED } from './commit.ts';
import { type AppEnv, catalogOfRequest, type Env, problem, reached } from './context.ts';
import {
  type Choices,
  confirmPage,
  type Fault,
  faultPage,
  type Language,
  languageOf,
  preferencesPage,
  toldPage,
  unsubscribePage,
} from './pages.ts';

const DAY_MS = 24 * 3_600_000;
/** How long a link to the preference centre is good. */
const PREFERENCES_MS = 365 * DAY_MS;
const FORM_BYTES_MAX = 16_000;

/** A call with a good link: whose it is, and what is known of them. */
interface Visit {
  readonly env: Env;
  readonly permit: Permit;
  readonly catalog: Catalog;
  readonly said: Said;
  readonly language: Language;
}

export function consentRoutes(): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const visit = async (
    to: Permit['to'],
    { req, env, executionCtx }: { req: Asked; env: Env; executionCtx: Pick<ExecutionContext, 'waitUntil'> },
  ): Promise<Visit | Response> => {
    const wanted = req.header('accept-language');
    const fail = (fault: Fault): Response => failed(req, languageOf([wanted]), fault);
    const secret = linkSecretIn(env);
    const permit = secret === null ? null : openPermit(secret, to, req.param('token') ?? '');
    if (!permit) return fail('unknown');
    const catalog = freshCatalog() ?? (await catalogOfRequest(env, executionCtx));
    if (!catalog) return fail('unavailable');
    const goodMs = {
      confirm: catalog.policies.consent.confirmWithinMs,
      preferences: PREFERENCES_MS,
      unsubscribe: null,
    }[to];
    if (goodMs !== null && now() >= permit.at + goodMs) return fail('old');
    const reply = await reached<Reply<{ said: Said }>>(
      env.CUSTOMER.getByName(permit.customerId).saidSoFar(catalog.version),
      NOT_REACHED,
    );
    if (reply.kind !== 'done') return fail('unavailable');
    return { env, permit, catalog, said: reply.said, language: languageOf([reply.said.locale, wanted]) };
  };

  app.get('/confirm/:token', async (c) => {
    const visited = await visit('confirm', c);
    return visited instanceof Response ? visited : confirmPage(visited.language);
  });

  app.post('/confirm/:token', async (c) => {
    const visited = await visit('confirm', c);
    if (visited instanceof Response) return visited;
    const { purpose, channel, at } = visited.permit;
    const properties = { purpose, channel, source: 'confirmation', stated_at: new Date(at).toISOString() };
    const after = await say(visited, [{ name: CONFIRMED_EVENT, properties }]);
    if (!after) return failed(c.req, visited.language, 'unavailable');
    const counts = after.standing.some((row) => row.purpose === purpose && row.channel === channel && row.chosen);
    return toldPage(visited.language, counts ? 'confirmed' : 'unconfirmed');
  });

  app.get('/unsubscribe/:token', async (c) => {
    const visited = await visit('unsubscribe', c);
    return visited instanceof Response ? visited : unsubscribePage(visited.language, nameOf(visited), false);
  });

  app.post('/unsubscribe/:token', async (c) => {
    const visited = await visit('unsubscribe', c);
    if (visited instanceof Response) return visited;
    const { purpose, channel } = visited.permit;
    const isOver = visited.said.standing.every(
      (row) => row.purpose !== purpose || row.channel !== channel || row.refused,
    );
    const known = visited.said.standing.some((row) => row.purpose === purpose && row.channel === channel);
    const properties = { purpose, channel, granted: false, source: 'unsubscribe' };
    const done = known && isOver ? visited.said : await say(visited, [{ name: CONSENT_EVENT, properties }]);
    if (!done) return failed(c.req, visited.language, 'unavailable');
    return unsubscribePage(visited.language, nameOf(visited), true);
  });

  app.get('/preferences/:token', async (c) => {
    const visited = await visit('preferences', c);
    return visited instanceof Response ? visited : preferencesPage(visited.language, choicesOf(visited), false);
  });

  app.post('/preferences/:token', async (c) => {
    const visited = await visit('preferences', c);
    if (visited instanceof Response) return visited;
    const read = await readRawBytes(c.req.raw, FORM_BYTES_MAX);
    if (!read.ok) return problem(read.failure);
    const form = new URLSearchParams(new TextDecoder().decode(read.value));
    const after = await say(visited, chosenIn(form, visited));
    if (!after) return failed(c.req, visited.language, 'unavailable');
    return preferencesPage(visited.language, choicesOf({ ...visited, said: after }), true);
  });

  return app;
}

interface Asked {
  readonly raw: Request;
  header(name: string): string | undefined;
  param(name: 'token'): string | undefined;
}

const DETAILS: Readonly<Record<Fault, string>> = {
  unknown: 'This link is not of this system, or is not whole.',
  old: 'This link is too old.',
  unavailable: 'What is known of the customer cannot be read or written right now.',
};

/** A page for who reads pages, else a problem as everywhere. */
function failed(req: Asked, language: Language, fault: Fault): Response {
  if (req.header('accept')?.includes('text/html')) return faultPage(language, fault);
  const detail = DETAILS[fault];
  if (fault === 'unavailable') return problem({ kind: 'unavailable', detail, retryAfterSeconds: 1 });
  return problem({ kind: fault === 'old' ? 'gone' : 'not-found', detail });
}

interface Word {
  readonly name: string;
  readonly properties: Record<string, string | boolean | null>;
}

/** Events of the customer, by the link. @returns what is known afterwards; null where it could not be written */
async function say({ env, permit, catalog }: Visit, words: readonly Word[]): Promise<Said | null> {
  const { customerId } = permit;
  const at = now();
  const who = customerId.startsWith('u:') ? { userId: customerId.slice(2) } : { anonymousId: customerId.slice(2) };
  const events = words.map(({ name, properties }): IncomingEvent => {
    const messageId = uuid();
    const body = JSON.stringify({ type: BY_LINK, event: name, messageId, ...who, properties });
    return { messageId, name, type: BY_LINK, at, body, merges: null };
  });
  const object = env.CUSTOMER.getByName(customerId);
  if (events.length > 0) {
    const request = { customerId, catalogVersion: catalog.version, proven: false, events, decide: null };
    const reply = await reached<Reply<Ingested>>(object.ingest(request), NOT_REACHED);
    if (reply.kind !== 'done') return null;
  }
  const after = await reached<Reply<{ said: Said }>>(object.saidSoFar(catalog.version), NOT_REACHED);
  return after.kind === 'done' ? after.said : null;
}

/** What messages of this purpose are called; where nobody named it, its own name. */
function nameOf({ catalog, permit, language }: Visit): string {
  const purpose = permit.purpose ?? '';
  const names = catalog.policies.consent.purposes.get(purpose)?.names;
  return names?.get(language) ?? names?.values().next().value ?? purpose;
}

/** Purposes with names and their channels; a checkbox is set where there is a yes, also during a pause. */
function choicesOf({ catalog, said, language }: Visit): Choices {
  const topics = [...catalog.policies.consent.purposes].flatMap(([purpose, { names, channels }]) => {
    const name = names?.get(language) ?? names?.values().next().value;
    if (name === undefined) return [];
    const rows = channels.map((channel) => ({
      channel,
      chosen: said.standing.some((row) => row.purpose === purpose && row.channel === channel && row.chosen),
    }));
    return [{ name, purpose, channels: rows }];
  });
  const { pausedUntil, frequency } = said;
  const paused = pausedUntil !== null && pausedUntil > now() ? new Date(pausedUntil).toISOString().slice(0, 10) : null;
  return { topics, frequency: frequency ?? 'any', pausedUntil: paused };
}

const FREQUENCIES = ['any', 'weekly', 'monthly'];
const PAUSES: Readonly<Record<string, number>> = { P30D: 30 * DAY_MS, P90D: 90 * DAY_MS };

/** What differs from what is known. */
function chosenIn(form: URLSearchParams, visited: Visit): Word[] {
  const { topics, frequency, pausedUntil } = choicesOf(visited);
  const yes = new Set(form.getAll('yes'));
  const words = topics.flatMap(({ purpose, channels }) =>
    channels
      .filter(({ channel, chosen }) => yes.has(`${purpose}/${channel}`) !== chosen)
      .map(({ channel, chosen }): Word => {
        return { name: CONSENT_EVENT, properties: { purpose, channel, granted: !chosen, source: 'preferences' } };
      }),
  );
  const often = form.get('frequency') ?? frequency;
  const pause = form.get('pause') ?? 'none';
  const until = pause === 'kept' ? visited.said.pausedUntil : pause in PAUSES ? now() + (PAUSES[pause] ?? 0) : null;
  const isChanged =
    (FREQUENCIES.includes(often) && often !== frequency) ||
    (pause !== 'kept' && (until !== null || pausedUntil !== null));
  const chosen = {
    frequency: FREQUENCIES.includes(often) ? often : frequency,
    paused_until: until === null ? null : new Date(until).toISOString(),
  };
  return isChanged ? [...words, { name: PREFERENCES_EVENT, properties: chosen }] : words;
}
