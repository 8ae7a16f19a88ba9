// Click-through links and the cacheable decision, over HTTP.

import { beforeAll, expect, test } from 'vitest';
import { openClick, sealClick } from '../../workers/customer/links.ts';
import { expectProblem, fresh, type Problem, useServer } from './server.ts';

const server = useServer();
const place = fresh('links');
const LEADS_TO = 'https://shop.example/offer?x=1&y=ü';

beforeAll(async () => {
  const offer = { placements: [place], stages: [], benefit: { kind: 'gift' } };
  const documents = [
    {
      id: `${place}-led`,
      priority: 2,
      caps: [{ event: 'click', most: 1 }],
      locales: { en: { title: 'A', url: LEADS_TO } },
    },
    { id: `${place}-still`, priority: 1, locales: { en: { title: 'B', url: 'javascript:alert(1)' } } },
  ];
  for (const document of documents)
    await server.admin('PUT', `/admin/offers/${document.id}`, { ...offer, ...document });
});

interface Shown {
  readonly id: string;
  readonly decisionId: string;
  readonly clickUrl?: string;
}

async function shownTo(anonymousId: string): Promise<Shown | undefined> {
  const response = await fetch(`${server.address()}/v1/decide`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('wk_local:')}` },
    body: JSON.stringify({ anonymousId, placements: [place] }),
  });
  const { decisions }: { decisions: Record<string, Shown[]> } = JSON.parse(await response.text());
  return decisions[place]?.[0];
}

const follow = (url: string, options: RequestInit = {}): Promise<Response> =>
  fetch(url, { redirect: 'manual', ...options });

test('a link leads where the item does, and its click counts once a minute, not for who looks ahead', async () => {
  const anonymousId = fresh('visitor');
  const shown = await shownTo(anonymousId);
  expect(shown?.id).toBe(`${place}-led`);
  const link = shown?.clickUrl ?? '';
  expect(link.startsWith(`${server.address()}/r/`)).toBe(true);
  expect(Buffer.from(link.split('/r/1')[1] ?? '', 'base64url').toString('latin1')).not.toContain(anonymousId);
  const ahead = [
    await follow(link, { method: 'HEAD' }),
    await follow(link, { headers: { 'sec-purpose': 'prefetch' } }),
    await follow(link, { headers: { 'user-agent': 'SomeBot/1.0' } }),
  ];
  expect(ahead.map((response) => [response.status, response.headers.get('location')])).toEqual(
    Array(3).fill([302, new URL(LEADS_TO).href]),
  );
  const id = `a:${anonymousId}`;
  expect((await server.describe(id)).events).toBe(0);
  for (let times = 0; times < 3; times++) expect((await follow(link)).status).toBe(302);
  const { events } = await server.describe(id);
  // A minute may turn in between.
  expect(events).toBeGreaterThanOrEqual(1);
  expect(events).toBeLessThanOrEqual(2);
  const { entries } = (
    await server.admin<{ entries: object[] }>('GET', `/admin/customers/${encodeURIComponent(id)}/timeline`)
  ).body;
  expect(entries).toContainEqual(
    expect.objectContaining({
      event: 'Offer Clicked',
      properties: { offer_id: `${place}-led`, decision_id: shown?.decisionId, placement: place, url: LEADS_TO },
    }),
  );
  // The click reached the cap; what leads to no page of the web has no link.
  expect(await shownTo(anonymousId)).toMatchObject({ id: `${place}-still` });
  expect((await shownTo(anonymousId))?.clickUrl).toBeUndefined();
});

test('a link that was bent, cut short or made elsewhere leads nowhere', async () => {
  const link = (await shownTo(fresh('visitor')))?.clickUrl ?? '';
  const click = {
    customerId: 'u:1',
    decisionId: 'd',
    kind: 'offer',
    id: 'o',
    placement: 'p',
    url: 'https://evil.example',
    madeAt: 0,
  } as const;
  const bent = `${link.slice(0, -3)}${link.endsWith('AAA') ? 'BBB' : 'AAA'}`;
  for (const url of [
    bent,
    link.slice(0, -8),
    `${server.address()}/r/1`,
    `${server.address()}/r/${sealClick('other', click)}`,
  ]) {
    const response = await follow(url);
    const text = await response.text();
    expectProblem({ status: response.status, headers: response.headers, text, body: JSON.parse(text) as Problem }, 404);
  }
  expect(openClick('other', sealClick('other', click))).toEqual(click);
});

test('the decision for nobody is one answer for all, with an ETag, and says what it does not take', async () => {
  const ask = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${server.address()}/v1/decide?writeKey=wk_local&${query}`, { headers });
  const first = await ask(`placements=${place}&locale=en`);
  expect([first.status, first.headers.get('cache-control'), first.headers.get('set-cookie')]).toEqual([
    ...[200, 'public, max-age=60, stale-while-revalidate=600', null],
  ]);
  const body: { decisions: Record<string, Shown[]> } = JSON.parse(await first.text());
  expect(body.decisions[place]).toMatchObject([{ id: `${place}-led`, fields: { url: LEADS_TO } }]);
  const etag = first.headers.get('etag') ?? '';
  const again = await ask(`placements=${place}&locale=en`, { 'if-none-match': `W/"x", ${etag}` });
  expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
  expect((await ask(`placements=${place}&locale=en`, { 'if-none-match': '"x"' })).status).toBe(200);
  const faults = ['placements=', `placements=${place}&userId=anna`, `placements=${place}&country=austria`, ''];
  expect(await Promise.all(faults.map(async (query) => (await ask(query)).status))).toEqual([400, 400, 400, 400]);
  expect((await fetch(`${server.address()}/v1/decide?placements=${place}`)).status).toBe(401);
});
