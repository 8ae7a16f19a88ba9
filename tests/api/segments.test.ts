// Segments over HTTP: written, joined by what customers do, counted, estimated before they are saved, told to who was there
// before, and what is refused.

import { expect, test } from 'vitest';
import { type Decided, expectProblem, fresh, type Problem, track, useServer } from './server.ts';

const server = useServer();

interface Summary {
  readonly id: string;
  readonly version: number;
  readonly customers: number;
}
interface List {
  readonly segments: readonly Summary[];
  readonly audiences: readonly { readonly id: string; readonly customers: number }[];
  readonly telling: { readonly customers: number; readonly asked: number; readonly doneAt: string | null } | null;
}
interface Page {
  readonly customers: readonly { readonly id: string; readonly since: string }[];
  readonly next: string | null;
}
interface Estimated {
  readonly customers: number;
  readonly sampled: number;
  readonly matched: number;
  readonly share: number;
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly estimate: number;
  readonly exact: boolean;
}

const written = (id: string, condition: string) =>
  server.admin<Problem>('PUT', `/admin/segments/${id}`, { if: condition });
const listed = async (): Promise<List> => (await server.admin<List>('GET', '/admin/segments')).body;
const buy = (userId: string, event: string, times: number) =>
  server.ingest(Array.from({ length: times }, () => track({ userId }, event, { order_id: fresh('o'), total: 50 })));

