// Which item a placement shows: order, audience, validity, stages, languages, templates; and what that costs.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../workers/decide/decide.ts';
import { compileItem, type Item } from '../../workers/decide/items.ts';
import { chooseLocale } from '../../workers/decide/languages.ts';
import { shelve } from '../../workers/decide/shelf.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import type { Condition } from '../../workers/engine/conditions.ts';
import { contentOf, type Given, NOW, offerOf, situationOf } from './shelf.ts';

const idOf = (items: readonly Item[], given: Given = {}, placement = 'home'): string | null =>
  decide(shelve(items), placement, situationOf(given))?.id ?? null;

describe('order', () => {
  it('the higher priority wins, in whatever order the items were loaded', () => {
    const items = [
      contentOf('low', { priority: -5 }),
      contentOf('high', { priority: 7 }),
      contentOf('none'),
      offerOf('middle', { priority: 3 }),
    ];
    expect(idOf(items)).toBe('high');
    expect(idOf(items.toReversed())).toBe('high');
  });

  it('between equals the id decides', () => {
    const items = ['b', 'a10', 'a2', 'c'].map((id) => contentOf(id));
    expect(idOf(items)).toBe('a10');
    expect(idOf(items.toReversed())).toBe('a10');
  });

  it('the order holds across the stages of several journeys and what stands for every stage', () => {
    const items = [
      contentOf('everywhere', { priority: 2 }),
      contentOf('shop', { stages: ['shop.first'], priority: 1 }),
      contentOf('loyalty', { stages: ['loyalty.gold'], priority: 3 }),
    ];
    const stages = { shop: 'first', loyalty: 'gold' };
    expect(idOf(items, { stages })).toBe('loyalty');
    expect(idOf(items, { stages: { shop: 'first', loyalty: 'silver' } })).toBe('everywhere');
    expect(idOf(items.slice(1), { stages: { shop: 'first' } })).toBe('shop');
  });

  it('what is chosen says its kind, version and language', () => {
    const chosen = decide(shelve([offerOf('gift', {}, 4)]), 'home', situationOf());
    expect(chosen).toEqual({ kind: 'offer', id: 'gift', version: 4, locale: 'en', fields: { title: 'Hello' } });
  });
});

describe('where an item stands', () => {
  it('only in its placements', () => {
    const item = contentOf('one', { placements: ['home', 'cart'] });
    expect([idOf([item], {}, 'home'), idOf([item], {}, 'cart'), idOf([item], {}, 'footer')]).toEqual([
      'one',
      'one',
      null,
    ]);
  });

  it('only in its stages; an empty list is every stage, and no stage at all', () => {
    const item = contentOf('one', { stages: ['shop.first', 'shop.second'] });
    const stagesOf = (stage: string) => ({ stages: { shop: stage } });
    expect(['first', 'second', 'third'].map((stage) => idOf([item], stagesOf(stage)))).toEqual(['one', 'one', null]);
    expect(idOf([item])).toBeNull();
    expect([idOf([contentOf('all')], stagesOf('third')), idOf([contentOf('all')])]).toEqual(['all', 'all']);
  });

  it('a stage of another journey with the same name is another stage', () => {
    expect(idOf([contentOf('one', { stages: ['shop.first'] })], { stages: { other: 'first' } })).toBeNull();
  });

  it('an empty shelf, and a placement that is a name of JavaScript, show nothing', () => {
    expect(idOf([])).toBeNull();
    expect(idOf([contentOf('one')], {}, 'constructor')).toBeNull();
    expect(idOf([contentOf('one')], {}, '__proto__')).toBeNull();
  });
});

describe('who may see it', () => {
  const gold = { audience: "traits.tier == 'gold'" };

  it('an item whose audience does not hold is passed over', () => {
    const items = [contentOf('gold', { ...gold, priority: 1 }), contentOf('all')];
    expect(idOf(items, { traits: { tier: 'gold' } })).toBe('gold');
    expect(idOf(items, { traits: { tier: 'silver' } })).toBe('all');
  });

  it('an audience that errs is false', () => {
    const items = [contentOf('gold', { ...gold, priority: 1 }), contentOf('all')];
    expect(idOf(items)).toBe('all');
  });

  it('an offer needs its audience and its eligibility', () => {
    const items = [offerOf('gift', { ...gold, eligibility: "count('Order') >= 2.0" })];
    const orders = [1, 2].map((n) => ({ name: 'Order', at: NOW - n, properties: {} }));
    expect(idOf(items, { traits: { tier: 'gold' }, history: orders })).toBe('gift');
    expect(idOf(items, { traits: { tier: 'silver' }, history: orders })).toBeNull();
    expect(idOf(items, { traits: { tier: 'gold' }, history: orders.slice(1) })).toBeNull();
  });
});

