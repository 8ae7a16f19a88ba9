// The snippet as it is served: built from what stands in workers/browser, small, and the same for everybody.

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { LIMITS, SNIPPET, SNIPPET_GZIP_BYTES_MAX } from '../../schema/limits.ts';
import { snippetRoutes } from '../../workers/api/snippet.ts';
import { buildSnippet } from '../../workers/browser/build.ts';
import built from '../../workers/browser/built.json' with { type: 'json' };

const app = snippetRoutes();
const ask = (path: string, headers: Record<string, string> = {}) => app.request(path, { headers });

describe('the script', () => {
  it('is what the sources come to (npm run generate)', async () => {
    expect(await buildSnippet()).toEqual(built);
  });

  it('SN18 is small', () => {
    expect(gzipSync(built.text, { level: 9 }).length).toBeLessThan(SNIPPET_GZIP_BYTES_MAX);
  });

  it('stays below the limits of the system it talks to', () => {
    expect(SNIPPET.placementsMax).toBeLessThanOrEqual(LIMITS.placementsMax);
    expect(SNIPPET.callMax * (SNIPPET.messageCharsMax + 1)).toBeLessThan(LIMITS.bodyBytesMax);
    expect(SNIPPET.queueMax).toBeLessThanOrEqual(LIMITS.eventsPerCallMax);
    expect(SNIPPET.messageCharsMax).toBeLessThan(LIMITS.eventBytesMax);
  });
});

describe('GET /waymark.js', () => {
  it('serves it for a while, under an ETag, to pages of every origin', async () => {
    const response = await ask('/waymark.js');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(built.text);
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+, stale-while-revalidate=\d+$/);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('waymark-version')).toBe(built.version);
    const etag = response.headers.get('etag') ?? '';
    for (const asked of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await ask('/waymark.js', { 'if-none-match': asked });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await ask('/waymark.js', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('names the address that keeps this text for ever', async () => {
    const forever = (await ask('/waymark.js')).headers.get('content-location') ?? '';
    expect(forever).toBe(`/waymark/${built.hash}.js`);
    const response = await ask(forever);
    expect([response.status, await response.text()]).toEqual([200, built.text]);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await ask(forever, { 'if-none-match': response.headers.get('etag') ?? '' })).status).toBe(304);
  });

  it('leads a page that names another version to the current one, and knows no other file', async () => {
    const other = await ask('/waymark/0123456789abcdef.js');
    expect([other.status, other.headers.get('location'), other.headers.get('cache-control')]).toEqual([
      302,
      '/waymark.js',
      'no-store',
    ]);
    for (const file of ['x.js', '0123456789ABCDEF.js', '0123456789abcdef', '..%2fwaymark.js', '0123456789abcdef.js%00'])
      expect([file, (await ask(`/waymark/${file}`)).status]).toEqual([file, 404]);
  });
});
