// The movable clock of local mode. Moving it forward brings the index up to date, tells announcements, fires what falls due in due order and
// only then shows the new time and wakes who waits to try something again. Workers cannot list objects, so who has something pending is asked of the process that
// runs workerd: every object with pending work has an alarm (I7), and the platform keeps those in a file.

import { Hono } from 'hono';
import { LIMITS } from '../../schema/limits.ts';
import type { AdminEnv } from '../api/admin.ts';
import { readJsonObject } from '../api/body.ts';
import { type Env, json, mapBounded, problem } from '../api/context.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now, shiftClock } from '../clock.ts';
import { linkSecretIn } from '../customer/links.ts';
import type { Announcing, Projection } from '../customer/messages.ts';
import { announce, announcementsUnderWay } from '../delivery/announcing.ts';
import { learnFrom } from '../delivery/learning.ts';
import { confirmProjections, foldProjections } from '../delivery/projections.ts';
import { durationMs } from '../engine/durations.ts';

export interface LocalEnv extends Env {
  /** The process that runs workerd: keeps the clock's offset, lists the objects that have an alarm. */
  readonly HOST: Fetcher;
}

const AT_ONCE = 32;
const PAGE = 500;

export function clockRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/clock', () => json({ now: new Date(now()).toISOString() }));

  app.post('/clock', async (c) => {
    const env = c.env as LocalEnv;
    const read = await readJsonObject(c.req.raw);
    if (!read.ok) return problem(read.failure);
    const { set, advance } = read.value;
    if (typeof set === 'string' && advance === undefined) return alone(() => setClock(env, set));
    if (typeof advance === 'string' && set === undefined) return alone(() => advanceClock(env, c.var.catalog, advance));
    return problem({
      kind: 'invalid',
      errors: [
        { pointer: '', detail: 'Give either set, an ISO 8601 instant, or advance, an ISO 8601 duration such as P3D.' },
      ],
    });
  });

  /** Asked every second by the process that runs workerd: alarms set before the clock moved would come too late. */
  app.post('/clock/tick', async (c) => json({ timersFired: moving ? 0 : await fireDue(c.env, c.var.catalog, now()) }));

  return app;
}

let moving = false;

/** Two that move the clock at once would each start from where it stood, and one of the moves would be lost. */
async function alone(move: () => Promise<Response>): Promise<Response> {
  if (moving)
    return problem({
      kind: 'conflict',
      detail: 'The clock is being moved already. Call again once that call has answered.',
    });
  moving = true;
  try {
    return await move();
  } finally {
    moving = false;
  }
}

async function setClock(env: LocalEnv, text: string): Promise<Response> {
  const at = Date.parse(text);
  if (!Number.isFinite(at))
    return problem({
      kind: 'invalid',
      errors: [{ pointer: '/set', detail: 'must be an ISO 8601 instant, such as 1998-07-01T00:00:00Z' }],
    });
  const known = await env.DB.prepare(
    'SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM imports) AS n',
  ).first<{ n: number }>();
  if ((known?.n ?? 0) > 0 || (await objectsWithAlarms(env)).length > 0)
    return problem({
      kind: 'conflict',
      detail:
        'The clock can be set on a system without customers only. Use advance, or start on an empty WAYMARK_STATE.',
    });
  await moveClock(env, at - Date.now());
  return json({ now: new Date(now()).toISOString(), timersFired: 0 });
}

async function advanceClock(env: LocalEnv, catalog: Catalog, text: string): Promise<Response> {
  const ms = durationMs(text);
  if (ms === null || ms > LIMITS.delayMsMax)
    return problem({
      kind: 'invalid',
      errors: [
        {
          pointer: '/advance',
          detail: 'must be an ISO 8601 duration of fixed length, at most ten years, such as P3D or PT2H',
        },
      ],
    });
  await updateIndex(env);
  if (await tellAnnouncements(env, catalog)) await updateIndex(env);
  const target = now() + ms;
  const timersFired = await fireDue(env, catalog, target);
  const asleep = await objectsWithAlarms(env, Date.now() + ms);
  await moveClock(env, target - Date.now());
  await mapBounded(asleep, AT_ONCE, (object) => objectOf(env, object).wake());
  return json({ now: new Date(now()).toISOString(), timersFired });
}

/** Kept before it is shown: after a crash the clock must not stand earlier than somebody saw it. */
async function moveClock(env: LocalEnv, offsetMs: number): Promise<void> {
  const kept = await env.HOST.fetch('http://host/clock', { method: 'PUT', body: String(offsetMs) });
  if (!kept.ok) throw new Error('the clock cannot be kept');
  shiftClock(offsetMs);
}

/** An object as its files name it. */
interface Named {
  readonly kind: 'Customer' | 'Totals';
  readonly id: string;
}

/** Objects with an alarm; only those whose alarm is set for that instant of the platform's clock or earlier, if one is given. */
async function objectsWithAlarms(env: LocalEnv, until?: number): Promise<Named[]> {
  const response = await env.HOST.fetch(`http://host/alarms${until === undefined ? '' : `?until=${until}`}`);
  return response.json<Named[]>();
}

async function updateIndex(env: LocalEnv): Promise<void> {
  const customers = (await objectsWithAlarms(env)).filter(({ kind }) => kind === 'Customer');
  const pending = await mapBounded(customers, AT_ONCE, ({ id }) =>
    env.CUSTOMER.get(env.CUSTOMER.idFromString(id)).pendingProjection(),
  );
  await fold(env, pending);
}

/** What the queue would do within the time that passes; doing it too changes nothing. @returns whether there was any */
async function tellAnnouncements(env: Env, { version }: Catalog): Promise<boolean> {
  const words: Announcing[] = (await announcementsUnderWay(env.DB)).map((row) => ({ announce: { ...row, version } }));
  const any = words.length > 0;
  const held = {
    DB: env.DB,
    CUSTOMER: env.CUSTOMER,
    PROJECTIONS: { send: async (word: Announcing) => words.push(word) },
  };
  for (let word = words.shift(); word; word = words.shift()) await announce(word, held, now());
  return any;
}

const objectOf = ({ CUSTOMER, TOTALS }: Env, { kind, id }: Named): { wake(): Promise<void> } =>
  kind === 'Totals' ? TOTALS.get(TOTALS.idFromString(id)) : CUSTOMER.get(CUSTOMER.idFromString(id));

async function fold(env: Env, pending: readonly (Projection | null)[]): Promise<void> {
  const projections = pending.filter((projection) => projection !== null);
  await foldProjections(env.DB, projections, linkSecretIn(env));
  await learnFrom(env.DB, projections, now());
  await confirmProjections(env.CUSTOMER, projections);
}

/** Fires everything due up to `until`, the customers with the earliest timers first. */
async function fireDue(env: Env, catalog: Catalog, until: number): Promise<number> {
  let timersFired = 0;
  for (;;) {
    const { results } = await env.DB.prepare(
      'SELECT id FROM customers WHERE next_due_at <= ? AND gone = 0 ORDER BY next_due_at LIMIT ?',
    )
      .bind(until, PAGE)
      .all<{ id: string }>();
    if (results.length === 0) return timersFired;
    const replies = await mapBounded(results, AT_ONCE, ({ id }) =>
      env.CUSTOMER.getByName(id).fireDue(catalog.version, until),
    );
    const done = replies.filter((reply) => reply.kind === 'done');
    for (const reply of done) timersFired += reply.timersFired;
    await fold(
      env,
      done.map((reply) => reply.projection),
    );
    if (done.length < replies.length) throw new Error('a customer could not be reached');
  }
}