describe('validity', () => {
  const at = (text: string) => ({ now: Date.parse(text) });

  it('from is inclusive, until exclusive', () => {
    const items = [contentOf('one', { valid: { from: '2026-11-01T00:00:00Z', until: '2026-12-01T00:00:00Z' } })];
    expect(idOf(items, at('2026-10-31T23:59:59.999Z'))).toBeNull();
    expect(idOf(items, at('2026-11-01T00:00:00Z'))).toBe('one');
    expect(idOf(items, at('2026-11-30T23:59:59.999Z'))).toBe('one');
    expect(idOf(items, at('2026-12-01T00:00:00Z'))).toBeNull();
  });

  it('either end may be open, an offset and a mere date are understood', () => {
    const from = contentOf('from', { valid: { from: '2026-11-22T13:00:00+01:00' } });
    expect([idOf([from]), idOf([from], { now: NOW - 1 })]).toEqual(['from', null]);
    const until = contentOf('until', { valid: { until: '2026-11-23' } });
    expect([idOf([until]), idOf([until], at('2026-11-23T00:00:00Z'))]).toEqual(['until', null]);
  });

  it('one that ends before it begins is refused', () => {
    const valid = { from: '2026-12-01', until: '2026-12-01' };
    const document = { id: 'x', kind: 'banner', placements: ['home'], stages: [], locales: { en: {} }, valid };
    const compiled = compileItem('content', document, 1, EMPTY_VOCABULARY);
    expect(compiled).toMatchObject({ ok: false, findings: [{ code: 'validity', pointer: '/valid' }] });
  });
});

describe('languages, RFC 4647 lookup', () => {
  const available = new Map(['en', 'de', 'de-CH', 'zh-Hant', 'zh-Hant-TW'].map((locale) => [locale, true]));
  it.each([
    [['de'], 'de'],
    [['de-CH'], 'de-CH'],
    [['de-AT'], 'de'],
    [['de-ch'], 'de-CH'],
    [['DE_ch'], 'de-CH'],
    [['zh-Hant-TW'], 'zh-Hant-TW'],
    [['zh-Hant-HK'], 'zh-Hant'],
    [['zh-Hant-TW-x-one'], 'zh-Hant-TW'],
    [['fr', 'de-AT', 'en'], 'de'],
    [['fr'], 'en'],
    [[], 'en'],
    [['', 'de'], 'de'],
    [['*'], 'en'],
    [['d'], 'en'],
  ])('%j finds %s', (wanted, found) => {
    expect(chooseLocale(available, wanted)).toBe(found);
  });

  it('nothing available is nothing', () => {
    expect(chooseLocale(new Map(), ['en'])).toBeNull();
  });

  it('the fields are those of the language', () => {
    const items = [contentOf('one', { locales: { en: { title: 'Hello' }, de: { title: 'Hallo' } } })];
    const chosen = decide(shelve(items), 'home', situationOf({ locales: ['de-AT', 'en'] }));
    expect(chosen).toMatchObject({ locale: 'de', fields: { title: 'Hallo' } });
  });
});

describe('templates', () => {
  const fieldsOf = (title: string, given: Given = {}) =>
    decide(shelve([contentOf('one', { locales: { en: { title } } })]), 'home', situationOf(given))?.fields['title'];

  it('see traits, stages, context, the event and the customer', () => {
    const title = '{{ traits.name }} {{ stages.shop }} {{ context.page.path }} {{ customer.id }} {{ event.name }}';
    const context = { page: { path: '/cart' } };
    expect(fieldsOf(title, { traits: { name: 'Ada' }, stages: { shop: 'first' }, context })).toBe(
      'Ada first /cart u:1 ',
    );
  });

  it('escape what they insert', () => {
    expect(fieldsOf('<b>{{ traits.name }}</b>', { traits: { name: `<script>"'&` } })).toBe(
      '<b>&lt;script&gt;&#34;&#39;&amp;</b>',
    );
  });

  it('see own members only', () => {
    const title = '[{{ traits.constructor }}{{ traits.toString }}{{ traits.__proto__ }}{{ traits.tags.map }}]';
    expect(fieldsOf(title, { traits: { tags: ['a'] } })).toBe('[]');
  });

  it('one that fails with these values falls to the next candidate', () => {
    const items = [
      contentOf('greedy', { priority: 9, locales: { en: { title: '{% for n in (1..100000000) %}x{% endfor %}' } } }),
      contentOf('modest', { priority: 1 }),
    ];
    expect(idOf(items)).toBe('modest');
    expect(idOf(items.slice(0, 1))).toBeNull();
  });

  it('one that does not parse is refused with its place', () => {
    const locales = { 'de-AT': { title: '{{ traits.name', rest: '{% if %}' } };
    const document = { id: 'x', kind: 'banner', placements: ['home'], stages: [], locales };
    const compiled = compileItem('content', document, 1, EMPTY_VOCABULARY);
    expect(compiled).toMatchObject({
      ok: false,
      findings: [
        { code: 'template', pointer: '/locales/de-AT/title' },
        { code: 'template', pointer: '/locales/de-AT/rest' },
      ],
    });
  });

  it('a field that is no text, or a text without Liquid, stays as it is', () => {
    const fields = { title: 'a } b { <c>', price: 12.5, big: true, none: null };
    const chosen = decide(shelve([contentOf('one', { locales: { en: fields } })]), 'home', situationOf());
    expect(chosen?.fields).toEqual(fields);
  });

  it('an absent value is empty', () => {
    expect(fieldsOf('Hello {{ traits.name.first }}!')).toBe('Hello !');
  });
});

