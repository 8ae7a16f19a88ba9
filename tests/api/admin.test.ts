// What designers and operators do: the catalog they write is what the next page shows, what they look at is exact.

import { expect, test } from 'vitest';
import type { ShownPressure } from '../../workers/customer/messages.ts';
import {
  type Decided,
  expectProblem,
  fresh,
  message,
  type Problem,
  type TimelinePage,
  track,
  useServer,
  type Who,
} from './server.ts';

const server = useServer();

const content = (id: string, placement: string, more: object = {}) => ({
  id,
  kind: 'article',
  placements: [placement],
  stages: [],
  priority: 10,
  locales: { en: { title: `title of ${id}` } },
  ...more,
});

const put = (document: { id: string }, path = 'content') =>
  server.admin<{ id: string; version: number }>('PUT', `/admin/${path}/${document.id}`, document);

const catalogVersion = async (): Promise<number> =>
  Number((await server.admin('GET', '/admin/content')).headers.get('waymark-catalog'));

const shown = async (placement: string, who: Who = { anonymousId: fresh('looker') }, locale?: string) =>
  (await server.decide(who, [placement], locale)).decisions[placement]?.[0];

test('content that is written shows in the next request, changed content changes, deleted content is gone', async () => {
  const [id, place] = [fresh('doc'), fresh('place')];
  expect(await shown(place)).toBeUndefined();
  const before = await catalogVersion();
  const written = await put(content(id, place));
  expect([written.status, written.body]).toEqual([200, { id, version: 1 }]);
  expect(Number(written.headers.get('waymark-catalog'))).toBe(before + 1);
  expect(await shown(place)).toMatchObject({ kind: 'content', id, version: 1, fields: { title: `title of ${id}` } });

  const changed = await put(content(id, place, { locales: { en: { title: 'new' } } }));
  expect(changed.body.version).toBe(2);
  expect(await shown(place)).toMatchObject({ version: 2, fields: { title: 'new' } });
  const { body } = await server.admin<{ version: number }>('GET', `/admin/content/${id}`);
  expect(body).toEqual({ ...content(id, place, { locales: { en: { title: 'new' } } }), version: 2 });
  expect((await put({ id, ...body })).body.version).toBe(2);
  expect(await catalogVersion()).toBe(before + 2);

  const listed = await server.admin<{ content: { id: string }[] }>('GET', '/admin/content');
  expect(listed.body.content.map((document) => document.id)).toContain(id);
  expect((await server.admin('DELETE', `/admin/content/${id}`)).status).toBe(200);
  expect(await shown(place)).toBeUndefined();
  expectProblem(await server.admin('GET', `/admin/content/${id}`), 404);
  expectProblem(await server.admin('DELETE', `/admin/content/${id}`), 404);
  expect((await put(content(id, place))).body.version).toBe(3);
  expect(await shown(place)).toMatchObject({ version: 3 });
});

test('an offer stands beside content, and its eligibility holds', async () => {
  const place = fresh('place');
  const offer = {
    id: fresh('offer'),
    placements: [place],
    stages: ['lifecycle.purchase'],
    priority: 50,
    eligibility: "count('Order Completed') >= 2",
    benefit: { kind: 'percent', value: 10 },
    locales: { en: { title: 'ten percent' } },
  };
  expect((await put(offer, 'offers')).status).toBe(200);
  await put(content(fresh('doc'), place));
  const who = { userId: fresh('buyer') };
  await server.ingest([track(who, 'Order Completed')]);
  expect((await server.decide(who, [place])).decisions[place]?.[0]?.kind).toBe('content');
  await server.ingest([track(who, 'Order Completed')]);
  expect((await server.decide(who, [place])).decisions[place]?.[0]).toMatchObject({ kind: 'offer', id: offer.id });
  const { body } = await server.admin<{ offers: { id: string; benefit: object }[] }>('GET', '/admin/offers');
  expect(body.offers.find(({ id }) => id === offer.id)?.benefit).toEqual(offer.benefit);
});

