// Templates: what the filters write for a reader, what fragments bring, and what is refused and where.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { fragmentsOf } from '../../workers/decide/fragments.ts';
import { escapeHtml } from '../../workers/decide/liquid/filters.ts';
import { often } from '../prove.ts';
import { compiled, type Given, nested, rendered } from './rendered.ts';

/** What Intl puts between figures and signs may be a space that does not break. */
const plainSpaces = (text: string | null): string | undefined => text?.replaceAll(/[\u00a0\u202f]/g, ' ');

describe('LQ1 filters write in the language of the reader', () => {
  const at = '2026-11-23T22:30:00Z';
  it.each([
    ['{{ v | money: "EUR" }}', 1234.5, 'de', '1.234,50 €'],
    ['{{ v | money: "EUR" }}', 1234.5, 'en', '€1,234.50'],
    ['{{ v | money: "EUR" }}', 1234.5, 'de-AT', '€ 1.234,50'],
    ['{{ v | money: "JPY" }}', '1234', 'ja', '￥1,234'],
    ['{{ v | money: "EUR" }}', 'free', 'en', 'free'],
    ['{{ v | money: "EUR" }}', null, 'en', ''],
    ['{{ v | number }}', 1234567.891, 'de', '1.234.567,891'],
    ['{{ v | number: 2 }}', 5, 'en', '5.00'],
    ['{{ v | percent }}', 0.256, 'de', '25,6 %'],
    ['{{ v | date: "long" }}', '1990-05-04', 'de', '4. Mai 1990'],
    ['{{ v | date: "long" }}', '1990-05-04', 'en', 'May 4, 1990'],
    ['{{ v | date: "short" }}', '1990-05-04', 'en-GB', '04/05/1990'],
    ['{{ v | date: "weekday" }}', at, 'de', 'Montag'],
    ['{{ v | date }}', Date.parse(at), 'en', 'Nov 23, 2026'],
    ['{{ v | date: "long" }}', 'tomorrow', 'en', 'tomorrow'],
    ['{{ v | date: "long" }}', '2026-99-99', 'en', '2026-99-99'],
    ['{{ v | list }}', ['a', 'b', 'c'], 'de', 'a, b und c'],
    ['{{ v | list: "or" }}', ['a', 'b', 'c'], 'en', 'a, b, or c'],
    ['{{ v | list }}', [], 'en', ''],
    ['{{ v | name }}', { firstName: 'Ida', lastName: 'Beck' }, 'de', 'Ida Beck'],
    ['{{ v | name }}', { firstName: 'Béla', lastName: 'Bartók' }, 'hu', 'Bartók Béla'],
    ['{{ v | name: "short" }}', { firstName: ' Ida ' }, 'de', 'Ida'],
    ['{{ v | name: "short" | default: "du" }}', {}, 'de', 'du'],
    ['{{ v | name }}', { name: 'Ida B.' }, 'de', 'Ida B.'],
    ['{{ v | plural: one: "# Artikel", other: "# Artikel!" }}', 1, 'de', '1 Artikel'],
    ['{{ v | plural: one: "# item", other: "# items" }}', 1200, 'en', '1,200 items'],
    ['{{ v | plural: one: "# plik", few: "# pliki", many: "# plików", other: "# pliku" }}', 3, 'pl', '3 pliki'],
    ['{{ v | plural: one: "# plik", few: "# pliki", many: "# plików", other: "# pliku" }}', 5, 'pl', '5 plików'],
    ['{{ v | plural: other: "some" }}', 'many', 'en', 'some'],
  ])('%s of %j in %s', (source, v, locale, expected) => {
    expect(plainSpaces(rendered(source, { values: { v }, reading: { locale, zone: 'UTC' } }))).toBe(expected);
  });

  it('a time is read in the zone of the customer, a date is that day everywhere, a zone nobody knows is UTC', () => {
    const time = (value: string, zone: string) =>
      plainSpaces(rendered('{{ v | date: "datetime" }}', { values: { v: value }, reading: { locale: 'de', zone } }));
    expect(time(at, 'Europe/Vienna')).toBe('23.11.2026, 23:30');
    expect(time(at, 'Asia/Tokyo')).toBe('24.11.2026, 07:30');
    expect(time(at, 'Nowhere/Land')).toBe('23.11.2026, 22:30');
    const day = (zone: string) => rendered('{{ "1990-05-04" | date: "long" }}', { reading: { locale: 'de', zone } });
    expect([day('Pacific/Kiritimati'), day('Pacific/Niue')]).toEqual(['4. Mai 1990', '4. Mai 1990']);
  });
});