/** A condition that counts how often it is asked. */
function counted(holds: boolean): { condition: Condition; asked: () => number } {
  let asked = 0;
  const condition: Condition = {
    source: String(holds),
    pointer: '/audience',
    history: [],
    asks: {
      event: false,
      traits: false,
      segments: false,
      stages: false,
      time: false,
      start: null,
      startWhole: false,
      answers: [],
    },
    evaluate: () => {
      asked++;
      return { ok: true, value: holds };
    },
  };
  return { condition, asked: () => asked };
}

describe('cost', () => {
  it('does not grow with the catalog: only what could be shown is looked at, best first', () => {
    const others = counted(true);
    const better = counted(false);
    const items: Item[] = [];
    for (let n = 0; n < 20_000; n++) {
      const place = n % 2 === 0 ? { stages: [`shop.s${n % 400}x`] } : { placements: [`p${n % 100}`] };
      items.push({ ...base, id: `other-${n}`, ...place, rules: [{ reason: 'audience', condition: others.condition }] });
    }
    for (let n = 0; n < 3; n++)
      items.push({
        ...base,
        id: `better-${n}`,
        priority: 2,
        stages: ['shop.first'],
        rules: [{ reason: 'audience', condition: better.condition }],
      });
    const shown = counted(true);
    items.push({ ...base, id: 'shown', priority: 1, rules: [{ reason: 'audience', condition: shown.condition }] });
    for (let n = 0; n < 1_000; n++)
      items.push({ ...base, id: `worse-${n}`, rules: [{ reason: 'audience', condition: others.condition }] });
    const chosen = decide(shelve(items), 'home', situationOf({ stages: { shop: 'first' } }));
    expect(chosen?.id).toBe('shown');
    expect([better.asked(), shown.asked(), others.asked()]).toEqual([3, 1, 0]);
  });

  it('an item out of its time is not asked for its audience', () => {
    const late = counted(true);
    decide(
      shelve([{ ...base, id: 'late', validUntil: NOW, rules: [{ reason: 'audience', condition: late.condition }] }]),
      'home',
      situationOf(),
    );
    expect(late.asked()).toBe(0);
  });
});

const base = contentOf('base');

describe('against a reference that looks at everything', () => {
  /** The same by looking through all items, without a shelf. */
  function naive(items: readonly Item[], placement: string, stages: Readonly<Record<string, string>>, now: number) {
    const holds = (item: Item) => item.rules.every(({ condition }) => condition.source === 'true');
    const stands = (item: Item) =>
      item.stages.length === 0 || Object.entries(stages).some(([id, stage]) => item.stages.includes(`${id}.${stage}`));
    return (
      items
        .filter((item) => item.placements.includes(placement) && stands(item) && holds(item))
        .filter((item) => item.validFrom <= now && now < item.validUntil)
        .toSorted((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1))[0]?.id ?? null
    );
  }

  const instant = fc.integer({ min: 0, max: 10 });
  const item = fc
    .record({
      placements: fc.uniqueArray(fc.constantFrom('home', 'cart', 'footer'), { minLength: 1 }),
      stages: fc.uniqueArray(fc.constantFrom('shop.a', 'shop.b', 'loyal.a', 'loyal.c'), { maxLength: 3 }),
      priority: fc.integer({ min: -2, max: 2 }),
      holds: fc.boolean(),
      from: fc.option(instant, { nil: -Infinity }),
      until: fc.option(instant, { nil: Infinity }),
    })
    .map((drawn) => ({ ...drawn, conditions: [counted(drawn.holds).condition] }));

  it('decides the same', () => {
    let shown = 0;
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 30 }),
        fc.constantFrom('home', 'cart', 'footer', 'nowhere'),
        fc.record({ shop: fc.constantFrom('a', 'b', 'c'), loyal: fc.constantFrom('a', 'c') }, { requiredKeys: [] }),
        instant,
        (drawn, placement, stages, now) => {
          const items = drawn.map(({ from, until, ...rest }, n) => ({
            ...base,
            ...rest,
            id: `i${(n * 7) % 31}`,
            validFrom: from,
            validUntil: until,
          }));
          const chosen = decide(shelve(items), placement, situationOf({ stages, now }))?.id ?? null;
          expect(chosen).toBe(naive(items, placement, stages, now));
          if (chosen !== null) shown++;
        },
      ),
      { numRuns: 2_000, seed: 3 },
    );
    expect(shown).toBeGreaterThan(400);
  });
});