test('the highest priority wins, then the id; audience, stage and validity must hold', async () => {
  const place = fresh('place');
  const now = await server.now();
  const iso = (ms: number) => new Date(ms).toISOString();
  const [low, high, audience, staged, soon, past] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => fresh(name));
  await put(content(low ?? '', place, { priority: 1 }));
  await put(content(high ?? '', place, { priority: 2 }));
  await put(content(`${high}.twin`, place, { priority: 2 }));
  await put(content(audience ?? '', place, { priority: 9, audience: "traits.kind == 'business'" }));
  await put(content(staged ?? '', place, { priority: 8, stages: ['lifecycle.decision', 'lifecycle.usage'] }));
  await put(
    content(soon ?? '', place, { priority: 7, valid: { from: iso(now + 3_600_000), until: iso(now + 7_200_000) } }),
  );
  await put(content(past ?? '', place, { priority: 7, valid: { until: iso(now - 1) } }));
  const who = { userId: fresh('chooser') };
  const seen = async () => (await server.decide(who, [place])).decisions[place]?.[0]?.id;
  expect(await seen()).toBe(high);
  await server.ingest([track(who, 'Product Added')]);
  expect(await seen()).toBe(staged);
  await server.ingest([message(who, 'identify', { traits: { kind: 'business' } })]);
  expect(await seen()).toBe(audience);
  await server.ingest([message(who, 'identify', { traits: { kind: 'private' } }), track(who, 'Order Completed')]);
  expect(await seen()).toBe(high);
  await server.advance('PT1H');
  expect(await seen()).toBe(soon);
  await server.advance('PT1H');
  expect(await seen()).toBe(high);
});

test('a language falls back from the region to the language, to the customer’s own, to the default, to what there is', async () => {
  const place = fresh('place');
  await put(content(fresh('doc'), place, { locales: { de: { t: 'de' }, en: { t: 'en' }, 'pt-BR': { t: 'pt-BR' } } }));
  const who = { userId: fresh('speaker') };
  const said = async (locale?: string) => (await shown(place, who, locale))?.fields.t;
  expect(await said('de')).toBe('de');
  expect(await said('de-AT')).toBe('de');
  expect(await said('DE_at')).toBe('de');
  expect(await said('pt-BR')).toBe('pt-BR');
  expect(await said('fr')).toBe('en');
  expect(await said()).toBe('en');
  await server.ingest([message(who, 'identify', { traits: { locale: 'de-CH' } })]);
  expect(await said()).toBe('de');
  expect(await said('en')).toBe('en');
  const single = fresh('place');
  await put(content(fresh('doc'), single, { locales: { fr: { t: 'fr' } } }));
  expect((await shown(single, who, 'de'))?.fields.t).toBe('fr');
});

test('templates see the customer, escape what they show, and one that costs too much leaves the place to the next', async () => {
  const place = fresh('place');
  const template = {
    title: 'Hello {{ traits.firstName | default: "you" }}, {{ stages.lifecycle }}, {{ context.shop }}',
  };
  await put(content(fresh('doc'), place, { locales: { en: template } }));
  const who = { userId: fresh('reader') };
  await server.ingest([track(who, 'Product Added'), message(who, 'identify', { traits: { firstName: '<b>Eve</b>' } })]);
  const { body } = await server.site<Decided>('/v1/decide', { ...who, placements: [place], context: { shop: 'Graz' } });
  expect(body.decisions[place]?.[0]?.fields.title).toBe('Hello &lt;b&gt;Eve&lt;/b&gt;, decision, Graz');
  await put(
    content(fresh('doc'), place, {
      priority: 90,
      locales: { en: { title: '{% for i in (1..99999999) %}x{% endfor %}' } },
    }),
  );
  expect((await server.decide(who, [place])).decisions[place]?.[0]?.fields.title).toContain('Hello');
});

test('a fragment is rendered as it is published now, is refused where its readers break, and stays while it is rendered', async () => {
  const place = fresh('place');
  const id = fresh('fragment');
  const doc = fresh('doc');
  const text = (en: string) => ({ locales: { en: { text: en } } });
  const fields = async () => (await shown(place))?.fields;
  const refused = async (method: string, path: string, body?: object) =>
    expectProblem(await server.admin<Problem>(method, path, body), 422).findings;
  const draft = content(doc, place, { locales: { en: { title: `{% render "${id}", of: "you" %}` } } });
  expect(await refused('PUT', `/admin/content/${doc}`, draft)).toMatchObject([
    { code: 'unknown-fragment', pointer: '/locales/en/title', document: `content/${doc}` },
  ]);
  expect((await server.admin('PUT', `/admin/fragments/${id}`, text('For {{ of }}'))).status).toBe(200);
  await put(draft);
  expect(await fields()).toEqual({ title: 'For you' });
  expect((await server.admin('PUT', `/admin/fragments/${id}`, text('To {{ of }}'))).status).toBe(200);
  expect(await fields()).toEqual({ title: 'To you' });
  expect(await refused('PUT', `/admin/fragments/${id}`, text('{{ traits.fristName }}'))).toMatchObject([
    { code: 'unknown-variable', document: `fragment/${id}` },
  ]);
  expect(await refused('DELETE', `/admin/fragments/${id}`)).toMatchObject([
    { code: 'unknown-fragment', document: `content/${doc}` },
  ]);
  expect(await fields()).toEqual({ title: 'To you' });
});

