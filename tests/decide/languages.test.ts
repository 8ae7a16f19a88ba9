// Which language somebody gets, what a variant takes from others, and what is missing.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDocuments, type Document } from '../../workers/check/catalog.ts';
import { NO_FRAGMENTS } from '../../workers/decide/fragments.ts';
import { compileItem } from '../../workers/decide/items.ts';
import {
  chainOf,
  chooseLocale,
  compileSite,
  type Languages,
  NO_LANGUAGES,
  readingLocale,
  withFallbacks,
} from '../../workers/decide/languages.ts';
import { compileMessage, renderMessage } from '../../workers/decide/messages.ts';
import { render } from '../../workers/decide/render.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { often } from '../prove.ts';

const site = (all: readonly string[], fallbacks: { readonly [tag: string]: readonly string[] } = {}): Languages => ({
  all,
  fallbacks: new Map(Object.entries(fallbacks)),
});

const READER = { customerId: 'u:1', stages: {}, facts: { traits: {} }, event: null, context: {} };

/** The language and the title somebody gets who wants these languages. */
function shown(locales: object, wanted: readonly string[], languages = NO_LANGUAGES) {
  const document = { id: 'x', kind: 'article', placements: ['p'], stages: [], locales };
  const compiled = compileItem('content', document, 1, EMPTY_VOCABULARY, { fragments: NO_FRAGMENTS, languages });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  const chosen = render(compiled.item, { ...READER, locales: wanted });
  return chosen && { locale: chosen.locale, ...chosen.fields };
}

describe('LQ6 languages', () => {
  it('fall back to what the site says, then to shorter forms, each once, and circles end', () => {
    expect(chainOf('de-AT', NO_LANGUAGES)).toEqual(['de-AT', 'de']);
    expect(chainOf('zh-Hant-TW', NO_LANGUAGES)).toEqual(['zh-Hant-TW', 'zh-Hant', 'zh']);
    expect(chainOf('gsw', site([], { gsw: ['de-CH'] }))).toEqual(['gsw', 'de-CH', 'de']);
    expect(chainOf('gsw-CH', site([], { gsw: ['de-CH'] }))).toEqual(['gsw-CH', 'gsw', 'de-CH', 'de']);
    expect(chainOf('a1', site([], { a1: ['a2'], a2: ['a1', 'a3'] }))).toEqual(['a1', 'a2', 'a3']);
  });

  it.each([
    [['de-AT'], 'de', 'nearest by a shorter form'],
    [['gsw-CH'], 'de', 'what the site lets stand in'],
    [['fr', 'en-GB'], 'en', 'the next that is wanted'],
    [['fr'], 'de', 'the first of the site'],
    [[], 'de', 'the first of the site'],
  ])('who wants %j gets %s: %s', (wanted, locale) => {
    const locales = { en: { title: 'e' }, de: { title: 'd' } };
    expect(shown(locales, wanted, site(['de', 'en'], { gsw: ['de'] }))?.locale).toBe(locale);
  });

  it('without a site the first there is, as it ever was', () =>
    expect(shown({ en: { title: 'e' }, de: { title: 'd' } }, ['fr'])?.locale).toBe('en'));

  it('a variant says what differs, and takes the rest from the next of its chain', () => {
    const locales = {
      en: { title: 'Hello', body: 'World', only: 'english' },
      'de-AT': { title: 'Grüß Gott {{ 1234.5 | money: "EUR" }}' },
      de: { title: 'Guten Tag', body: 'Der Betrag: {{ 1234.5 | money: "EUR" }}' },
    };
    const [austrian, german] = [shown(locales, ['de-AT']), shown(locales, ['de-DE'])];
    expect(austrian).toEqual({
      locale: 'de-AT',
      title: 'Grüß Gott €\u00a01.234,50',
      body: 'Der Betrag: €\u00a01.234,50',
    });
    expect(german).toEqual({ locale: 'de', title: 'Guten Tag', body: 'Der Betrag: 1.234,50\u00a0€' });
    const gsw = site([], { gsw: ['de-AT'] });
    expect(shown({ gsw: { only: 'Grüezi' }, ...locales }, ['gsw'], gsw)).toMatchObject({
      only: 'Grüezi',
      body: expect.stringContaining('Betrag'),
    });
  });

  it('a message needs a subject and a text in every language, its own or by its chain', () => {
    const message = (locales: object) => ({ id: 'm', channel: 'email', purpose: 'service', locales });
    const whole = { subject: 'Hallo', text: 'Text' };
    const compiled = compileMessage(message({ de: whole, 'de-CH': { subject: 'Grüezi' } }), 1);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
    expect(renderMessage(compiled.message, ['de-CH'], {})).toMatchObject({ subject: 'Grüezi', text: 'Text' });
    expect(compileMessage(message({ de: whole, en: { subject: 'Hi' } }), 1)).toMatchObject({
      ok: false,
      findings: [{ code: 'schema', pointer: '/locales/en/text' }],
    });
  });

  it('a fault is told once, where it is written', () => {
    const document = { id: 'x', kind: 'article', placements: ['p'], stages: [] };
    const locales = { de: { title: '{% if %}' }, 'de-AT': { body: 'x' }, 'de-CH': { body: 'x' } };
    expect(compileItem('content', { ...document, locales }, 1, EMPTY_VOCABULARY)).toMatchObject({
      findings: [{ pointer: '/locales/de/title' }],
    });
  });

  it('figures are written as in the region of the customer, in a text of that language alone', () => {
    expect(readingLocale('de', ['de-CH'])).toBe('de-CH');
    expect(readingLocale('de', ['en-GB', 'de_AT'])).toBe('de-AT');
    expect(readingLocale('de', ['en-GB'])).toBe('de');
    expect(readingLocale('de', ['de-u-nu-thai', 'de'])).toBe('de');
    expect(readingLocale('de', ['de-<script>'])).toBe('de');
  });

  it('chosen as by looking through every tag and every cut', () => {
    const tag = fc.constantFrom('de', 'de-AT', 'DE-at', 'de_CH', 'en', 'en-GB', 'zh-Hant-TW', 'zh', 'fr', '');
    const tags = fc.uniqueArray(tag, { maxLength: 5 });
    const written = tags.map((all) => all.map((each) => each.replace('_', '-')));
    fc.assert(
      fc.property(written, tags, (available, wanted) => {
        const expected = wanted
          .flatMap((range) => {
            const parts = range.replaceAll('_', '-').split('-');
            return parts.map((_, cut) => parts.slice(0, parts.length - cut).join('-'));
          })
          .flatMap((cut) => available.filter((each) => each.toLowerCase() === cut.toLowerCase()))[0];
        const chosen = chooseLocale(new Map(available.map((each) => [each, 1])), wanted);
        expect(chosen?.toLowerCase() ?? null).toBe((expected ?? available[0])?.toLowerCase() ?? null);
      }),
      { numRuns: often(500, 50_000), seed: 20_261_123 },
    );
  });

  it('wanted languages are as they were where the site says nothing', () =>
    expect(withFallbacks(['de'], NO_LANGUAGES)).toEqual(['de']));
});

