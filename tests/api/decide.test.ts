// Decisions over HTTP: slots, caps with their events, explanations for servers alone, and the preview of designers.

import { expect, test } from 'vitest';
import { expectProblem, fresh, message, type Problem, track, useServer } from './server.ts';

const server = useServer();

interface Loss {
  readonly id: string;
  readonly reason: string;
  readonly evidence: object;
}
interface Decided {
  readonly decisions: Record<string, { id: string; decisionId: string }[]>;
  readonly explained?: Record<string, Loss[]>;
}

/** Three offers for a placement of their own, the best capped at one click. */
async function published(): Promise<{ place: string; ids: string[] }> {
  const place = fresh('place');
  const ids = ['capped', 'picky', 'plain'].map((name) => `${place}-${name}`);
  const [capped = '', picky = '', plain = ''] = ids;
  const offer = { placements: [place], stages: [], benefit: { kind: 'gift' }, locales: { en: { title: 'T' } } };
  for (const document of [
    { id: capped, priority: 3, caps: [{ event: 'click', most: 1 }] },
    { id: picky, priority: 2, eligibility: "traits.kind == 'business'" },
    { id: plain, priority: 1 },
  ])
    expect((await server.admin('PUT', `/admin/offers/${document.id}`, { ...offer, ...document })).status).toBe(200);
  return { place, ids };
}

const ask = async (key: string, body: object): Promise<Response> =>
  fetch(`${server.address()}/v1/decide`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${key}:`)}` },
    body: JSON.stringify(body),
  });

test('a click that names its decision counts against the cap', async () => {
  const { place, ids } = await published();
  const anonymousId = fresh('visitor');
  const decide = async (): Promise<{ id: string; decisionId: string } | undefined> => {
    const answer: Decided = JSON.parse(await (await ask('wk_local', { anonymousId, placements: [place] })).text());
    return answer.decisions[place]?.[0];
  };
  const first = await decide();
  expect([first?.id, (await decide())?.id]).toEqual([ids[0], ids[0]]);
  await server.ingest([track({ anonymousId }, 'Offer Clicked', { decision_id: first?.decisionId ?? '' })]);
  expect((await decide())?.id).toBe(ids[2]);
});

test('a server is told why each candidate is not shown, and by what it was seen; a public key hears the reason', async () => {
  const { place, ids } = await published();
  const body = { anonymousId: fresh('visitor'), placements: [place], explain: true };
  const answer: Decided = JSON.parse(await (await ask('sk_local', body)).text());
  expect(answer.decisions[place]?.map(({ id }) => id)).toEqual([ids[0]]);
  expect(answer.explained?.[place]).toMatchObject([
    { id: ids[1], reason: 'eligibility', evidence: { condition: "traits.kind == 'business'" } },
    { id: ids[2], reason: 'outranked', evidence: { by: [ids[0]] } },
  ]);
  const heard: Decided = JSON.parse(await (await ask('wk_local', body)).text());
  expect(heard.explained?.[place]?.map(({ reason, evidence }) => [reason, evidence])).toEqual([
    ['eligibility', {}],
    ['outranked', {}],
  ]);
});

test('the preview decides for who is made up, at any time, and keeps nothing', async () => {
  const { place, ids } = await published();
  const late = `${place}-late`;
  const offer = {
    placements: [place],
    stages: ['lifecycle.usage'],
    benefit: { kind: 'gift' },
    locales: { en: { title: 'T' } },
  };
  const valid = { from: '2031-01-01T00:00:00Z' };
  await server.admin('PUT', `/admin/offers/${late}`, { ...offer, id: late, priority: 9, valid });
  const preview = async (more: object): Promise<Decided> =>
    (await server.admin<Decided>('POST', '/admin/decide/preview', { placements: [place], ...more })).body;
  const business = { customer: { traits: { kind: 'business' }, stages: { lifecycle: 'usage' } } };
  expect((await preview(business)).explained?.[place]).toMatchObject([
    { id: late, reason: 'validity', evidence: { from: '2031-01-01T00:00:00.000Z' } },
    { id: ids[1], reason: 'outranked' },
    { id: ids[2], reason: 'outranked' },
  ]);
  expect((await preview({ ...business, at: '2031-06-01T00:00:00Z' })).decisions[place]?.[0]?.id).toBe(late);
  const visitor = await preview({ at: '2031-06-01T00:00:00Z' });
  expect(visitor.explained?.[place]?.find(({ id }) => id === late)).toMatchObject({ reason: 'stage' });
  const wrong = await server.admin<Problem>('POST', '/admin/decide/preview', { placements: [], at: 'soon' });
  expect(expectProblem(wrong, 400).errors?.map(({ pointer }) => pointer)).toEqual(['/placements', '/at']);
});