test('lists are narrowed by placement, stage and kind', async () => {
  const [place, other] = [fresh('place'), fresh('place')];
  const ids = [fresh('a'), fresh('b'), fresh('c')];
  const [a = '', b = '', c = ''] = ids;
  await put(content(a, place, { stages: ['lifecycle.usage'] }));
  await put(content(b, place, { kind: 'guide' }));
  await put(content(c, other));
  const offer = { ...content(fresh('o'), place), kind: 'offer', benefit: { kind: 'gift' } };
  await put(offer, 'offers');
  const found = async (query: string, path = 'content') => {
    const { body } = await server.admin<Record<string, { id: string }[]>>('GET', `/admin/${path}?${query}`);
    return (body[path] ?? []).map(({ id }) => id);
  };
  expect(await found(`placement=${place}`)).toEqual([a, b].sort());
  expect(await found(`placement=${place}&stage=lifecycle.usage`)).toEqual([a, b].sort());
  expect(await found(`placement=${place}&stage=lifecycle.decision`)).toEqual([b]);
  expect(await found(`placement=${place}&kind=guide`)).toEqual([b]);
  expect(await found(`placement=${fresh('nowhere')}`)).toEqual([]);
  expect(await found(`placement=${place}&kind=offer`, 'offers')).toEqual([offer.id]);
});

test('what would stand where at a date, in a stage, in a language', async () => {
  const place = fresh('place');
  const texts = { en: { title: 'Winter' }, de: { title: 'Winter, deutsch' } };
  const winter = { valid: { from: '2027-12-01', until: '2028-01-01' }, priority: 90, locales: texts };
  const [season, usual] = [fresh('season'), fresh('usual')];
  await put(content(season, place, { ...winter, stages: ['lifecycle.usage'] }));
  await put(content(usual, place));
  interface Previewed extends Decided {
    readonly at: string;
    readonly explained: Record<string, { id: string; reason: string }[]>;
  }
  const preview = async (query: string) => {
    const { body } = await server.admin<Previewed>('GET', `/admin/preview?placement=${place}&${query}`);
    return [body.decisions[place]?.[0]?.fields.title, body.explained[place]?.map(({ id, reason }) => [id, reason])];
  };
  const inDecember = 'at=2027-12-24T12:00:00Z';
  expect(await preview(`${inDecember}&stage=lifecycle.usage&locale=de-AT`)).toEqual([
    'Winter, deutsch',
    [[usual, 'outranked']],
  ]);
  expect(await preview(`${inDecember}&stage=lifecycle.decision`)).toEqual([`title of ${usual}`, [[season, 'stage']]]);
  expect(await preview('at=2028-01-01T00:00:00Z&stage=lifecycle.usage')).toEqual([
    `title of ${usual}`,
    [[season, 'validity']],
  ]);
  const { body } = await server.admin<Previewed>('GET', '/admin/preview');
  expect(Object.keys(body.decisions)).toEqual(expect.arrayContaining([place, 'hero']));
  for (const query of ['at=tomorrow', 'stage=lifecycle.nowhere', 'stage=lifecycle'])
    expectProblem(await server.admin<Problem>('GET', `/admin/preview?${query}`), 400);
});

test('a bad journey is refused with code, pointer and remedy; nothing of it is there, and nothing has changed', async () => {
  const before = await server.admin('GET', '/admin/journeys');
  const lifecycle = await server.admin('GET', '/admin/journeys/lifecycle');
  const bad = {
    id: 'bad',
    entry: [{ event: 'page', if: 'count(7)' }],
    initial: 'nowhere',
    stages: {
      first: {
        on: [{ event: 'page', if: 'event.properties.url > 3', to: 'gone' }],
        after: [{ delay: 'P1M', to: 'first' }],
      },
      'second/part': { steps: [{ wait: 'soon' }, { send: 'X', channel: 'pigeon', purpose: 'service' }] },
    },
  };
  const answer = await server.admin<Problem>('POST', '/admin/journeys/publish', { journey: bad });
  const { findings = [] } = expectProblem(answer, 422);
  expect(findings.length).toBeGreaterThan(0);
  for (const finding of findings)
    expect(finding).toMatchObject({
      code: expect.stringMatching(/^[a-z-]+$/),
      pointer: expect.stringMatching(/^(\/.*)?$/),
      message: expect.stringMatching(/\w/),
      remedy: expect.stringMatching(/\w/),
    });
  expectProblem(await server.admin('GET', '/admin/journeys/bad'), 404);
  expectProblem(await server.admin('GET', '/admin/journeys/bad/versions'), 404);
  const changed = JSON.parse(lifecycle.text) as { journey: { stages: { awareness: { on: { to: string }[] } } } };
  const [first] = changed.journey.stages.awareness.on;
  if (first) first.to = 'elsewhere';
  const refused = await server.admin<Problem>('POST', '/admin/journeys/publish', { journey: changed.journey });
  expect(expectProblem(refused, 422).findings).toMatchObject([{ pointer: '/stages/awareness/on/0/to' }]);
  expect((await server.admin('GET', '/admin/journeys/lifecycle')).text).toBe(lifecycle.text);
  const after = await server.admin('GET', '/admin/journeys');
  expect(after.text).toBe(before.text);
  expect(after.headers.get('waymark-catalog')).toBe(before.headers.get('waymark-catalog'));
});

