// schema/catalog.ts: what the generated JSON Schemas cannot say about content, offers and event declarations.

import { describe, expect, it } from 'vitest';
import { Content, EventDeclarations, Offer } from '../../schema/catalog.ts';

const places = (parsed: { error?: { issues: readonly { path: readonly PropertyKey[] }[] } | undefined }) =>
  parsed.error?.issues.map(({ path }) => path.join('/')) ?? [];

describe('event declarations', () => {
  const aliases = (events: Record<string, string[]>) =>
    places(
      EventDeclarations.safeParse({
        events: Object.fromEntries(Object.entries(events).map(([name, list]) => [name, { aliases: list }])),
      }),
    );

  it('T5 an alias names one event, and no event that is declared', () => {
    expect(aliases({ A: ['a'], B: ['b', 'c'] })).toEqual([]);
    expect(aliases({ A: ['x'], B: ['b', 'x'] })).toEqual(['events/B/aliases/1']);
    expect(aliases({ A: ['B'], B: [] })).toEqual(['events/A/aliases/0']);
    expect(aliases({ A: ['A'] })).toEqual(['events/A/aliases/0']);
  });

  it('T5 names that objects inherit are free to be aliases', () => {
    expect(aliases({ A: ['constructor', 'toString'] })).toEqual([]);
  });
});

describe('content and offers', () => {
  const content = { id: 'c', kind: 'tip', placements: ['hero'], stages: [], locales: { de: { title: 'T' } } };

  it('have at least one language', () => {
    expect(places(Content.safeParse(content))).toEqual([]);
    expect(places(Content.safeParse({ ...content, locales: {} }))).toEqual(['locales']);
  });

  it('have no caps yet: an offer that states one is refused, not served without it', () => {
    const offer = { ...content, kind: 'offer', benefit: { kind: 'gift' } };
    expect(places(Offer.safeParse({ ...offer, caps: [] }))).toEqual([]);
    expect(places(Offer.safeParse({ ...offer, caps: [{ perCustomer: 1 }] }))).not.toEqual([]);
  });
});
