// Server-side rendering in workerd: a page streams through the rewriter, the decisions come from the real system, by its
// own fetch and on real objects and D1. Where the system is to be slow or broken, only its answer is.

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../workers/api/app.ts';
import type { KeyRow } from '../../workers/catalog/catalog.ts';
import { hashKey } from '../../workers/catalog/keys.ts';
import type { RegistryNamespace } from '../../workers/customer/registry.ts';
import { type AskOptions, renderPlacements } from '../../workers/render/render.ts';
import type { TotalsNamespace } from '../../workers/totals/messages.ts';
import { freshName, namespace, prepare, publishDrafts } from '../customer/object.ts';
import { often } from '../prove.ts';

const KEY = 'wk_render';
const row: KeyRow = { hash: hashKey(KEY), name: KEY, role: 'write', tokenMode: 'off', tokenSecret: '', createdAt: 0 };
const app = createApp({
  keys: new Map([[row.hash, row]]),
  linkSecret: 'ls_render',
  ready: true,
  forgetMails: async () => 0,
});

/** What the system was asked, and the system. */
const asked: Request[] = [];
const system = {
  fetch: async (request: Request): Promise<Response> => {
    asked.push(request.clone());
    return app.fetch(
      request,
      {
        ...env,
        CUSTOMER: namespace(),
        TOTALS: env.TOTALS as unknown as TotalsNamespace,
        REGISTRY: env.REGISTRY as unknown as RegistryNamespace,
      },
      createExecutionContext(),
    );
  },
};
const options: AskOptions = { endpoint: 'https://waymark.example', service: system, key: KEY, budgetMs: 10_000 };
const known = (): AskOptions => ({ ...options, customer: { userId: freshName() } });

beforeAll(async () => {
  await prepare([]);
  const banner = (id: string, priority: number, fields: object) => ({
    ...{ kind: 'content' as const, id },
    document: {
      id,
      kind: 'banner',
      placements: id.split('-')[0] === 'both' ? ['both', 'again'] : [id.split('-')[0]],
      stages: [],
      priority,
      locales: { en: fields },
    },
  });
  await publishDrafts([
    banner('hero-1', 2, {
      title: 'Saws & <more>',
      body: 'For {{ traits.firstName }}',
      url: 'https://shop.example/?a=1&lt=2',
      cta: 'See',
    }),
    banner('side-1', 2, { title: 'Side', url: 'javascript:alert(1)' }),
    banner('inside-1', 2, { title: 'Inside', url: '/a?b=1&lt=2"x' }),
    banner('both-1', 2, { title: 'Both' }),
    banner('other-1', 2, { headline: 'Of another make' }),
  ]);
});
afterAll(() => vi.useRealTimers());

const html = (body: string, headers: Record<string, string> = {}): Response =>
  new Response(`<!doctype html><title>Shop</title>${body}<p>End</p>`, {
    headers: { 'content-type': 'text/html; charset=utf-8', ...headers },
  });

async function rendered(body: string, given: AskOptions = known()): Promise<string> {
  const text = await renderPlacements(html(body), given).text();
  return text.slice('<!doctype html><title>Shop</title>'.length, -'<p>End</p>'.length);
}

