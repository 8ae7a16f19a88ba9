// What fits (F) and in which order (O): each rule by an example of its own.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { decideAll, ONE_SLOT, type PlacementRules } from '../../workers/decide/decide.ts';
import type { Item } from '../../workers/decide/items.ts';
import { NO_LEDGER, withDecision } from '../../workers/decide/ledger.ts';
import { rankSource } from '../../workers/decide/rank.ts';
import { shelve } from '../../workers/decide/shelf.ts';
import { ownedOf } from '../../workers/decide/situation.ts';
import { compileField } from '../../workers/decide/templates.ts';
import { contentOf, type Given, NOW, offerOf, situationOf } from './shelf.ts';

const DAY = 86_400_000;

function answer(items: readonly Item[], given: Given = {}, rules: Partial<PlacementRules> = {}, placements = ['home']) {
  const { shown, explained } = decideAll(
    shelve(items),
    placements,
    () => ({ ...ONE_SLOT, ...rules }),
    situationOf(given),
    true,
  );
  return {
    shown: (placement = 'home') => shown.get(placement)?.map(({ id }) => id),
    lost: (id: string, placement = 'home') => {
      const found = explained?.get(placement)?.find((each) => each.id === id);
      return found && [found.reason, found.evidence];
    },
  };
}

/** Shown, or lost for this reason. */
const fate = (document: JsonObject, given: Given = {}, rules: Partial<PlacementRules> = {}): string => {
  const { shown, lost } = answer([offerOf('one', document)], given, rules);
  return shown()?.includes('one') ? 'shown' : String(lost('one')?.[0]);
};