test('a decision is explained as it would have been at an earlier moment, by the record and the catalog of then', async () => {
  const { place, ids } = await published();
  const [capped = '', picky = '', plain = ''] = ids;
  const userId = fresh('remembered');
  const decide = async (): Promise<{ id: string; decisionId: string } | undefined> => {
    const answer: Decided = JSON.parse(await (await ask('wk_local', { userId, placements: [place] })).text());
    return answer.decisions[place]?.[0];
  };
  await server.ingest([message({ userId }, 'identify', { traits: { kind: 'private' } })]);
  const first = await decide();
  await server.ingest([track({ userId }, 'Offer Clicked', { decision_id: first?.decisionId ?? '' })]);
  expect((await decide())?.id).toBe(plain);
  const before = new Date(await server.now()).toISOString();

  // Afterwards the customer becomes a business, another offer is published, and what was capped is let go.
  await server.advance('PT1M');
  await server.ingest([message({ userId }, 'identify', { traits: { kind: 'business' } })]);
  const offer = { placements: [place], stages: [], benefit: { kind: 'gift' }, locales: { en: { title: 'T' } } };
  await server.admin('PUT', `/admin/offers/${place}-new`, { ...offer, priority: 9 });
  await server.admin('PUT', `/admin/offers/${capped}`, { ...offer, priority: 3 });
  expect((await decide())?.id).toBe(`${place}-new`);

  interface Then extends Decided {
    readonly customer: { readonly id: string; readonly catalogVersion: number };
  }
  const at = async (when?: string): Promise<Then> => {
    const body = { placements: [place], customerId: `u:${userId}`, ...(when === undefined ? {} : { at: when }) };
    const answer = await server.admin<Then>('POST', '/admin/decide/preview', body);
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  const then = await at(before);
  expect(then.decisions[place]?.map(({ id }) => id)).toEqual([plain]);
  expect(then.explained?.[place]).toMatchObject([
    { id: capped, reason: 'cap', evidence: { cap: 0, counted: 1 } },
    { id: picky, reason: 'eligibility' },
  ]);
  const today = await at();
  expect(today.decisions[place]?.map(({ id }) => id)).toEqual([`${place}-new`]);
  expect(today.explained?.[place]?.map(({ id, reason }) => [id, reason])).toEqual([
    [capped, 'outranked'],
    [picky, 'outranked'],
    [plain, 'outranked'],
  ]);
  expect(today.customer.catalogVersion).toBeGreaterThan(then.customer.catalogVersion);

  const refused = (more: object) =>
    server.admin<Problem>('POST', '/admin/decide/preview', { placements: [place], ...more });
  expectProblem(await refused({ customerId: `u:${fresh('nobody')}` }), 404);
  expectProblem(await refused({ customerId: `u:${userId}`, at: '2001-01-01T00:00:00Z' }), 404);
  expectProblem(await refused({ customerId: `u:${userId}`, at: '2131-01-01T00:00:00Z' }), 400);
  expectProblem(await refused({ customerId: `u:${userId}`, customer: {} }), 400);
});

test('every version of a document can be read as it was published', async () => {
  const id = fresh('versioned');
  const offer = { placements: ['x'], stages: [], benefit: { kind: 'gift' } };
  for (const title of ['One', 'Two'])
    await server.admin('PUT', `/admin/offers/${id}`, { ...offer, locales: { en: { title } } });
  const { body } = await server.admin<{ versions: { version: number; current: boolean }[] }>(
    'GET',
    `/admin/offers/${id}/versions`,
  );
  expect(body.versions).toMatchObject([
    { version: 1, current: false },
    { version: 2, current: true },
  ]);
  const one = await server.admin('GET', `/admin/offers/${id}/versions/1`);
  expect(one.body).toMatchObject({ id, version: 1, locales: { en: { title: 'One' } } });
  expectProblem(await server.admin<Problem>('GET', `/admin/offers/${id}/versions/3`), 404);
  expectProblem(await server.admin<Problem>('GET', `/admin/content/${id}/versions`), 404);
});
