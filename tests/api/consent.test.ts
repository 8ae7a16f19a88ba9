// Consent over HTTP, as customers meet it: mails with links, the pages behind them, and what they change. The mails are
// those the real consumer sent by the mail binding.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sealPermit } from '../../workers/customer/permits.ts';
import { runCommand } from '../cli/command.ts';
import { mailsOf } from './mails.ts';
import { expectProblem, fresh, message, type Problem, track, useServer } from './server.ts';

const server = useServer();
const mails = mailsOf(server);
const mailsTo = (to: string, count: number) => mails.arrived((mail) => mail.to === to, count);

const known = (userId: string, traits: object = {}) =>
  message({ userId }, 'identify', { traits: { email: `${userId}@example.com`, ...traits } });
const yes = (userId: string, purpose: string, source = 'checkout') =>
  track({ userId }, 'Consent Updated', { purpose, channel: 'email', granted: true, source });
const consentsOf = async (userId: string): Promise<unknown> =>
  (await server.admin<{ consents: unknown }>('GET', `/admin/customers/${encodeURIComponent(`u:${userId}`)}`)).body
    .consents;

/** The path of an address of this system in a text. */
const pathIn = (text: string, route: string): string => {
  const [found] = text.match(new RegExp(`${server.address()}/${route}/[A-Za-z0-9_-]+`)) ?? [];
  return found?.slice(server.address().length) ?? `no ${route} in: ${text}`;
};
const open = (path: string, init: RequestInit = {}) =>
  fetch(server.address() + path, { headers: { accept: 'text/html', 'accept-language': 'de-AT,en;q=0.5' }, ...init });
const pageOf = async (path: string, init?: RequestInit) => {
  const response = await open(path, init);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/);
  expect(['cache-control', 'referrer-policy', 'x-robots-tag'].map((name) => response.headers.get(name))).toEqual([
    'no-store',
    'no-referrer',
    'noindex',
  ]);
  const text = await response.text();
  expect(text).not.toMatch(/<script|\son\w+=/i);
  return { status: response.status, text };
};
const form = (...entries: [string, string][]): RequestInit => ({ method: 'POST', body: new URLSearchParams(entries) });

test('double opt-in: a mail with a link, a page with a button, and then the yes counts', async () => {
  const userId = fresh('doi');
  await server.ingest([known(userId, { locale: 'de' }), yes(userId, 'newsletter')]);
  expect(await consentsOf(userId)).toMatchObject({
    newsletter: { email: { permitted: false, reason: 'consent not confirmed' } },
  });
  const [mail] = await mailsTo(`${userId}@example.com`, 1);
  expect(mail?.subject).toBe('Bitte bestätigen Sie Ihre Anmeldung');
  const path = pathIn(mail?.text ?? '', 'confirm');
  // A program that follows links confirms nothing.
  expect((await pageOf(path)).text).toContain('<html lang="de">');
  await fetch(server.address() + path, { method: 'HEAD' });
  expect(await consentsOf(userId)).toMatchObject({ newsletter: { email: { permitted: false } } });
  const done = await pageOf(path, { method: 'POST' });
  expect([done.status, done.text.includes('Ihre Anmeldung ist bestätigt')]).toEqual([200, true]);
  expect(await consentsOf(userId)).toMatchObject({
    newsletter: { email: { permitted: true, confirmed: true, source: 'confirmation' } },
  });
  expect((await pageOf(path, { method: 'POST' })).text).toContain('Ihre Anmeldung ist bestätigt');
  // The journey that asked has ended, and reminds nobody.
  await server.advance('P4D');
  expect((await mailsTo(`${userId}@example.com`, 1)).length).toBe(1);

  // Taken back since, the old link brings nothing back; and a link that is too old says so.
  await server.ingest([
    track({ userId }, 'Consent Updated', { purpose: 'newsletter', channel: 'email', granted: false }),
  ]);
  expect((await pageOf(path, { method: 'POST' })).text).toContain('zurückgezogen');
  expect(await consentsOf(userId)).toMatchObject({ newsletter: { email: { permitted: false } } });
  await server.advance('P14D');
  expect((await pageOf(path)).status).toBe(410);
});

test('one-click unsubscribe: the header of the mail, a POST by the reader’s program, at once', async () => {
  const userId = fresh('one-click');
  await server.ingest([
    known(userId),
    yes(userId, 'marketing'),
    track({ userId }, 'Product Added', { cart_id: 'c', name: 'Saw' }),
  ]);
  await server.advance('PT4H');
  const [mail] = await mailsTo(`${userId}@example.com`, 1);
  const path = pathIn(mail?.unsubscribe ?? '', 'unsubscribe');
  expect((await pageOf(path)).text).toContain('Angebote und Gutscheine');
  expect(await consentsOf(userId)).toMatchObject({ marketing: { email: { permitted: true } } });
  const oneClick = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  };
  const answers = [await fetch(server.address() + path, oneClick), await fetch(server.address() + path, oneClick)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(await consentsOf(userId)).toMatchObject({ marketing: { email: { permitted: false, source: 'unsubscribe' } } });
  const said = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'consent');
  expect(said).toHaveLength(2);
  await server.advance('P8D');
  expect((await mailsTo(`${userId}@example.com`, 1)).length).toBe(1);
});