test('of many documents all are written or none', async () => {
  const [good, place] = [fresh('good'), fresh('place')];
  const before = await catalogVersion();
  const answer = await server.admin<Problem>('POST', '/admin/catalog', {
    content: [content(good, place), { ...content(fresh('bad'), place), audience: 'traits.kind ==' }],
  });
  const { findings } = expectProblem(answer, 422);
  expect(findings).toMatchObject([{ document: expect.stringContaining('content/bad'), pointer: '/audience' }]);
  expectProblem(await server.admin('GET', `/admin/content/${good}`), 404);
  expect(await catalogVersion()).toBe(before);
  expect(await shown(place)).toBeUndefined();
});

test('a dry run says what would be and writes nothing', async () => {
  const id = fresh('dry');
  const journey = { id, entry: [{ event: id }], initial: 'one', stages: { one: { final: true } } };
  const before = await catalogVersion();
  const answer = await server.admin('POST', '/admin/journeys/publish', { journey, dryRun: true });
  expect([answer.status, answer.body]).toMatchObject([
    200,
    { id, version: 1, findings: [{ code: 'unknown-event', severity: 'warning', pointer: '/entry/0/event' }] },
  ]);
  expectProblem(await server.admin('GET', `/admin/journeys/${id}`), 404);
  expect(await catalogVersion()).toBe(before);
});

test('what the checker calls an error refuses the publish, a warning stands in its answer', async () => {
  const id = fresh('checked');
  const journey = { id, entry: [{ event: 'page' }], initial: 'one', stages: { one: { final: true } } };
  const round = { ...journey, stages: { one: { steps: [{ goto: 'one' }] } } };
  const refused = await server.admin<Problem>('POST', '/admin/journeys/publish', { journey: round });
  expect(expectProblem(refused, 422).findings).toMatchObject([
    {
      code: 'loop-without-wait',
      severity: 'error',
      pointer: '/stages/one/steps/0',
      remedy: expect.stringMatching(/\.$/),
    },
  ]);
  const stuck = { ...journey, stages: { one: {} } };
  const warned = await server.admin('POST', '/admin/journeys/publish', { journey: stuck });
  expect([warned.status, warned.body]).toMatchObject([
    201,
    { id, version: 1, findings: [{ code: 'dead-end', severity: 'warning', pointer: '/stages/one' }] },
  ]);
});

test('documents at fault are refused in words, with their place', async () => {
  const pointerOf = async (document: object, path = 'content') => {
    const answer = await server.admin<Problem>('PUT', `/admin/${path}/x`, document);
    const { errors = [], findings = [] } = expectProblem(answer, [400, 422]);
    return [...errors, ...findings].map(({ pointer }) => pointer);
  };
  expect(await pointerOf(content('other', 'p'))).toContain('/id');
  expect(await pointerOf(content('x', 'p', { kind: 'poem' }))).toContain('/kind');
  expect(await pointerOf(content('x', 'p', { locales: {} }))).toContain('/locales');
  expect(await pointerOf(content('x', 'p', { locales: { en: { t: '{{ open' } } }))).toContain('/locales/en/t');
  expect(await pointerOf(content('x', 'p', { audience: 'matches(traits.a, "(a+)+$")' }))).toContain('/audience');
  expect(await pointerOf(content('x', 'p', { valid: { from: '2027-01-01', until: '2026-01-01' } }))).toContain(
    '/valid',
  );
  expect(await pointerOf(content('x', 'p', { surprise: 1 }))).toHaveLength(1);
  expect(await pointerOf({ ...content('x', 'p'), kind: 'offer', benefit: { kind: 'moon' } }, 'offers')).toContain(
    '/benefit/kind',
  );
  expectProblem(await server.admin('GET', '/admin/content/x'), 404);
});