describe('what fits', () => {
  it('F1 a candidate of another stage is lost to its stage', () => {
    expect(fate({ stages: ['shop.first'] }, { stages: { shop: 'second' } })).toBe('stage');
    expect(fate({ stages: ['shop.first'] }, { stages: { shop: 'first' } })).toBe('shown');
  });

  it('F2 from is inclusive, until exclusive', () => {
    const iso = (at: number) => new Date(at).toISOString();
    const of = (from: number, until: number) => fate({ valid: { from: iso(from), until: iso(until) } });
    expect([of(NOW, NOW + 1_000), of(NOW - DAY, NOW), of(NOW + 1, NOW + DAY)]).toEqual([
      'shown',
      'validity',
      'validity',
    ]);
  });

  it('F3 a placement with kinds takes those alone', () => {
    const items = [contentOf('guide', { kind: 'guide' }), contentOf('faq', { kind: 'faq' }), offerOf('gift')];
    expect(answer(items, {}, { kinds: new Set(['faq']) }).shown()).toEqual(['faq']);
    expect(answer(items, {}, { kinds: new Set(['offer']) }).shown()).toEqual(['gift']);
    expect(answer(items, {}, { kinds: new Set(['faq']) }).lost('guide')).toEqual(['kind', { kind: 'guide' }]);
  });

  it('F4 country, device and referrer are what the page says; what it does not say does not hold', () => {
    const at = { situation: { country: ['AT', 'DE'] } };
    expect([fate(at, { context: { country: 'AT' } }), fate(at, { context: { country: 'CH' } }), fate(at)]).toEqual([
      'shown',
      'situation',
      'situation',
    ]);
    const phone = { situation: { device: ['mobile'] } };
    expect(fate(phone, { context: { device: { type: 'mobile' } } })).toBe('shown');
    expect(fate(phone, { context: { device: 'mobile' } })).toBe('shown');
    expect(fate(phone, { context: { device: { type: 'desktop' } } })).toBe('situation');
    const from = { situation: { referrer: ['example.com'] } };
    const came = (referrer: string) => fate(from, { context: { page: { referrer } } });
    expect(['https://example.com/x', 'https://www.example.com', 'https://badexample.com', 'nowhere'].map(came)).toEqual(
      [...['shown', 'shown', 'situation', 'situation']],
    );
  });

  it('F4 hours are those of the customer’s zone, and may go over midnight', () => {
    // NOW is 12:00 in UTC, 13:00 in Vienna and 21:00 in Tokyo.
    const day = { situation: { hours: { from: '08:00', until: '13:00' } } };
    const night = { situation: { hours: { from: '20:30', until: '06:00' } } };
    const in_ = (document: JsonObject, zone: string) => fate(document, { zone });
    expect([in_(day, 'UTC'), in_(day, 'Europe/Vienna'), in_(night, 'Asia/Tokyo'), in_(night, 'UTC')]).toEqual([
      ...['shown', 'situation', 'shown', 'situation'],
    ]);
  });

  it('F5 what is bought and not refunded counts as owned', () => {
    const order = (order_id: string, ...products: JsonObject[]) => ({ properties: { order_id, products } });
    const orders = [
      order('o1', { product_id: 'saw', sku: 'S-1', category: 'tools' }, { product_id: 'oil', category: 'care' }),
      order('o2', { product_id: 'chain', category: 'wear-parts' }),
      order('o3', { product_id: 'hat', category: 'clothes' }),
    ];
    const refunds = [order('o3'), order('o1', { product_id: 'oil' })];
    expect([...ownedOf(orders, refunds)].sort()).toEqual(['S-1', 'chain', 'saw', 'tools', 'wear-parts']);
    const owned = () => ownedOf(orders, refunds);
    expect(fate({ owns: { any: ['tools'] } }, { owned })).toBe('shown');
    expect(fate({ owns: { any: ['clothes'] } }, { owned })).toBe('owns');
    expect(fate({ owns: { none: ['saw'] } }, { owned })).toBe('owns');
    expect(fate({ owns: { any: ['tools'] } })).toBe('owns');
  });

  it('F6 audience, eligibility, applicability, suitability: the first that does not hold is the reason', () => {
    const rules = ['audience', 'eligibility', 'applicability', 'suitability'];
    const all = Object.fromEntries(rules.map((rule) => [rule, `traits.${rule} == true`]));
    const traits: Record<string, boolean> = {};
    for (const rule of rules) {
      expect(fate(all, { traits })).toBe(rule);
      traits[rule] = true;
    }
    expect(fate(all, { traits })).toBe('shown');
    const { lost } = answer([offerOf('one', { audience: 'traits.x.y.z > 1' })]);
    expect(lost('one')?.[1]).toMatchObject({ condition: 'traits.x.y.z > 1', error: expect.any(String) });
  });

  it('F7 an item is shown once in an answer', () => {
    const items = [
      contentOf('both', { placements: ['home', 'side'], priority: 2 }),
      contentOf('second', { placements: ['side'] }),
    ];
    const { shown, lost } = answer(items, {}, {}, ['home', 'side']);
    expect([shown('home'), shown('side')]).toEqual([['both'], ['second']]);
    expect(lost('both', 'side')?.[0]).toBe('shown-already');
  });

  it('F8 of offers that exclude each other one is shown in an answer', () => {
    const items = ['a', 'b', 'c'].map((id) => offerOf(id, id === 'c' ? {} : { excludes: 'saving' }));
    const { shown, lost } = answer(items, {}, { slots: 3 });
    expect([shown(), lost('b')]).toEqual([
      ['a', 'c'],
      ['excluded', { by: 'a' }],
    ]);
  });

  it('F9 diversity: at most so many that are alike', () => {
    const items = [
      contentOf('g1', { kind: 'guide', topics: ['saws'], priority: 5 }),
      contentOf('g2', { kind: 'guide', topics: ['saws', 'care'], priority: 4 }),
      contentOf('t1', { kind: 'tip', topics: ['care'], priority: 3 }),
    ];
    const by = (kind: 'kind' | 'topic') => answer(items, {}, { slots: 3, diversity: { by: kind, most: 1 } }).shown();
    expect([by('kind'), by('topic')]).toEqual([
      ['g1', 't1'],
      ['g1', 't1'],
    ]);
    expect(answer(items, {}, { slots: 3, diversity: { by: 'kind', most: 1 } }).lost('g2')).toEqual([
      'diversity',
      { by: 'kind' },
    ]);
  });

  it('F10 a cap that is reached', () => {
    const once = { caps: [{ event: 'decision', most: 1 }] };
    expect(fate(once)).toBe('shown');
    expect(fate(once, { ledgerOf: () => withDecision(NO_LEDGER, 'd', 'home', NOW - DAY) })).toBe('cap');
  });

  it('F11 a template that fails with the customer’s values', () => {
    const locales = { en: { title: '{{ traits.list | slice: 0, traits.none | join: "x" }}' } };
    const endless = { en: { title: '{% for x in (1..1000000) %}{{ x }}{% endfor %}' } };
    expect([fate({ locales: endless }), fate({ locales })].includes('template')).toBe(true);
  });

  it('F12 O3 an item of which nothing is left in all; its fallback stands in', () => {
    const limited = offerOf('a', { caps: [{ event: 'decision', scope: 'all', most: 5 }], fallback: 'z' });
    const items = [limited, offerOf('z', { placements: ['nowhere'] })];
    expect(answer(items, { exhausted: () => null }).shown()).toEqual(['a']);
    const { shown, lost } = answer(items, { exhausted: ({ id }) => (id === 'a' ? 'pot' : null) });
    expect([shown(), lost('a')]).toEqual([['z'], ['budget-exhausted', { pot: 'pot' }]]);
  });

  it('F13 experiments are asked of what passed everything else', () => {
    const asked: string[] = [];
    const screen = {
      ask: ({ id }: { id: string }) => {
        asked.push(id);
        return id === 'a' ? { reason: 'holdout' as const, experiment: 'x' } : null;
      },
      exposures: [],
    };
    const items = [offerOf('a'), offerOf('b', { audience: 'false' }), offerOf('c')];
    const { shown, lost } = answer(items, { screen });
    expect([shown(), asked, lost('a')]).toEqual([['c'], ['a', 'c'], ['holdout', { experiment: 'x' }]]);
  });
});