describe('a page', () => {
  it('SR1 SR5 is filled with the plain markup, in place of the fallback or of the whole element', async () => {
    const article =
      /^<article data-waymark-shown="\[&quot;content&quot;,&quot;hero-1&quot;,&quot;[\w-]+&quot;,&quot;hero&quot;\]"><h2>Saws &amp; &lt;more&gt;<\/h2><p>For <\/p><a href="https:\/\/waymark\.example\/r\/[\w-]+">See<\/a><\/article>$/;
    const [open, close] = ['<div class="x" data-waymark-placement="hero">', '</div>'];
    const inDiv = await rendered(`${open}<b>Fallback</b> <!-- and --> more${close}`);
    expect(inDiv.startsWith(open) && inDiv.endsWith(close)).toBe(true);
    expect(inDiv.slice(open.length, -close.length)).toMatch(article);
    expect(await rendered('<waymark-placement name="hero"><b>Fallback</b></waymark-placement>')).toMatch(article);
  });

  it('SR1 SR5 fills its own elements from the fields they name, and only inside the placement', async () => {
    const own = (title: string, href: string, shown = '') =>
      `<section data-waymark-placement="hero" data-waymark-fill${shown}><h1 data-waymark-field="title">${title}</h1>` +
      `<i data-waymark-field="subtitle">Kept</i><a data-waymark-href="url" href="${href}">Go</a></section>` +
      '<h1 data-waymark-field="title">Outside</h1>';
    const text = await rendered(own('Fallback', '/old'));
    const [, shown = '', href = ''] = /( data-waymark-shown="[^"]+").* href="([^"]+)"/.exec(text) ?? [];
    expect(href).toContain('https://waymark.example/r/');
    expect(text).toBe(own('Saws &amp; &lt;more&gt;', href, shown));
  });

  it('SR5 shows what a customer says of themselves as text, and no address that is a script', async () => {
    const userId = freshName();
    const said = `<script>alert("1")</script>&'`;
    const body = JSON.stringify({ writeKey: KEY, userId, traits: { firstName: said } });
    await system.fetch(new Request('https://waymark.example/v1/identify', { method: 'POST', body }));
    const given = { ...options, customer: { userId } };
    expect(await rendered('<div data-waymark-placement="hero"></div>', given)).toContain(
      "<p>For &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;'</p>",
    );
    const declared = '<div data-waymark-placement="hero" data-waymark-fill><p data-waymark-html="body"></p></div>';
    expect(await rendered(declared, given)).toContain(
      '>For &lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&amp;&#39;</p>',
    );
    const side = await rendered(
      '<div data-waymark-placement="side" data-waymark-fill><a data-waymark-href="url" href="/kept"></a></div>',
    );
    expect(side).toContain('href="/kept"');
    const inside = await rendered(
      '<div data-waymark-placement="inside" data-waymark-fill><a data-waymark-href="url"></a></div>',
    );
    expect(inside).toContain('href="/a?b=1&amp;lt=2&quot;x"');
    expect(await rendered('<div data-waymark-placement="inside"></div>')).toContain('href="/a?b=1&amp;lt=2&quot;x"');
  });

  it('SR2 leaves an element that can hold nothing as it is', async () => {
    const page =
      '<img data-waymark-placement="hero" data-waymark-fill><b data-waymark-field="title">x</b><hr data-waymark-placement="hero">';
    expect(await rendered(page)).toBe(page);
  });

  it('SR1 fills no placement from the one before it, which has no end', async () => {
    const fill = (name: string) =>
      `<p data-waymark-placement="${name}" data-waymark-fill><b data-waymark-field="title">Kept</b>`;
    const text = await rendered(fill('hero') + fill('nothing'));
    expect(text).toContain('>Saws &amp; &lt;more&gt;</b>');
    expect(text.endsWith(fill('nothing'))).toBe(true);
  });

  it('SR4 asks once for the placements that are named, and for others when it comes to them', async () => {
    const page = ['both', 'hero', 'again', 'both']
      .map((name) => `<p data-waymark-placement="${name}">Fallback</p>`)
      .join('');
    asked.splice(0);
    const early = await rendered(page, { ...known(), placements: ['both', 'hero', 'again'] });
    expect(asked.length).toBe(1);
    asked.splice(0);
    const late = await rendered(page);
    expect(asked.length).toBe(3);
    const shown = (text: string) =>
      [...text.matchAll(/<p [^>]+>(?:Fallback|.*?&quot;,&quot;(\w+)&quot;\]")/g)].map(([, name]) => name);
    // The item for both and again stands in the first of them, each time the page has it.
    expect(shown(early)).toEqual(['both', 'hero', undefined, 'both']);
    expect(shown(late)).toEqual(['both', 'hero', undefined, 'both']);
  });

  it('SR7 asks for the anonymous decision where there is no customer, by what caches can keep', async () => {
    asked.splice(0);
    const given = { ...options, context: { locale: 'de', device: { type: 'mobile' }, page: { url: 'https://x' } } };
    expect(await rendered('<div data-waymark-placement="hero"></div>', given)).toContain('anonymous-');
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `GET https://waymark.example/v1/decide?writeKey=${KEY}&placements=hero&locale=de&device=mobile`,
    ]);
    expect(await rendered('<div data-waymark-placement="hero"></div>', { ...options, customer: null })).toContain(
      'anonymous-',
    );
  });

  it('SR6 for a customer is kept by no shared cache; for nobody caches may, and what is no HTML is passed on', async () => {
    const headers = { 'cache-control': 'public, max-age=60', etag: '"1"', 'last-modified': 'then', 'x-own': 'kept' };
    const headersOf = (response: Response) =>
      Object.fromEntries([...Object.keys(headers)].map((name) => [name, response.headers.get(name)]));
    const personal = renderPlacements(html('', headers), known());
    expect(headersOf(personal)).toEqual({
      'cache-control': 'private, no-store',
      etag: null,
      'last-modified': null,
      'x-own': 'kept',
    });
    await personal.text();
    const common = renderPlacements(
      new Response('<p>Not here</p>', { status: 404, headers: { ...headers, 'content-type': 'TEXT/HTML' } }),
      options,
    );
    expect([common.status, headersOf(common)['cache-control']]).toEqual([404, headers['cache-control']]);
    await common.text();
    asked.splice(0);
    const picture = new Response('<div data-waymark-placement="hero"></div>', {
      headers: { 'content-type': 'image/svg+xml' },
    });
    const redirect = new Response(null, { status: 302, headers: { location: '/x' } });
    for (const other of [picture, redirect])
      expect(renderPlacements(other, { ...known(), placements: ['hero'] })).toBe(other);
    expect(asked).toEqual([]);
  });
});

describe('a system that fails', () => {
  const page =
    '<div data-waymark-placement=hero ><b>Fall</B>back & more<br/></div><waymark-placement name="side">Own</waymark-placement><P data-waymark-field="title">';
  const answering = (fetch: () => Promise<Response>): AskOptions => ({
    ...known(),
    service: { fetch },
    budgetMs: 1_000,
  });
  const json =
    (body: unknown, status = 200) =>
    async () =>
      Response.json(body, { status });

  it.each<[string, () => Promise<Response>]>([
    ['cannot be reached', async () => Promise.reject(new Error('gone'))],
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
    ['answers with a fault', json({ title: 'Service Unavailable' }, 503)],
    ['answers with a page', async () => new Response('<h1>Bad gateway</h1>')],
    ['answers with null', json(null)],
    ['answers with other decisions', json({ decisions: { other: [] } })],
    ['answers with no list', json({ decisions: { hero: 'x', side: { 0: 1 } } })],
    [
      'answers with no items',
      json({
        decisions: {
          hero: [null, 1, { kind: 'content' }, { kind: 'x', id: 'a', decisionId: 'b', fields: {} }],
          side: [],
        },
      }),
    ],
    [
      'answers with items of another make',
      json({ decisions: { hero: [{ kind: 'offer', id: 'a', decisionId: 'b', fields: { headline: 'x' } }] } }),
    ],
    [
      'breaks off',
      async () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error('broken')) })),
    ],
  ])('SR2 that %s leaves the page as it is, byte for byte', async (_, fetch) => {
    expect(await rendered(page, answering(fetch))).toBe(page);
    expect(await rendered(page, { ...answering(fetch), placements: ['hero', 'side'] })).toBe(page);
  });

  it('SR2 leaves whatever page as it is', async () => {
    const piece = fc.constantFrom(
      ...[
        '<div data-waymark-placement="hero">',
        "<p data-waymark-placement='side' data-waymark-fill>",
        '<waymark-placement name=x>',
      ],
      ...[
        '</div>',
        '</p>',
        '</waymark-placement>',
        '<b data-waymark-field=title>',
        '<a data-waymark-href="url" href="&amp;\'">',
        '</a>',
      ],
      ...[
        'text & &amp; &#34; ü€😀',
        '<!-- <div> -->',
        '<script>"<div data-waymark-placement=hero>"</script>',
        '<',
        '>',
        '<br/>',
        '\u0000\r\n',
      ],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const text = pieces.join('');
        expect(await rendered(text, answering(json({ decisions: {} })))).toBe(text);
      }),
      { numRuns: often(60, 2_000), seed: 20_261_123 },
    );
  });

  it('SR2 still shows the defaults that a fault carries', async () => {
    const item = { kind: 'content', id: 'a', decisionId: 'b', fields: { title: 'Default' } };
    const fault = answering(json({ decisions: { hero: [item] }, degraded: true }, 503));
    expect(await rendered(page, fault)).toContain('<h2>Default</h2>');
  });

  it('SR3 holds the page up no longer than its budget in all, and asks no more once it is spent', async () => {
    let calls = 0;
    const silent = () => {
      calls++;
      return new Promise<Response>(() => undefined);
    };
    const many = page.repeat(5);
    // Five placements each time: whoever waited at each of them would have asked at each.
    expect(await rendered(many, { ...answering(silent), budgetMs: 300 })).toBe(many);
    expect(calls).toBe(1);
    expect(await rendered(many, { ...answering(silent), budgetMs: 300, placements: ['hero', 'side'] })).toBe(many);
    expect(calls).toBe(2);
    expect(await rendered(many, { ...answering(silent), budgetMs: 0 })).toBe(many);
    expect(calls).toBe(2);
  });

  it('SR3 sends on what stands before a placement while the decision is awaited', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const bytes = (text: string) => new TextEncoder().encode(text);
    const streamed = new Response(readable, { headers: { 'content-type': 'text/html' } });
    const given = { ...answering(() => promise), budgetMs: 20_000, placements: ['hero'] };
    const reader = renderPlacements(streamed, given).body?.pipeThrough(new TextDecoderStream()).getReader();
    const read = async () => (await reader?.read())?.value;
    const writing = writer.write(bytes('<h1>First</h1>'));
    expect(await read()).toBe('<h1>First</h1>');
    await writing;
    const rest = writer.write(bytes('<div data-waymark-placement="hero">Fallback</div>')).then(() => writer.close());
    const item = { kind: 'content', id: 'a', decisionId: 'b', fields: { title: 'Late' } };
    resolve(Response.json({ decisions: { hero: [item] } }));
    let text = '';
    for (let part = await read(); part !== undefined; part = await read()) text += part;
    await rest;
    expect(text).toContain('<h2>Late</h2>');
  });
});