test('customers are listed by stage, page after page, each once', async () => {
  const users = Array.from({ length: 7 }, () => ({ userId: fresh('lister') }));
  await server.site('/v1/batch', { batch: users.map((who) => track(who, 'Checkout Started')) });
  await server.ingest([message({ anonymousId: fresh('other') }, 'page')]);
  const { lifecycle } = await server.funnel();
  const ids: string[] = [];
  let pages = 0;
  for (let cursor = ''; ; pages++) {
    const path = `/admin/customers?stage=lifecycle:decision&limit=3${cursor}`;
    const { body } = await server.admin<{ customers: { id: string }[]; next: string | null }>('GET', path);
    expect(body.customers.length).toBeLessThanOrEqual(3);
    ids.push(...body.customers.map(({ id }) => id));
    if (body.next === null) break;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
  expect(pages).toBeGreaterThanOrEqual(2);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(expect.arrayContaining(users.map(({ userId }) => `u:${userId}`)));
  expect(ids.length).toBe(lifecycle?.decision);
  const none = await server.admin('GET', '/admin/customers?stage=lifecycle:nowhere');
  expect(none.body).toEqual({ customers: [], next: null });
});

test('the timeline is read backwards, page after page, while it grows', async () => {
  const who = { userId: fresh('teller') };
  const path = `/admin/customers/${encodeURIComponent(`u:${who.userId}`)}/timeline`;
  await server.ingest(Array.from({ length: 60 }, () => track(who, 'Product List Viewed')));
  const first = (await server.admin<TimelinePage>('GET', path)).body;
  expect(first.entries).toHaveLength(50);
  await server.ingest([track(who, 'Product List Viewed')]);
  const second = (await server.admin<TimelinePage>('GET', `${path}?cursor=${first.next}`)).body;
  expect(second.next).toBeNull();
  const seqs = [...first.entries, ...second.entries].map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, index) => 60 - index));
  expect((await server.admin<TimelinePage>('GET', `${path}?limit=1`)).body.entries[0]?.seq).toBe(61);
});

test('asking about an unknown customer is 404, and asking makes nobody known', async () => {
  for (const id of [`u:${fresh('ghost')}`, `a:${fresh('ghost')}`]) {
    const path = `/admin/customers/${encodeURIComponent(id)}`;
    for (let round = 0; round < 2; round++)
      for (const asked of [path, `${path}/timeline`]) expectProblem(await server.admin('GET', asked), 404);
    const who = id.startsWith('u:') ? { userId: id.slice(2) } : { anonymousId: id.slice(2) };
    expect(await server.decide(who, [])).toMatchObject({ customer: { id, stages: {} }, decisions: {} });
    expectProblem(await server.admin('GET', path), 404);
  }
  await server.advance('PT1S');
  const { body } = await server.admin<{ customers: { id: string }[] }>('GET', '/admin/customers?limit=200');
  expect(body.customers.filter(({ id }) => id.includes('ghost'))).toEqual([]);
});

test('CP15 contact pressure of one customer: the rules of policies.json and how much of them is left', async () => {
  const user = fresh('pressed');
  await server.ingest([message({ userId: user }, 'identify', { traits: { email: 'anna@example.at' } })]);
  const path = `/admin/customers/${encodeURIComponent(`u:${user}`)}/pressure`;
  const { status, body } = await server.admin<ShownPressure>('GET', path);
  expect([status, body]).toMatchObject([200, { zone: 'Europe/Vienna', wish: null, waiting: [] }]);
  expect(body.rules[0]).toMatchObject({ rule: 'advertising-a-week', most: 7, used: 0, room: 7 });
  expectProblem(await server.admin<Problem>('GET', '/admin/customers/u:nobody/pressure'), 404);
  expectProblem(await server.call<Problem>('GET', path), 401);
});

test('the funnel counts each customer where he stands', async () => {
  const before = (await server.funnel()).lifecycle ?? {};
  const who = [{ userId: fresh('f') }, { userId: fresh('f') }, { userId: fresh('f') }] as const;
  await server.ingest([message(who[0], 'page')]);
  await server.ingest([track(who[1], 'Product Added')]);
  await server.ingest([track(who[2], 'Order Completed')]);
  const counted = (await server.funnel()).lifecycle ?? {};
  for (const stage of ['awareness', 'decision', 'purchase']) expect(counted[stage]).toBe((before[stage] ?? 0) + 1);
  await server.advance('P14D');
  const later = (await server.funnel()).lifecycle ?? {};
  expect(later.purchase ?? 0).toBe(0);
  expect(later.usage).toBe((before.usage ?? 0) + (counted.purchase ?? 0));
});
