// The snippet in a real Chromium, on a page of another origin than the system's: what it reports, what it puts into the page,
// and what it leaves alone. What it keeps, and who it is allowed to know: consent.test.ts.

import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Item } from '../../workers/browser/item.ts';
import { markupOf } from '../../workers/render/markup.ts';
import { fresh, useServer } from '../api/server.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';
import { newVisit, openShop, pageWith, type Shop, type Visit } from './shop.ts';

sayIfMissing();
const server = useServer();
const place = fresh('snippet');
const HOSTILE = '<img src=x onerror="window.ran=1">';
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  if (!HAS_BROWSER) return;
  [browser, shop] = await Promise.all([launch(), openShop()]);
  const put = (name: string, fields: object) =>
    server.admin('PUT', `/admin/content/${place}-${name}`, {
      ...{ id: `${place}-${name}`, kind: 'banner', placements: [`${place}-${name}`], stages: [], priority: 1 },
      locales: { en: fields },
    });
  await put('led', { title: 'Saws & more', body: 'For <you>', url: `${shop.origin}/saws`, cta: 'See' });
  await put('still', { title: 'No way out', url: '/inside' });
  await put('hostile', { title: HOSTILE, body: '<b id="bold">bold</b>', url: 'javascript:window.ran=1' });
  await put('other', { headline: 'Of another make' });
  await put('named', { title: 'Hello {{ traits.firstName }}' });
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

const GIVEN = 'data-consent="given"';

/** A page whose placements are those of the documents above. */
async function open(body: string, attributes = GIVEN, context?: BrowserContext): Promise<Visit> {
  const path = `/${fresh('page')}`;
  shop.write(path, pageWith(server.address(), attributes, body));
  const visit = await newVisit(context ?? (await browser.newContext()), shop);
  await visit.page.goto(shop.origin + path);
  return visit;
}

const div = (name: string, inside = 'Fallback', more = ''): string =>
  `<div id="${name}" data-waymark-placement="${place}-${name}" ${more}>${inside}</div>`;

const eventsOf = async (anonymousId: string | undefined) =>
  (await server.timeline(`a:${anonymousId}`)).filter(({ kind }) => kind === 'event');

/** What was told from the second message on: the first is the page view. */
const after = ({ told }: Visit) =>
  told()
    .slice(1)
    .map(({ event, properties }) => ({ event, properties }));