test('the preference centre shows how it stands and saves what is chosen', async () => {
  const userId = fresh('chooser');
  await server.ingest([
    known(userId, { firstName: '<b>' }),
    yes(userId, 'marketing'),
    track({ userId }, 'Product Added', { cart_id: 'c', name: 'Saw' }),
  ]);
  await server.advance('PT4H');
  const [mail] = await mailsTo(`${userId}@example.com`, 1);
  const path = pathIn(mail?.text ?? '', 'preferences');
  expect(path.length).toBeGreaterThan(100);
  const checked = (text: string) => [...text.matchAll(/value="([^"]+)" checked/g)].map(([, value]) => value);
  const first = await pageOf(path);
  expect(checked(first.text)).toEqual(['service/email', 'marketing/email', 'personalisation/site', 'any', 'none']);
  const saved = await pageOf(
    path,
    form(['yes', 'newsletter/email'], ['yes', 'personalisation/site'], ['frequency', 'weekly'], ['pause', 'P30D']),
  );
  expect(saved.text).toContain('Ihre Einstellungen sind gespeichert.');
  expect(checked(saved.text)).toEqual(['newsletter/email', 'personalisation/site', 'weekly', 'kept']);
  expect(await consentsOf(userId)).toMatchObject({
    marketing: { email: { granted: false, source: 'preferences' } },
    newsletter: { email: { granted: true, confirmed: true, permitted: false, reason: 'paused' } },
    service: { email: { granted: false } },
  });
  const lines = (await server.timeline(`u:${userId}`)).length;
  expect(checked((await pageOf(path)).text)).toEqual(checked(saved.text));
  await pageOf(
    path,
    form(['yes', 'newsletter/email'], ['yes', 'personalisation/site'], ['frequency', 'weekly'], ['pause', 'kept']),
  );
  expect((await server.timeline(`u:${userId}`)).length).toBe(lines);
  const nonsense = await pageOf(
    path,
    form(['yes', '<script>/x'], ['yes', 'personalisation/site'], ['frequency', 'often'], ['pause', 'P9999D']),
  );
  expect(checked(nonsense.text)).toEqual(['personalisation/site', 'weekly', 'none']);
  await server.advance('P365D');
  expect((await pageOf(path)).status).toBe(410);
});

describe('a link that is none', () => {
  const permit = { customerId: 'u:x', purpose: 'marketing', channel: 'email', at: 4_102_444_800_000 };
  test.each([
    ['nothing', () => '1'],
    ['a word', () => 'hello'],
    ['another system’s', () => sealPermit('other', { to: 'unsubscribe', ...permit })],
    ['one for something else', () => sealPermit('ls_local', { to: 'confirm', ...permit })],
    ['one bent', () => `${sealPermit('ls_local', { to: 'unsubscribe', ...permit }).slice(0, -2)}AA`],
    ['a very long one', () => `1${'A'.repeat(7_000)}`],
    ['one with signs', () => encodeURIComponent('1<script>alert(1)</script>')],
  ])('%s: 404, as a page and as a problem, and nothing happens', async (_, token) => {
    for (const method of ['GET', 'POST'] as const) {
      const page = await pageOf(`/unsubscribe/${token()}`, { method });
      expect([page.status, page.text.includes('Dieser Link gilt nicht')]).toEqual([404, true]);
      expectProblem(await server.call<Problem>(method, `/unsubscribe/${token()}`), 404);
    }
  });
});

test('no call of a site confirms, whatever it says', async () => {
  const userId = fresh('forger');
  await server.ingest([known(userId), yes(userId, 'newsletter')]);
  const confirmed = track({ userId }, 'Consent Confirmed', { purpose: 'newsletter', channel: 'email' });
  await server.ingest([confirmed]);
  const typed = await server.call<{ results?: { status: string }[] }>('POST', '/v1/events', {
    body: {
      writeKey: 'wk_local',
      events: [{ ...confirmed, messageId: fresh('m'), type: 'consent' }],
    },
  });
  expect(typed.status).toBe(400);
  expect(await consentsOf(userId)).toMatchObject({ newsletter: { email: { permitted: false } } });
});

test('the log can be read, saved and checked, and a change of it is seen', async () => {
  const userId = fresh('logged');
  await server.ingest([known(userId), yes(userId, 'marketing'), yes(userId, 'newsletter')]);
  const file = join(mkdtempSync(join(tmpdir(), 'waymark-consent-')), 'log.json');
  const environment = { WAYMARK_URL: server.address(), WAYMARK_ADMIN_KEY: 'sk_local' };
  const whole = await runCommand(['consent', `u:${userId}`, '--save', file], environment);
  expect([whole.code, whole.output]).toEqual([
    0,
    expect.stringMatching(/^2 lines, whole\. The last hash is [0-9a-f]{64}\.\n$/),
  ]);
  const end = / ([0-9a-f]{64})\.\n$/.exec(whole.output)?.[1] ?? '';
  const cut = { lines: JSON.parse(readFileSync(file, 'utf8')).lines.slice(0, 1) };
  const short = join(mkdtempSync(join(tmpdir(), 'waymark-consent-')), 'short.json');
  writeFileSync(short, JSON.stringify(cut));
  expect((await runCommand(['consent', '--file', short])).code).toBe(0);
  expect((await runCommand(['consent', '--file', short, '--end', end])).code).toBe(1);
  expect((await runCommand(['consent', '--file', file, '--end', end])).code).toBe(0);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"granted": true', '"granted": false'));
  const forged = await runCommand(['consent', '--file', file]);
  expect([forged.code, forged.output]).toEqual([1, `u:${userId}, line 1: it was changed.\n`]);
});
