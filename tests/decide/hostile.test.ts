// Hostile templates: each ends by a count of its work and not by the clock, and reaches nothing that is not its own.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { often } from '../prove.ts';
import { compiled, nested, rendered } from './rendered.ts';

describe('LQ5 a template ends by a count of its work', () => {
  const values = { list: Array.from({ length: 1_000 }, () => 'x'.repeat(60)), s: 'ab'.repeat(8_000) };
  const doubling = (times: number): string =>
    `{% assign x = s %}${'{% assign x = x | append: x %}'.repeat(times)}{{ x.size }}`;
  const grow = (filter: string): string => `{% assign x = "aa" %}${`{% assign x = x | ${filter} %}`.repeat(60)}{{ x }}`;
  const captured = (inner: string): string =>
    `{% assign x = s %}{% for i in (1..1000) %}{% capture x %}${inner}{% endcapture %}{% endfor %}`;

  /** Each is refused or fails, and never writes anything. */
  const endless: readonly (readonly [string, string])[] = [
    ['a huge range', '{% for i in (1..100000000) %}x{% endfor %}'],
    ['a range beyond all numbers', '{% for i in (1..999999999999999) %}x{% endfor %}'],
    ['a range from far below', '{% for i in (-99999999..99999999) %}{% endfor %}'],
    ['a range in a filter', '{{ (1..99999999) | join: "x" }}'],
    ['a range that is assigned', '{% assign r = (1..99999999) %}{{ r | size }}'],
    ['an empty loop', '{% for i in (1..900000) %}{% endfor %}'],
    ['a loop of comments', '{% for i in (1..20000) %}{% comment %}x{% endcomment %}{% endfor %}'],
    ['a loop that skips all', '{% for i in (1..20000) %}{% continue %}{% endfor %}'],
    ['a table', '{% tablerow i in (1..90000) cols: 1 %}x{% endtablerow %}'],
    ['loops in loops', '{% for i in list %}{% for j in list %}x{% endfor %}{% endfor %}'],
    ['loops in a liquid tag', '{% liquid\nfor i in list\nfor j in list\necho j\nendfor\nendfor\n%}'],
    ['a table in a loop', '{% for i in list %}{% tablerow j in list %}x{% endtablerow %}{% endfor %}'],
    ['doubling by append', doubling(40)],
    ['doubling by prepend', doubling(40).replaceAll('append', 'prepend')],
    ['growth by capture', captured('{{ x }}{{ x }}')],
    ['growth by capture and literals', captured(`{{ x }}${'y'.repeat(5_000)}`)],
    ['a long text again and again', `{% for i in (1..1000) %}${'y'.repeat(5_000)}{% endfor %}`],
    ['a long value again and again', '{% for i in (1..1000) %}{{ s }}{% endfor %}'],
    ['replace by something longer', '{{ s | replace: "a", s }}'],
    ['replace of nothing', '{{ s | replace: "", s }}'],
    ['replace by replace', grow('replace: "a", "aaaa"')],
    [
      'replace by itself',
      '{% assign x = "aaaa" %}{% for i in (1..99) %}{% assign x = x | replace: "a", x %}{% endfor %}{{ x }}',
    ],
    ['split into letters, often', '{% for i in (1..999) %}{% assign y = s | split: "" %}{% endfor %}'],
    ['lists that double', `{% assign x = list %}${'{% assign x = x | concat: x %}'.repeat(40)}{{ x.size }}`],
    ['join with something long', '{{ list | join: s }}'],
    ['join in a loop', '{% for i in (1..999) %}{% assign y = list | join: "," %}{% endfor %}'],
    ['sort in a loop', '{% for i in (1..9999) %}{% assign y = list | sort %}{% endfor %}'],
    ['sort_natural in a loop', '{% for i in (1..9999) %}{% assign y = list | sort_natural %}{% endfor %}'],
    ['uniq in a loop', '{% for i in (1..9999) %}{% assign y = list | uniq %}{% endfor %}'],
    ['map in a loop', '{% for i in (1..9999) %}{% assign y = list | map: "size" %}{% endfor %}'],
    ['where in a loop', '{% for i in (1..9999) %}{% assign y = list | where: "size", 9 %}{% endfor %}'],
    ['reverse in a loop', '{% for i in (1..9999) %}{% assign y = list | reverse %}{% endfor %}'],
    ['upcase in a loop', '{% for i in (1..9999) %}{% assign y = s | upcase %}{% endfor %}'],
    ['strip_html in a loop', '{% for i in (1..9999) %}{% assign y = s | strip_html %}{% endfor %}'],
    ['truncatewords in a loop', '{% for i in (1..9999) %}{% assign y = s | truncatewords: 3 %}{% endfor %}'],
    ['slugify in a loop', '{% for i in (1..9999) %}{% assign y = s | slugify %}{% endfor %}'],
    ['url_encode in a loop', '{% for i in (1..9999) %}{% assign y = s | url_encode %}{% endfor %}'],
    ['date in a loop', '{% for i in (1..9999) %}{% assign y = "2026-01-01" | date: "full" %}{% endfor %}'],
    ['money in a loop', '{% for i in (1..9999) %}{% assign y = i | money: "EUR" %}{% endfor %}'],
    ['list in a loop', '{% for i in (1..9999) %}{% assign y = list | list %}{% endfor %}'],
    ['plural of something long', '{% for i in (1..9999) %}{% assign y = i | plural: other: s %}{% endfor %}'],
    [
      'plural with many signs',
      `{% for i in (1..2000) %}{{ 1234567 | plural: other: "${'#'.repeat(500)}" }}{% endfor %}`,
    ],
    ['a slice without end', '{{ s | slice: 0, 99999999 }}{{ list | slice: 0, 99999999 }}'],
    ['a chain of filters', `{{ s${' | upcase | downcase'.repeat(4_000)} }}`],
    [
      'a long condition',
      `{% if ${Array.from({ length: 9_000 }, () => 's == s').join(' and ')} %}{{ s | raw }}{% endif %}`,
    ],
    ['deep tags', nested(40)],
    ['very deep tags', nested(4_000)],
    ['deep captures', `${'{% capture x %}'.repeat(40)}y${'{% endcapture %}'.repeat(40)}`],
    ['deep cases', `${'{% case 1 %}{% when 1 %}'.repeat(40)}y${'{% endcase %}'.repeat(40)}`],
    ['a file', '{% include "/etc/passwd" %}'],
    ['a layout', '{% layout "/etc/passwd" %}'],
    ['a fragment by path', '{% render "../../secrets" %}'],
    ['a fragment by prototype', '{% render "__proto__" %}'],
    ['a fragment called constructor', '{% render "constructor" %}'],
    ['a counter over the values', '{% increment list %}{% decrement list %}'],
    ['a filter every object has', '{{ s | hasOwnProperty: "x" }}'],
    ['a filter that makes functions', '{{ "return 1" | constructor }}'],
    ['a filter that defines', '{{ s | __defineGetter__: "x" }}'],
    ['a filter that evaluates', '{{ list | where_exp: "x", "x == 1" }}'],
    ['a filter that groups by a text', '{{ list | group_by_exp: "x", "x" }}'],
    ['a filter that draws', '{{ list | sample }}'],
    ['a filter that spells out everything', '{{ list | json }}{{ list | inspect }}'],
    ['a tag every object has', '{% toString %}{% hasOwnProperty x %}'],
    ['a tag of blocks', '{% block x %}{% endblock %}'],
  ];
  it('of which there are many', () => expect(endless.length).toBeGreaterThanOrEqual(60));

  it.each(endless)('%s', (_, source) => {
    for (const medium of ['plain', 'html'] as const) {
      const text = rendered(source, { values, medium });
      expect(text === null || text.startsWith('refused: ') || text.length <= LIMITS.templateWorkCharsMax).toBe(true);
      if (text !== null && !text.startsWith('refused: ')) throw new Error(`wrote ${text.slice(0, 80)}`);
    }
  });

  it.each([
    ['{{ o.constructor }}{{ o.__proto__ }}{{ o.toString }}{{ o.hasOwnProperty }}', ''],
    ['{{ o["constructor"]["constructor"] }}', ''],
    ['{{ list2.constructor }}{{ list2.map }}{{ list2.length }}{{ list2.size }}', '22'],
    ['{{ o }}', ''],
    ['{{ s2.constructor }}{{ s2.length }}{{ s2.size }}', '55'],
    ['{{ o | map: "constructor" }}{{ o | map: "__proto__" }}', ''],
    ['{% assign __proto__ = "x" %}{{ o.x }}{{ __proto__ }}', 'x'],
    ['{% assign constructor = "x" %}{{ constructor }}', 'x'],
    ['{% capture toString %}x{% endcapture %}{{ toString }}', 'x'],
    ['{{ Symbol.iterator }}{{ o["Symbol(Symbol.iterator)"] }}{{ globalThis }}{{ process.env }}', ''],
    ['{% for x in o.constructor %}x{% endfor %}', ''],
    [
      '{{ "a.b*c" | replace: ".", "-" }}{{ "a(b" | split: "(" | join: "," }}{{ "$1" | replace: "$1", "$&" }}',
      'a-b*ca,b$&',
    ],
    ['{{ "x" | append: o }}', 'x[object Object]'],
    ['{{ forloop }}{{ tablerowloop }}', ''],
    ['{{ 1 | divided_by: 0 }}', 'Infinity'],
    ['{{ "\u0000" }}{{ "\ud800" | url_encode }}', '\u0000%EF%BF%BD'],
  ])('%s reaches nothing', (source, expected) => {
    const given = { o: { x: '' }, list2: ['a', 'b'], s2: 'hello' };
    expect(rendered(source, { values: given })).toBe(expected);
    expect(given).toEqual({ o: { x: '' }, list2: ['a', 'b'], s2: 'hello' });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each([
    ['{{ "abc" | upcase }}', 'ABC'],
    ['{{ "a,b" | split: "," | last }}', 'b'],
    ['{% for i in (1..3) %}{{ i }}{% unless forloop.last %},{% endunless %}{% endfor %}', '1,2,3'],
    ['{{ "hello world" | truncate: 8 }}', 'hello...'],
    ['{{ nothing | default: "x" }}', 'x'],
    ['{{ 7 | modulo: 4 }}{{ 5 | times: 2 }}{{ 4.6 | round }}{{ 10 | divided_by: 3 }}', '31053.3333333333333335'],
    ['{%- if true -%} a {%- endif -%} ', 'a'],
    ['{% raw %}{{ x }}{% endraw %}', '{{ x }}'],
    ['{% case 2 %}{% when 1 %}a{% when 2 %}b{% endcase %}', 'b'],
    ['{{ "A b" | slugify }}', 'a-b'],
    ['{% # a comment %}x', 'x'],
  ])('%s is Liquid as it ever was', (source, expected) => {
    expect(rendered(source, { values: { list: [1] } })).toBe(expected);
  });

  it('and is read in one go, as long as it may be: names once each, places for what is told alone', () => {
    const whole = (part: string): string => part.repeat(Math.floor(LIMITS.templateCharsMax / part.length));
    for (const source of [whole('{{ a }}'), whole('{{- a -}} '), whole('{% assign b = a %}')]) {
      const result = compiled(source);
      if ('fault' in result || result.field.kind === 'fixed') throw new Error('was not compiled');
      expect(result.field.reads.map(({ path }) => path)).toEqual([['a']]);
    }
  });

  it('as generated: whatever is written, it ends, and HTML never holds a sign of a customer', () => {
    const filter = fc.constantFrom(
      'upcase',
      'append: v',
      'split: ""',
      'join: v',
      'sort',
      'concat: l',
      'list',
      'replace: "a", v',
      'escape',
      'date',
      'default: v',
      'plural: other: v',
      'slice: 0, 5',
      'map: "x"',
      'strip_html',
      'reverse',
      'size',
      'times: 999999',
      'truncate: 3',
    );
    const value = fc.constantFrom('v', 'l', 'n', '(1..9)', '"a"', 'x', 'l.first', 'forloop.index');
    const expression = fc.tuple(value, fc.array(filter, { maxLength: 4 })).map(([of, by]) => [of, ...by].join(' | '));
    const leaf = fc.oneof(
      expression.map((e) => `{{ ${e} }}`),
      expression.map((e) => `{% assign x = ${e} %}`),
      fc.constantFrom('text ', '{% break %}', '{% continue %}'),
    );
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => a + b),
        fc.tuple(value, tie('tree')).map(([of, t]) => `{% for i in ${of} %}${t}{% endfor %}`),
        tie('tree').map((t) => `{% capture x %}{{ x }}${t}{% endcapture %}`),
        fc.tuple(value, tie('tree')).map(([of, t]) => `{% if ${of} %}${t}{% else %}y{% endif %}`),
      ),
    }));
    const given = { v: '<"\'a&>'.repeat(50), l: Array.from({ length: 100 }, () => '<a>'), n: 42 };
    let written = 0;
    fc.assert(
      fc.property(tree, (source) => {
        const html = rendered(source, { values: given, medium: 'html' });
        if (html === null || html.startsWith('refused: ')) return;
        written += html.length > 0 ? 1 : 0;
        expect(html).not.toMatch(/[<>"']/);
        expect(html.length).toBeLessThanOrEqual(LIMITS.templateWorkCharsMax);
      }),
      { numRuns: often(300, 30_000), seed: 20_261_123 },
    );
    expect(written).toBeGreaterThan(50);
  });
});