describe('order', () => {
  it('O1 tier, then score, then priority, then the id', () => {
    const items = [
      offerOf('low', { priority: 100 }),
      offerOf('tier', { tier: 1, priority: -100 }),
      offerOf('ranked', { rank: 'traits.value * 10.0', priority: 1 }),
      offerOf('same', { priority: 100 }),
    ];
    const order = (value: number) => answer(items, { traits: { value } }, { slots: 9 }).shown();
    expect(order(50)).toEqual(['tier', 'ranked', 'low', 'same']);
    expect(order(5)).toEqual(['tier', 'low', 'same', 'ranked']);
  });

  it('O1 a rank that errs or gives no number leaves the priority', () => {
    const items = [offerOf('errs', { rank: 'traits.x.y', priority: 5 }), offerOf('other', { priority: 4 })];
    expect(answer(items).shown()).toEqual(['errs']);
  });

  it('O1 propensity and interest are what is known of this customer for this item', () => {
    const rank = 'priority + propensity * value + interest * 10.0';
    const items = [
      offerOf('likely', { rank, value: 100, priority: 1 }),
      offerOf('liked', { rank, topics: ['garden', 'wood'], priority: 2 }),
      offerOf('plain', { rank, priority: 3 }),
    ];
    const order = (traits: JsonObject) => answer(items, { traits }, { slots: 3 }).shown();
    expect(order({})).toEqual(['plain', 'liked', 'likely']);
    expect(order({ propensities: { likely: 0.5 }, interests: ['wood'] })).toEqual(['likely', 'liked', 'plain']);
    expect(order({ propensities: { likely: 0.05, plain: 1 }, interests: ['wood', 'garden'] })).toEqual([
      'liked',
      'likely',
      'plain',
    ]);
  });

  it('O1 a formula that asks nothing of the customer is a number from the start', () => {
    const fixed = offerOf('fixed', { rank: 'value * 2.0 - 1', value: 4 });
    expect([fixed.rank, fixed.score]).toEqual([null, 7]);
    for (const rank of [
      'interest',
      "count('page') > 0 ? 1.0 : 0.0",
      "stages.x == 'y' ? 1.0 : 0.0",
      'traits.a',
      'value / 0.0',
    ])
      expect(offerOf('asks', { rank, topics: ['t'] }).rank).not.toBeNull();
  });

  it('O1 value and weight are the document’s own numbers', () => {
    const items = [
      offerOf('dear', { rank: 'value * weight', value: 30, weight: 2 }),
      offerOf('cheap', { rank: 'value * weight', value: 50 }),
    ];
    expect(answer(items, {}, { slots: 2 }).shown()).toEqual(['dear', 'cheap']);
    const words = { id: 'x', value: 2, weight: 1.5, priority: 0, topics: [] };
    expect(rankSource(`traits.value + value + traits["weight"] + values + 'value'`, words)).toBe(
      `traits.value + (2.0) + traits["weight"] + values + 'value'`,
    );
  });

  it('O2 placements in the order asked, each slot with the best that is left', () => {
    const items = ['a', 'b', 'c', 'd'].map((id) => contentOf(id, { placements: ['home', 'side'] }));
    const { shown } = answer(items, {}, { slots: 2 }, ['side', 'home']);
    expect([shown('side'), shown('home')]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('O3 where a cap is reached the fallback competes in its place, once', () => {
    const items = [
      offerOf('capped', { priority: 9, caps: [{ event: 'decision', most: 1 }], fallback: 'instead' }),
      offerOf('instead', { placements: ['elsewhere'], stages: ['shop.none'] }),
      offerOf('next', { priority: 1 }),
    ];
    const ledgerOf = () => withDecision(NO_LEDGER, 'd', 'home', NOW - 1);
    expect(answer(items, { ledgerOf }, { slots: 2 }).shown()).toEqual(['instead', 'next']);
    expect(answer(items, {}, { slots: 2 }).shown()).toEqual(['capped', 'next']);
  });

  it('O4 no more candidates are looked at than are allowed', () => {
    const items = Array.from({ length: LIMITS.candidatesMax + 5 }, (_, n) => contentOf(`c${n}`, { audience: 'false' }));
    const last = contentOf('zz', { priority: -1 });
    expect(answer([...items, last]).shown()).toEqual([]);
    expect(answer([...items.slice(0, 10), last]).shown()).toEqual(['zz']);
  });
});

describe('templates', () => {
  const IN = '{% for a in traits.list %}';
  const END = '{% endfor %}';
  it.each([
    [`${IN}${IN}x${END}${END}`],
    ['{% liquid\nfor a in (1..9)\nfor b in (1..9)\necho b\nendfor\nendfor\n%}'],
    [`${IN}{% comment %}${END}{% endcomment %}${IN}x${END}${END}`],
    [`${IN}{% if a %}{% case a %}{% when 1 %}{% tablerow b in a %}x{% endtablerow %}{% endcase %}{% endif %}${END}`],
    [`{% capture z %}${IN}{% unless a %}${IN}x${END}{% endunless %}${END}{% endcapture %}`],
    [`${IN}x{% else %}${IN}y${END}${END}`],
  ])('a loop inside a loop is refused, however it is written: %s', (title) => {
    expect(compileField('title', title)).toMatchObject({ fault: { message: expect.stringContaining('nested') } });
  });

  it('one loop behind another is taken', () => {
    expect(compileField('title', `${IN}x${END}{% if a %}${IN}y${END}{% endif %}`)).toHaveProperty('field');
  });
});
