// A customer on two devices, each a real Chromium of its own with the snippet: seen and carted as nobody on the phone, known
// at the desk. What is personal is shown with a customer token only, before the login, after it and after the logout.

import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fresh, openD1, useServer } from '../api/server.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';
import { newVisit, openShop, pageWith, type Shop, type Visit } from './shop.ts';

sayIfMissing();
const server = useServer();
const SECRET = 'a secret of thirty-two characters';
const KEY = 'wk_devices';
const place = fresh('cart');
const PHONE =
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';
const DESK =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
let browsers: readonly [Browser, Browser];
let shop: Shop;

beforeAll(async () => {
  if (!HAS_BROWSER) return;
  const database = openD1(server);
  database
    .prepare('INSERT INTO keys VALUES (?, ?, ?, ?, ?, 0)')
    .run(createHash('sha256').update(KEY).digest('hex'), KEY, 'write', 'required', SECRET);
  database.close();
  browsers = [await launch(), await launch()];
  shop = await openShop();
  const put = (id: string, document: object) =>
    server.admin('PUT', `/admin/content/${id}`, { id, kind: 'banner', placements: [place], stages: [], ...document });
  await put(`${place}-open`, { priority: 1, locales: { en: { title: 'Tools for your garden' } } });
  const mine = await put(`${place}-mine`, {
    priority: 9,
    audience: "count('Product Added') > 0",
    locales: { en: { title: 'Your cart waits, {{ traits.firstName }}' } },
  });
  expect(mine.status, mine.text).toBe(200);
});
afterAll(async () => {
  for (const browser of browsers ?? []) await browser.close();
  await shop?.close();
});

/** A page of the shop in a browser, and everything the system has answered to it. */
async function open(browser: Browser, userAgent: string): Promise<Visit & { readonly heard: () => Promise<string> }> {
  const path = `/${fresh('page')}`;
  const html = pageWith(
    server.address(),
    'data-consent="given"',
    `<div id="cart" data-waymark-placement="${place}">Fallback</div>`,
  );
  shop.write(path, html.replace('data-key="wk_local"', `data-key="${KEY}"`));
  const visit = await newVisit(await browser.newContext({ userAgent }), shop);
  const answers: Promise<string>[] = [];
  visit.page.on('response', (response) => {
    if (new URL(response.url()).pathname.startsWith('/v1/')) answers.push(response.text().catch(() => ''));
  });
  await visit.page.goto(shop.origin + path);
  await visit.page.waitForSelector('#cart article');
  return { ...visit, heard: async () => (await Promise.all(answers.splice(0))).join('\n') };
}

const titleOn = (page: Page) => page.textContent('#cart article h2');
const tokenOf = (sub: string): Promise<string> =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));

/** What the page gets of /v1/me, asked from its own origin. */
const me = (page: Page, token: string | null): Promise<{ status: number; text: string }> =>
  page.evaluate(
    async ({ address, key, proof }) => {
      const headers = {
        authorization: `Basic ${btoa(`${key}:`)}`,
        ...(proof === null ? {} : { 'waymark-customer-token': proof }),
      };
      const response = await fetch(`${address}/v1/me`, { headers });
      return { status: response.status, text: await response.text() };
    },
    { address: server.address(), key: KEY, proof: token },
  );

describe.runIf(HAS_BROWSER)('a customer on a phone and at a desk', () => {
  test('TK10 TK11 ID1 what was seen and carted on the phone is there at the desk, with a token and never without', async () => {
    const [userId, email] = [fresh('anna'), `${fresh('anna')}@example.at`];
    const token = await tokenOf(userId);
    const personal = new RegExp(`${userId}|${email}|Annamaria`);

    const phone = await open(browsers[0], PHONE);
    await phone.page.evaluate(`waymark.track('Product Added', { product_id: 'saw' })`);
    await phone.acknowledged(2);
    await phone.page.evaluate(
      `waymark.identify('${userId}', { email: '${email}', firstName: 'Annamaria' }, { token: '${token}' })`,
    );
    await phone.acknowledged(3);

    const desk = await open(browsers[1], DESK);
    expect(await titleOn(desk.page)).toBe('Tools for your garden');
    expect(await desk.heard()).not.toMatch(personal);
    expect((await me(desk.page, null)).status).toBe(401);

    // Somebody who only knows the id is shown nothing and joined to nobody.
    await desk.page.evaluate(`waymark.identify('${userId}')`);
    await desk.page.evaluate('waymark.render(true)');
    expect(await titleOn(desk.page)).toBe('Tools for your garden');
    expect((await desk.heard()).replaceAll(`"id":"u:${userId}"`, '')).not.toMatch(personal);
    const apart = await server.describe(`u:${userId}`);
    expect(apart.identifiers.anonymousIds).toHaveLength(1);

    await desk.page.evaluate(`waymark.identify('${userId}', {}, { token: '${token}' })`);
    await desk.page.evaluate('waymark.render(true)');
    await desk.page.waitForFunction("document.querySelector('#cart h2')?.textContent === 'Your cart waits, Annamaria'");

    const own = await me(desk.page, token);
    expect(own.status).toBe(200);
    const { id, devices, identifiers } = JSON.parse(own.text);
    expect(id).toBe(`u:${userId}`);
    expect(
      devices.map(({ kind, system, browser }: Record<string, string>) => `${kind} ${system} ${browser}`).sort(),
    ).toEqual(['computer Windows Chrome', 'phone Android Chrome']);
    expect(identifiers).toEqual([{ kind: 'email', value: 'a***@example.at' }]);
    expect((await me(desk.page, await tokenOf(fresh('other')))).text).not.toMatch(personal);
    await desk.heard();

    await desk.page.evaluate('waymark.reset()');
    await desk.page.evaluate('waymark.render(true)');
    await desk.page.waitForFunction("document.querySelector('#cart h2')?.textContent === 'Tools for your garden'");
    expect(await desk.heard()).not.toMatch(personal);
    expect([...phone.errors(), ...desk.errors()]).toEqual([]);
  });
});