describe.runIf(HAS_BROWSER)('the snippet in a page', () => {
  test('SN6 SN8 SN9 SN11 SN13 a page view and its decision are one call; the item stands there as text and is reported when seen', async () => {
    const { page, told, requests, acknowledged, errors } = await open(
      `${div('led')}<div style="height:5000px"></div>${div('still')}`,
    );
    await page.waitForSelector('#led article');
    expect(await page.innerHTML('#led article')).toMatch(
      /^<h2>Saws &amp; more<\/h2><p>For &lt;you&gt;<\/p><a href="http:\/\/127[^"]+\/r\/[^"]+">See<\/a>$/,
    );
    await acknowledged(2);
    const [view, seen] = told();
    expect(view).toMatchObject({
      type: 'page',
      properties: { title: 'Werkgarten', path: new URL(page.url()).pathname },
    });
    expect(seen).toMatchObject({ event: 'Content Viewed', properties: { content_id: `${place}-led` } });
    expect(requests().map((request) => [request.method(), new URL(request.url()).pathname])).toEqual([
      ['POST', '/v1/events'],
      ['POST', '/v1/events'],
    ]);
    // The other one comes into sight later.
    await page.locator('#still').scrollIntoViewIfNeeded();
    await acknowledged(3);
    expect((await eventsOf(view?.anonymousId)).map(({ event, type }) => event ?? type)).toEqual([
      'page',
      'Content Viewed',
      'Content Viewed',
    ]);
    expect(errors()).toEqual([]);
  });

  test('SN7 a click on or in a marked element reports its event; what is not JSON is said in the console', async () => {
    const visit = await open(`
      <button id="cart" data-waymark-event="Product Added" data-waymark-properties='{"product_id":"saw-1","price":199.9}'>
        <span>Into the <b id="inner">cart</b></span></button>
      <a id="plain" href="#x" data-waymark-event="Catalogue Opened">Catalogue</a>
      <a id="wrong" href="#y" data-waymark-event="Wrong" data-waymark-properties="{price: 1}">Wrong</a>
      <a id="none" href="#z">Nothing</a>`);
    await visit.acknowledged(1);
    for (const id of ['wrong', 'none', 'plain', 'inner']) await visit.page.click(`#${id}`);
    await visit.acknowledged(3);
    expect(after(visit)).toEqual([
      { event: 'Catalogue Opened', properties: {} },
      { event: 'Product Added', properties: { product_id: 'saw-1', price: 199.9 } },
    ]);
    expect(visit.warnings()).toHaveLength(1);
    expect(visit.errors()).toEqual([]);
    expect((await server.describe(`a:${visit.told()[0]?.anonymousId}`)).stages).toMatchObject({
      lifecycle: 'decision',
    });
  });

  test('SN11 a click is counted once: by the link where it counts, by the snippet where it does not', async () => {
    const visit = await open(div('led') + div('still'));
    await visit.acknowledged(3);
    const { page } = visit;
    shop.write('/saws', '<title>Saws</title>');
    await page.evaluate(
      `addEventListener('click', (event) => event.target.pathname === '/inside' && event.preventDefault())`,
    );
    await page.click('#still a');
    await visit.acknowledged(4);
    expect(after(visit).at(-1)).toMatchObject({
      event: 'Content Clicked',
      properties: { content_id: `${place}-still`, placement: `${place}-still` },
    });
    await Promise.all([page.waitForURL(`${shop.origin}/saws`), page.click('#led a')]);
    const clicks = (await eventsOf(visit.told()[0]?.anonymousId)).filter(({ event }) => event === 'Content Clicked');
    expect(clicks.map(({ properties }) => Reflect.get(Object(properties), 'content_id'))).toEqual([
      `${place}-still`,
      `${place}-led`,
    ]);
  });

  test('SN9 fields are text, and an address that is a script is none', async () => {
    const own =
      '<p data-waymark-field="title"></p><p data-waymark-html="body"></p><a data-waymark-href="url" href="/kept"></a>';
    const { page, acknowledged, errors } = await open(
      `${div('hostile', 'Fallback')}<section data-waymark-placement="${place}-hostile" data-waymark-fill>${own}</section>`,
    );
    await acknowledged(1);
    await page.waitForSelector('section #bold');
    expect(await page.textContent('#hostile h2')).toBe(HOSTILE);
    expect(await page.textContent('#hostile p')).toBe('<b id="bold">bold</b>');
    expect(await page.locator('#hostile a, #hostile b, img').count()).toBe(0);
    expect(await page.getAttribute('section a', 'href')).toBe('/kept');
    expect(await page.evaluate('window.ran')).toBeUndefined();
    expect(errors()).toEqual([]);
  });

  test('SN10 the page’s own elements are filled from the fields they name, and keep what is not there', async () => {
    const inside = `<h1 data-waymark-field="title">Old</h1><i data-waymark-field="subtitle">Kept</i>
      <a data-waymark-href="url" href="/old"><span data-waymark-field="cta"></span></a>`;
    const visit = await open(div('led', inside, 'data-waymark-fill'));
    const { page } = visit;
    await visit.acknowledged(2);
    expect(await page.locator('#led h1, #led i, #led span').allTextContents()).toEqual(['Saws & more', 'Kept', 'See']);
    expect(await page.getAttribute('#led a', 'href')).toContain(`${server.address()}/r/`);
    expect(after(visit)).toMatchObject([{ event: 'Content Viewed', properties: { content_id: `${place}-led` } }]);
  });

  test('SN8 the fallback stays without an item, with an item of another make, and when the system is not there', async () => {
    const fallbacks = `${div('nothing')}${div('other')}${div('other', '<p data-waymark-field="title">Own</p>', 'data-waymark-fill')}`;
    const visit = await open(fallbacks);
    await visit.acknowledged(1);
    await visit.page.evaluate('waymark.render(true)');
    expect(await visit.page.locator('div').allTextContents()).toEqual(['Fallback', 'Fallback', 'Own']);

    const away = await newVisit(await browser.newContext(), shop);
    await away.page.route(`${server.address()}/v1/**`, (route) => route.abort());
    await away.page.goto(visit.page.url());
    await away.failed(1);
    expect(await away.page.evaluate(`waymark.decide(['x'])`)).toEqual({ decisions: {}, degraded: true });
    expect(await away.page.locator('div').allTextContents()).toEqual(['Fallback', 'Fallback', 'Own']);
    expect([...visit.errors(), ...away.errors()]).toEqual([]);
  });

  test('SN12 what the server has rendered is not asked for again, and is reported when seen', async () => {
    const shown = JSON.stringify(['offer', 'from-the-server', 'decision-1', 'hero']).replaceAll('"', '&quot;');
    const visit = await open(
      `<div data-waymark-placement="hero"><article data-waymark-shown="${shown}"><a href="/x">Offer</a></article></div>`,
    );
    await visit.acknowledged(2);
    const bodies = visit.requests().map((request) => JSON.parse(request.postData() ?? '{}'));
    expect(bodies.filter(({ decide }) => decide !== undefined)).toEqual([]);
    expect(after(visit)).toEqual([
      {
        event: 'Offer Viewed',
        properties: { offer_id: 'from-the-server', decision_id: 'decision-1', placement: 'hero' },
      },
    ]);
  });

  test('SN1 SN2 calls that came before the script are made in order, and one that cannot be made says so', async () => {
    const visit = await open(
      `<script>
      window.waymark = window.waymark || [];
      waymark.push(['identify', 'early-bird', { firstName: 'Anna' }]);
      waymark.push(['fly', 1]);
      waymark.push(['track', 'Early', { n: 1 }]);
    </script>`,
      `${GIVEN} data-manual`,
    );
    await visit.acknowledged(2);
    expect(visit.told().map(({ type, event, userId }) => [type, event, userId])).toEqual([
      ['identify', undefined, 'early-bird'],
      ['track', 'Early', 'early-bird'],
    ]);
    await visit.page.evaluate(`{
      const round = {}; round.round = round;
      waymark.track('Round', round);
      waymark.track('Large', { text: 'x'.repeat(40000) });
      waymark.push(['track', 'Late']);
    }`);
    await visit.acknowledged(3);
    expect(visit.told().map(({ event }) => event)).toEqual([undefined, 'Early', 'Late']);
    expect(visit.warnings()).toHaveLength(3);
    expect(visit.errors()).toEqual([]);
  });

  test('SN6 a new address by the history is a page view, which fills what the new view brought', async () => {
    const visit = await open(div('led'));
    await visit.acknowledged(2);
    await visit.page.evaluate(`{
      history.pushState(null, '', '/second?x=1');
      document.body.innerHTML = ${JSON.stringify(div('still'))};
    }`);
    await visit.page.waitForSelector('#still article');
    await visit.acknowledged(4);
    await visit.page.goBack();
    await visit.acknowledged(5);
    const views = visit.told().filter(({ type }) => type === 'page');
    expect(views.map(({ properties }) => properties?.['path'])).toEqual([
      expect.stringMatching(/^\/page/),
      '/second',
      expect.stringMatching(/^\/page/),
    ]);
    expect(visit.errors()).toEqual([]);
  });

  test('SN13 who says who they are is decided for under that name, in the order of the calls', async () => {
    const userId = fresh('user');
    const visit = await open('', GIVEN);
    await visit.acknowledged(1);
    const { decisions } = await visit.page.evaluate<{ decisions: Record<string, { fields: object }[]> }>(`{
      waymark.track('Before');
      waymark.identify('${userId}', { firstName: 'Tom & Jerry' }, { token: 'proof' });
      waymark.decide(['${place}-named']);
    }`);
    expect(decisions[`${place}-named`]?.[0]?.fields).toEqual({ title: 'Hello Tom &amp; Jerry' });
    // Two customers, so two calls; then they are one.
    expect(visit.requests().map((request) => JSON.parse(request.postData() ?? '').events.length)).toEqual([1, 1, 1]);
    const events = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
    expect(events.map(({ type }) => type)).toEqual(['page', 'track', 'identify']);
    await visit.page.evaluate(`waymark.reset(); waymark.track('After')`);
    await visit.acknowledged(4);
    const [first, last] = [visit.told()[0], visit.told().at(-1)];
    const proofs = visit.requests().map((request) => JSON.parse(request.postData() ?? '').customerToken);
    expect(proofs).toEqual([undefined, 'proof', 'proof', undefined]);
    expect(last?.userId).toBeUndefined();
    expect(last?.anonymousId).not.toBe(first?.anonymousId);
  });

  test('SN12 SR1 what the server renders is what the snippet would have rendered', async () => {
    const path = `/${fresh('page')}`;
    shop.write(path, pageWith(server.address(), GIVEN, div('led') + div('hostile')));
    const { page } = await newVisit(await browser.newContext(), shop);
    const [response] = await Promise.all([
      page.waitForResponse((each) => each.url().endsWith('/v1/events')),
      page.goto(shop.origin + path),
    ]);
    const { decisions }: { decisions: Record<string, Item[]> } = await response.json();
    await page.waitForSelector('#hostile article');
    for (const name of ['led', 'hostile']) {
      const placement = `${place}-${name}`;
      const markup = (decisions[placement] ?? []).map((item) => markupOf(item, placement)).join('');
      const [fromServer, fromSnippet] = await page.evaluate<[string, string]>(`{
        const rendered = document.createElement('div');
        rendered.innerHTML = ${JSON.stringify(markup)};
        [rendered.innerHTML, document.getElementById('${name}').innerHTML];
      }`);
      expect(fromServer).toContain('<article');
      expect(fromServer).toBe(fromSnippet);
    }
  });

  test('SN13 no call is lost between others, however soon after an answer it is made', async () => {
    const visit = await open('', `${GIVEN} data-manual`);
    await visit.page.waitForFunction('window.waymark?.version');
    const answered = await visit.page.evaluate(`(async () => {
      let answered = 0;
      for (let ticks = 0; ticks < 12; ticks++) {
        await waymark.decide(['x']);
        for (let tick = 0; tick < ticks; tick++) await null;
        await waymark.decide(['x']);
        answered++;
      }
      return answered;
    })()`);
    expect(answered).toBe(12);
  });
});
