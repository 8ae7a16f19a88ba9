// What an item comes to on a page, held to plain references: text that is text, addresses that lead to pages, and markup in
// which nothing of a field is markup.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOf, type Item, partsOf, textOf } from '../../workers/browser/item.ts';
import { compileField, renderFields } from '../../workers/decide/templates.ts';
import { escapeHtml, markupOf } from '../../workers/render/markup.ts';
import { often } from '../prove.ts';

const RUNS = { numRuns: often(500, 50_000), seed: 20_261_123 };
const itemOf = (fields: Record<string, unknown>, clickUrl?: string): Item => ({
  ...{ kind: 'content', id: 'item', decisionId: 'decision', fields },
  ...(clickUrl === undefined ? {} : { clickUrl }),
});

/** Text in which the signs of HTML are frequent. */
const sign = fc.constantFrom('&', '<', '>', '"', "'", ';', 'amp', 'lt', '#39', '&amp;', '\n', 'ü');
const text = fc
  .array(fc.oneof(sign, fc.string({ unit: 'grapheme', maxLength: 3 })), { maxLength: 12 })
  .map((all) => all.join(''));

describe('SN9 SR5 a field as text', () => {
  it('is what a customer said, once the template has escaped it for HTML', () => {
    const compiled = compileField('title', '{{ traits.said }}');
    if (!('field' in compiled)) throw new Error(compiled.fault.message);
    fc.assert(
      fc.property(text, (said) => {
        const fields = renderFields([compiled.field], { traits: { said } }, { locale: 'en', zone: 'UTC' });
        expect(textOf(itemOf(fields ?? {}), 'title')).toBe(said);
      }),
      RUNS,
    );
  });

  it('is the designer’s words as they stand, figures too, and nothing where there is no field', () => {
    const item = itemOf({ title: 'A & B &copy; 1 < 2', price: 0, none: null });
    expect(textOf(item, 'title')).toBe('A & B &copy; 1 < 2');
    expect(textOf(item, 'price')).toBe('0');
    expect([textOf(item, 'none'), textOf(item, 'other')]).toEqual([null, null]);
  });
});

describe('SN9 an address', () => {
  const start = fc.constantFrom(
    ...[
      'http://',
      'https://',
      'HTTPS://',
      '/',
      '//',
      '/\\',
      '\\',
      '/\t/',
      ' ',
      '\u0001',
      'javascript:',
      'JavaScript:',
      'data:',
    ],
    ...['java\nscript:', 'vbscript:', 'ftp://', 'mailto:', '?', '#', '', '/&#34;', 'http:', '/ /'],
  );

  it('leads to a web page or nowhere, and a path stays on the site', () => {
    let kept = 0;
    fc.assert(
      fc.property(start, text, (beginning, rest) => {
        const address = addressOf(itemOf({ url: beginning + rest }), 'url');
        if (address === null || !URL.canParse(address, 'https://site.example')) return;
        kept++;
        const { protocol, origin } = new URL(address, 'https://site.example');
        expect(['http:', 'https:']).toContain(protocol);
        if (address.startsWith('/')) expect(origin).toBe('https://site.example');
      }),
      RUNS,
    );
    expect(kept).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it('is the link that counts the click, where the field is url and there is one', () => {
    const item = itemOf({ url: 'https://shop.example/', image: 'https://shop.example/a.png' }, 'https://w.example/r/1');
    expect(addressOf(item, 'url')).toBe('https://w.example/r/1');
    expect(addressOf(item, 'image')).toBe('https://shop.example/a.png');
    expect(addressOf(itemOf({}, 'https://w.example/r/1'), 'url')).toBeNull();
  });
});

describe('SN8 the plain markup', () => {
  it.each<[Record<string, unknown>, string[]]>([
    [{ title: 'T', body: 'B', cta: 'C', url: '/x' }, ['h2 T', 'p B', 'a C']],
    [{ title: 'T', url: '/x' }, ['h2 T', 'a T']],
    [{ url: '/x' }, []],
    [{ cta: 'C', url: 'javascript:x' }, []],
    [{ title: '', body: null }, []],
    [{ headline: 'other' }, []],
  ])('of %j is %j', (fields, parts) => {
    expect(partsOf(itemOf(fields)).map(({ tag, text: inside }) => `${tag} ${inside}`)).toEqual(parts);
    if (parts.length === 0) expect(markupOf(itemOf(fields), 'hero')).toBe('');
  });

  it('SR5 as text has the tags it makes, and no more', () => {
    fc.assert(
      fc.property(text, text, text, text, (title, body, id, placement) => {
        const markup = markupOf({ ...itemOf({ title, body, cta: title, url: `/x${body}` }), id }, placement);
        const tags = markup.match(/<[^>]*>/g) ?? [];
        expect(tags.map((tag) => /^<\/?(article|h2|p|a)\b/.exec(tag)?.[0])).not.toContain(undefined);
        expect(markup.replaceAll(/<[^>]*>/g, '')).not.toMatch(/[<>"]/);
        for (const tag of tags) expect(tag).toMatch(/^<\/?\w+(?: (?:href|data-waymark-shown)="[^"<>]*")?>$/);
      }),
      RUNS,
    );
  });

  it('escapes so that reading gives the text back', () => {
    const read = (html: string) =>
      html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
    fc.assert(
      fc.property(text, (given) => read(escapeHtml(given)) === given),
      RUNS,
    );
  });
});
