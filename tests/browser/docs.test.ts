// The docs page in a real browser: it shows every route of the document, breaks no rule of its own policy, and asks
// nothing of any other host.

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useServer } from '../api/server.ts';
import { HAS_BROWSER, launch, sayIfMissing } from './chromium.ts';

sayIfMissing();
const server = useServer();
let browser: Browser;
let page: Page;
/** What the policy stopped, and what the page's scripts complained of. */
const faults: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  if (!HAS_BROWSER) return;
  browser = await launch();
  page = await browser.newPage();
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (line) => {
    if (line.type() === 'error') faults.push(`console: ${line.text()}`);
  });
  await page.exposeFunction('reportViolation', (violation: string) => faults.push(violation));
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) =>
       reportViolation('policy: ' + event.effectiveDirective + ' ' + event.blockedURI + ' ' + event.sourceFile));`,
  );
  await page.goto(`${server.address()}/docs`);
  await page.waitForSelector('.opblock');
});
afterAll(() => browser?.close());

/** Ends what was under way in the page, so that everything it had to report has arrived. */
async function settled(): Promise<void> {
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
}

test.runIf(HAS_BROWSER)(
  'the page shows every route, without one violation of its policy and without another host',
  async () => {
    const shown = await page.$$eval('.opblock', (blocks) =>
      blocks.map((block) => {
        const text = (selector: string) => block.querySelector(selector)?.textContent ?? '';
        return `${text('.opblock-summary-method')} ${text('.opblock-summary-path').replaceAll('\u200b', '')}`;
      }),
    );
    const { body } = await server.call<{ paths: Record<string, object> }>('GET', '/openapi.json');
    const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(shown.sort()).toEqual(routes.sort());
    await settled();
    expect(faults).toEqual([]);
    expect(requests.length).toBeGreaterThan(4);
    for (const url of requests.filter((candidate) => !candidate.startsWith('data:')))
      expect(new URL(url).origin).toBe(server.address());
  },
);

test.runIf(HAS_BROWSER)('an operation opens, shows its example, and can be tried from the page', async () => {
  await page.click('#operations-system-getHealth .opblock-summary-control');
  await page.waitForSelector('#operations-system-getHealth .try-out__btn');
  await page.click('#operations-system-getHealth .try-out__btn');
  await page.click('#operations-system-getHealth .execute');
  const answer = page.locator('#operations-system-getHealth .live-responses-table .response .highlight-code').first();
  await answer.waitFor();
  expect(await answer.textContent()).toContain('"status": "ok"');
  await page.click('#operations-sites-sendEvents .opblock-summary-control');
  await page.waitForSelector('#operations-sites-sendEvents .model-example, #operations-sites-sendEvents .body-param');
  await settled();
  expect(faults).toEqual([]);
});

test.runIf(HAS_BROWSER)('the policy is enforced: a script and a style written into the page do nothing', async () => {
  const before = faults.length;
  await page.evaluate(`{
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    const style = document.createElement('style');
    style.textContent = 'body { display: none }';
    document.head.append(style);
  }`);
  await settled();
  expect(await page.evaluate('window.ran')).toBeUndefined();
  expect(faults.slice(before).filter((fault) => fault.startsWith('policy:')).length).toBe(2);
});

test('of the library only what the page names is served, and every file says what it is', async () => {
  const { text, headers } = await server.call('GET', '/docs');
  const policy = headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  const named = [...text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, path]) => path ?? '');
  expect(named.length).toBe(4);
  for (const path of named) {
    const file = await server.call('GET', path);
    expect([path, file.status]).toEqual([path, 200]);
    expect(file.headers.get('x-content-type-options')).toBe('nosniff');
    expect(file.headers.get('content-type')).toMatch(/^(text\/javascript|text\/css|image\/png)/);
  }
  for (const path of ['/docs/package.json', '/docs/index.html', '/docs/..%2fpackage.json', '/docs/__proto__'])
    expect((await server.call('GET', path)).status).toBe(404);
});