describe('LQ2 what can be seen to be wrong is refused with its place', () => {
  it.each([
    ['{{ v | shout }}', 'unknown-filter', 'line:1, col:1', ''],
    ['a\nb {{ v | mony: "EUR" }}', 'unknown-filter', 'line:2, col:3', 'Did you mean money?'],
    ['{{ v | constructor }}', 'unknown-filter', 'constructor', ''],
    ['{{ v | __proto__ }}', 'unknown-filter', '__proto__', ''],
    ['{{ v | raw }}', 'unknown-filter', 'raw', ''],
    ['{{ v | money }}', 'filter-argument', 'line:1, col:1', 'exactly 1'],
    ['{{ v | money: "Euro" }}', 'filter-argument', '"Euro"', 'ISO 4217'],
    ['{{ v | date: "%Y" }}', 'filter-argument', '"%Y"', 'long'],
    ['{{ v | number: 1000000 }}', 'filter-argument', '1000000', '20'],
    ['{{ v | upcase: 1 }}', 'filter-argument', 'upcase', 'none'],
    ['{{ v | plural: one: "x" }}', 'filter-argument', 'other', 'other'],
    ['{{ v | plural: two: "x", lots: "y", other: "z" }}', 'filter-argument', '"lots"', 'few'],
    ['{% if v == w | money %}x{% endif %}', 'filter-argument', 'money', ''],
    ['{% assign x = v | list: "nor" %}', 'filter-argument', '"nor"', 'and, or'],
    ['{% for x in v limit: 2 %}{{ x | date: "longer" }}{% endfor %}', 'filter-argument', '"longer"', 'long'],
    ['{% include "x" %}', 'template', 'include', ''],
    ['{% layout "x" %}', 'template', 'layout', ''],
    ['{% constructor %}', 'template', 'constructor', ''],
    ['{% increment traits %}', 'template', 'increment', ''],
    ['{% if v %}', 'template', 'not closed', ''],
    ['{% render "footer" %}', 'unknown-fragment', '"footer"', 'fragments/'],
    ['{% render v %}', 'template', 'line:1', 'quotes'],
  ])('%s is %s', (source, code, message, remedy) => {
    const result = compiled(source);
    if (!('fault' in result)) throw new Error('was accepted');
    expect(result.fault.code).toBe(code);
    expect(result.fault.message).toContain(message);
    expect(result.fault.message).toMatch(/[^.]$/);
    expect(result.fault.remedy).toContain(remedy);
    expect(result.fault.remedy).toMatch(/^[A-Z].*\.$/s);
  });

  it('a text that is too long', () => {
    const long = (chars: number) => `{{ v }}${'x'.repeat(chars - 7)}`;
    expect(rendered(long(LIMITS.templateCharsMax))?.length).toBe(LIMITS.templateCharsMax - 7);
    expect(rendered(long(LIMITS.templateCharsMax + 1))).toBe('refused: limit');
  });

  it('tags that are too deep, however deep', () => {
    expect(rendered(nested(LIMITS.templateDepthMax), { values: { v: true } })).toBe('x');
    for (const depth of [LIMITS.templateDepthMax + 1, 30, 4_000])
      expect(compiled(nested(depth))).toMatchObject({
        fault: { code: 'limit', message: expect.stringContaining('deep') },
      });
  });
});