describe('LQ6 missing languages', () => {
  const siteOf = (languages: readonly string[]): Document => ({ kind: 'site', document: { languages } });
  const locales = (...tags: string[]) => Object.fromEntries(tags.map((tag) => [tag, { title: 'x' }]));
  const content = (of: object): Document => ({
    kind: 'content',
    document: { id: 'x', kind: 'article', placements: ['p'], stages: [], locales: of },
  });
  const missing = (document: Document, ...beside: Document[]) =>
    (checkDocuments([document, ...beside])[0] ?? []).map(({ code, severity, message }) => [code, severity, message]);

  it('are those the site declares, covered by what stands in for them', () => {
    expect(missing(content(locales('de')), siteOf(['de', 'en']))).toEqual([
      ['language-missing', 'warning', 'is not there in "en", as site.json asks'],
    ]);
    expect(missing(content(locales('de', 'en')), siteOf(['de-AT', 'en-GB', 'en']))).toEqual([]);
    expect(missing(content(locales('de-AT')), siteOf(['de']))).toHaveLength(1);
  });

  it('of offers, messages and fragments too', () => {
    const offer = { id: 'o', placements: ['p'], stages: [], benefit: { kind: 'gift' }, locales: locales('de') };
    const text = { de: { subject: 'x', text: 'x' } };
    const message = { id: 'm', channel: 'email', purpose: 'service', locales: text };
    const fragment = { id: 'f', locales: { de: { text: 'x' } } };
    for (const each of [
      { kind: 'offer', document: offer },
      { kind: 'message', document: message },
      { kind: 'fragment', document: fragment },
    ] as const)
      expect(missing(each, siteOf(['de', 'en']))).toHaveLength(1);
  });

  it('are those of most documents where no site is declared', () => {
    const others = [content(locales('de', 'en')), content(locales('de', 'en')), content(locales('de', 'en'))];
    expect(missing(content(locales('de')), ...others)).toEqual([
      ['language-missing', 'warning', 'is not there in "en", as most documents are'],
    ]);
  });

  it('a site that names none, or no language, is refused', () => {
    expect(compileSite({ languages: [] })).toMatchObject({ ok: false, findings: [{ pointer: '/languages' }] });
    expect(compileSite({ languages: ['german'] })).toMatchObject({
      ok: false,
      findings: [{ pointer: '/languages/0' }],
    });
    expect(compileSite({ languages: ['de'], fallbacks: { gsw: ['de'] } })).toMatchObject({ ok: true });
  });
});