test('SG2 SG10 customers join by what they do; they are counted, listed page by page, and shown what is meant for them', async () => {
  const [segment, event, place] = [fresh('seg'), fresh('Event'), fresh('place')];
  expect((await written(segment, `count('${event}') >= 2`)).status).toBe(200);
  await server.admin('PUT', `/admin/content/${place}`, {
    ...{ kind: 'banner', placements: [place], stages: [], audience: `'${segment}' in segments` },
    locales: { en: { title: 'For you' } },
  });
  const people = Array.from({ length: 5 }, () => fresh('member'));
  for (const [index, userId] of people.entries()) await buy(userId, event, index === 0 ? 1 : 2);
  await server.advance('PT1S');
  const { segments } = await listed();
  expect(segments.find(({ id }) => id === segment)).toMatchObject({ version: 1, customers: 4 });
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/admin/segments/${segment}/customers?limit=3&cursor=${encodeURIComponent(cursor)}`;
    const page: Page = (await server.admin<Page>('GET', path)).body;
    seen.push(...page.customers.map(({ id }) => id));
    cursor = page.next;
  }
  expect(seen).toEqual(
    people
      .slice(1)
      .map((userId) => `u:${userId}`)
      .sort(),
  );
  const described = await server.describe(`u:${people[1]}`);
  expect(Object.keys(described.segments)).toContain(segment);
  const shownTo = async (userId: string) =>
    (await server.admin<Decided>('POST', '/v1/decide', { userId, placements: [place] })).body.decisions[place];
  expect(await shownTo(people[1] ?? '')).toMatchObject([{ fields: { title: 'For you' } }]);
  expect(await shownTo(people[0] ?? '')).toEqual([]);
});

test('SG8 SG12 a segment published later is joined from what was there before; taken out, it is left', async () => {
  const [segment, event] = [fresh('seg'), fresh('Event')];
  const userId = fresh('idle');
  await buy(userId, event, 1);
  await server.advance('PT1S');
  await written(segment, `count('${event}') == 1`);
  // Whoever comes first settles it: word by the queue, or the customer's own next event.
  await buy(userId, fresh('Other'), 1);
  expect(Object.keys((await server.describe(`u:${userId}`)).segments)).toContain(segment);
  const { telling } = await listed();
  expect(telling?.customers).toBeGreaterThan(0);
  expect((await server.admin<Summary>('GET', `/admin/segments/${segment}`)).body).toMatchObject({
    id: segment,
    version: 1,
  });
  await server.admin('DELETE', `/admin/segments/${segment}`);
  await buy(userId, fresh('Other'), 1);
  expect(Object.keys((await server.describe(`u:${userId}`)).segments)).not.toContain(segment);
  expectProblem(await server.admin<Problem>('GET', `/admin/segments/${segment}`), 404);
});

test('SG7 SG10 an audience a server adds to is counted beside the segments', async () => {
  const [audience, userId] = [fresh('list'), fresh('guest')];
  const events = [track({ userId }, 'Audience Joined', { audience })];
  expect((await server.admin('POST', '/v1/events', { events })).status).toBe(200);
  await server.advance('PT1S');
  expect((await listed()).audiences).toContainEqual({ id: audience, customers: 1 });
  const { body } = await server.admin<Page>('GET', `/admin/segments/${audience}/customers`);
  expect(body.customers.map(({ id }) => id)).toEqual([`u:${userId}`]);
});

test('SG11 an estimate is exact where few are there, else a share with its interval', async () => {
  const event = fresh('Event');
  const people = Array.from({ length: 60 }, () => fresh('sampled'));
  for (const [index, userId] of people.entries()) if (index % 3 === 0) await buy(userId, event, 1);
  await server.advance('PT1S');
  const ask = async (sample: number): Promise<Estimated> =>
    (await server.admin<Estimated>('POST', '/admin/segments/estimate', { if: `count('${event}') == 1`, sample })).body;
  const all = await ask(1_000);
  expect(all).toMatchObject({ matched: 20, estimate: 20, exact: true, interval: null });
  expect(all.sampled).toBe(all.customers);
  const some = await ask(10);
  expect(some).toMatchObject({ customers: all.customers, sampled: 10, exact: false });
  expect(some.interval?.low).toBeLessThanOrEqual(some.share);
  expect(some.interval?.high).toBeGreaterThanOrEqual(some.share);
});

test('SG1 what is no condition of a segment is refused with its place, by writing and by estimating', async () => {
  const refused = expectProblem(
    await server.admin<Problem>('POST', '/admin/segments/estimate', { if: 'event.properties.total > 1' }),
    422,
  );
  expect(refused.findings).toMatchObject([{ code: 'segment-condition', pointer: '/if' }]);
  expectProblem(await written(fresh('seg'), "daysSince('Order Completed') + 1.0 > 2.0"), 422);
  expectProblem(await server.admin<Problem>('POST', '/admin/segments/estimate', { if: 'true', sample: 0 }), 400);
  expectProblem(await server.admin<Problem>('GET', '/admin/segments/nobody-has-this/customers'), 404);
});

interface Announced {
  readonly id: string;
  readonly customers: number;
  readonly asked: number;
  readonly doneAt: string | null;
}

test('SG13 SG14 an event is told to everybody in a segment once, whoever asks again; and what may not be told is refused', async () => {
  const [segment, event, id] = [fresh('seg'), fresh('Event'), fresh('sale')];
  expect((await written(segment, `count('${event}') >= 1`)).status).toBe(200);
  const [member, other] = [fresh('member'), fresh('other')];
  await buy(member, event, 1);
  await buy(other, fresh('Event'), 1);
  await server.advance('PT1S');
  const path = `/admin/segments/${segment}/events`;
  const ask = (more: object = {}) =>
    server.admin<Problem & Announced>('POST', path, {
      ...{ id, event: 'Coupon Applied', properties: { coupon_name: 'SUMMER' } },
      ...more,
    });
  for (let times = 0; times < 2; times++) {
    const answer = await ask();
    expect([answer.status, answer.body.customers]).toEqual([202, 1]);
    await server.advance('PT1S');
  }
  const applied = async (userId: string) =>
    (await server.timeline(`u:${userId}`)).filter(({ event }) => event === 'Coupon Applied');
  expect(await applied(member)).toMatchObject([{ properties: { coupon_name: 'SUMMER' } }]);
  expect(await applied(other)).toEqual([]);
  const { body } = await server.admin<{ announcements: readonly Announced[] }>('GET', path);
  expect(body.announcements).toMatchObject([{ id, customers: 1, asked: 1, doneAt: expect.any(String) }]);

  expectProblem(await ask({ properties: { coupon_name: 'WINTER' } }), 422);
  const unknown = expectProblem(await ask({ id: fresh('sale'), event: 'Coupon Aplied' }), 422);
  expect(unknown.detail).toContain('Did you mean Coupon Applied?');
  expectProblem(await ask({ id: fresh('sale'), event: 'Audience Joined' }), 422);
  expect(expectProblem(await ask({ id: 'no spaces' }), 400).errors).toMatchObject([{ pointer: '/id' }]);
  const nobody = await server.admin<Problem>('POST', `/admin/segments/${fresh('nobody')}/events`, {
    id,
    event: 'page',
  });
  expectProblem(nobody, 404);
});