describe('LQ3 fragments', () => {
  const fragments = fragmentsOf([
    {
      id: 'sign',
      locales: { de: { text: 'Ihr {{ of }}', html: '<i>Ihr {{ of }}</i>' }, en: { text: 'Your {{ of }}' } },
    },
    { id: 'hello', locales: { en: { text: 'Hi {{ traits.name }}{{ local }}' } } },
    { id: 'outer', locales: { en: { text: '[{% render "hello" %}]' } } },
    { id: 'ping', locales: { en: { text: '{% render "pong" %}' } } },
    { id: 'pong', locales: { en: { text: '{% render "ping" %}' } } },
    { id: 'broken', locales: { en: { text: '{% if %}' } } },
    ...[1, 2, 3, 4].map((n) => ({
      id: `deep${n}`,
      locales: { en: { text: n === 4 ? 'end' : `{% render "deep${n + 1}" %}` } },
    })),
  ]);
  const say = (source: string, given: Given = {}) =>
    rendered(source, { fragments, values: { traits: { name: '<Ida>' } }, ...given });

  it('are rendered in the language of the document, in its medium, with what they are given', () => {
    expect(say('{% render "sign", of: "X" %}')).toBe('Your X');
    expect(say('{% render "sign", of: "X" %}', { languages: ['de-AT', 'de'] })).toBe('Ihr X');
    expect(say('{% render "sign", of: "<" %}', { languages: ['de'], medium: 'html' })).toBe('<i>Ihr &lt;</i>');
    expect(say('{% render "sign", of: "<" %}', { languages: ['fr'], medium: 'html' })).toBe('<i>Ihr &lt;</i>');
    expect(say('{% render "sign" with traits.name as of %}')).toBe('Your <Ida>');
    expect(say('{% for x in (1..2) %}{% render "sign", of: x %};{% endfor %}')).toBe('Your 1;Your 2;');
  });

  it('see the values, but no name the template made', () => {
    expect(say('{% assign local = "!" %}{% render "outer" %}')).toBe('[Hi <Ida>]');
    expect(say('{% render "outer" %}', { medium: 'html' })).toBe('[Hi &lt;Ida&gt;]');
  });

  it.each([
    ['ping', 'fragment-loop'],
    ['broken', 'template'],
    ['deep1', 'limit'],
    ['sing', 'unknown-fragment'],
  ])('%s is refused: %s', (name, code) => expect(say(`{% render "${name}" %}`)).toBe(`refused: ${code}`));

  it('may be three deep', () => expect(say('{% render "deep2" %}')).toBe('end'));

  it('that are named wrongly are named rightly in the remedy', () => {
    const result = compiled('{% render "sigm" %}', { fragments });
    expect(result).toMatchObject({ fault: { remedy: expect.stringContaining('Did you mean sign?') } });
  });
});

describe('LQ4 values are escaped for HTML, however they get there', () => {
  const sign = fc.constantFrom('<', '>', '"', "'", '&', 'a', '<script>');
  const hostile = fc.array(sign, { maxLength: 8 }).map((all) => all.join(''));
  const ways = [
    '{{ v }}',
    '{% echo v %}',
    '{{ v | append: "" }}',
    '{% assign x = v %}{{ x }}',
    '{{ v | escape }}',
    '{% for x in l %}{{ x }}{% endfor %}',
    '{{ v | default: "<" }}',
    '{% liquid\necho v\n%}',
    '{{ l | join: "" }}',
    '{{ l | list }}',
    '{{ v | plural: other: v }}',
    '{{ v | date }}',
    '{{ v | money: v }}',
    '{% case 1 %}{% when 1 %}{{ v }}{% endcase %}',
    '{% unless false %}{{ v }}{% endunless %}',
  ];
  it.each(ways)('%s', (source) => {
    fc.assert(
      fc.property(hostile, (v) => {
        const text = rendered(source, { values: { v, l: [v] }, medium: 'html' }) ?? '';
        expect(text).not.toMatch(/[<>"']/);
        if (source === '{{ v }}') expect(text).toBe(escapeHtml(v));
      }),
      { numRuns: often(30, 3_000), seed: 20_261_123 },
    );
  });

  it('twice rather than not at all, where a captured text is written', () => {
    expect(rendered('{% capture x %}{{ v }}{% endcapture %}{{ x }}', { values: { v: '<' }, medium: 'html' })).toBe(
      '&amp;lt;',
    );
  });
});
