// Faulty journeys, one a fault, beside the shipped documents: each fault is found at its place; no shipped
// document has a finding; and every code there is has a journey that shows it, or says here where it is shown.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDocuments, type Document, surroundingsOf } from '../../workers/check/catalog.ts';
import { checkJourney } from '../../workers/check/check.ts';
import { CODES, severityOf } from '../../workers/check/codes.ts';
import { readSources } from '../../workers/cli/files.ts';
import { validate } from '../schema/validate.ts';
import { codeBelow, readText } from '../tidy/source.ts';

const ROOT = join(import.meta.dirname, '../..');
const FAULTY = join(ROOT, 'tests/journeys/faulty');
const { sources: shipped } = readSources(join(ROOT, 'journeys'));

interface Faulty {
  readonly name: string;
  readonly finds: { readonly code: string; readonly pointer: string };
  readonly journey: { readonly [member: string]: unknown };
  readonly beside?: readonly unknown[];
}
const faulty: Faulty[] = readdirSync(FAULTY).map((file) => ({
  name: file.replace('.json', ''),
  ...JSON.parse(readFileSync(join(FAULTY, file), 'utf8')),
}));

const journey = (document: unknown) => ({ kind: 'journey' as const, document });
const findingsOf = (document: unknown, beside: readonly unknown[] = []) =>
  checkJourney(document, surroundingsOf([journey(document), ...beside.map(journey), ...shipped]));

describe('faulty journeys', () => {
  it('are many', () => expect(faulty.length).toBeGreaterThan(60));

  it.each(faulty)('$name: $finds.code at $finds.pointer', ({ finds, journey: document, beside }) => {
    const findings = findingsOf(document, beside);
    expect(findings.map(({ code, pointer }) => ({ code, pointer }))).toContainEqual(finds);
    for (const { code, severity, message, remedy } of findings) {
      expect(severity).toBe(severityOf(code));
      expect(message).toMatch(/[^.]$/);
      expect(remedy).toMatch(/^[A-Z].*\.$/s);
    }
  });

  it('show every code of journeys', () => {
    /** Of other documents, and of what the schema of a journey refuses first. */
    const elsewhere = [
      'unknown-placement',
      'json',
      'template',
      'unknown-filter',
      'filter-argument',
      'unknown-fragment',
      'fragment-loop',
      'unknown-variable',
      'validity',
      'unknown-place',
      'language-missing',
      'duration',
      'experiment',
      // tests/knowledge
      'computed-event',
      'computed-type',
      'computed-where',
      'segment-condition',
      // tests/accounts
      'account-event',
      'unknown-item',
      // tests/privacy
      'window-beyond-retention',
      // tests/api/totals
      'cap-twice',
      'budget-hold',
    ];
    const shown = new Set(faulty.map(({ finds }) => finds.code));
    expect(Object.keys(CODES).filter((code) => !shown.has(code) && !elsewhere.includes(code))).toEqual([]);
  });
});

describe('other documents', () => {
  const [content] = shipped.filter(({ kind }) => kind === 'content');
  const changed = (members: object) => ({
    kind: 'content' as const,
    document: { ...Object(content?.document), ...members },
  });
  const findings = (members: object) => checkDocuments([changed(members), ...shipped])[0];

  it('name stages that are there, in every language the others have', () => {
    expect(findings({})).toEqual([]);
    expect(findings({ stages: ['lifecycle.usge'] })).toMatchObject([
      { code: 'unknown-place', pointer: '/stages/0', remedy: expect.stringContaining('lifecycle.usage') },
    ]);
    expect(
      findings({
        placements: ['hiro'],
        caps: [{ event: 'click', most: 1, placement: 'heroo' }],
        fallback: 'first-step',
      }),
    ).toMatchObject([
      { code: 'unknown-placement', pointer: '/placements/0', remedy: expect.stringContaining('hero') },
      { code: 'unknown-placement', pointer: '/caps/0/placement' },
      { code: 'unknown-item', pointer: '/fallback', remedy: expect.stringContaining('first-steps') },
    ]);
    expect(findings({ locales: { de: { title: 'Nur deutsch' } } })).toMatchObject([
      { code: 'language-missing', pointer: '/locales', severity: 'warning' },
    ]);
  });
});

describe('templates', () => {
  const written = (kind: Document['kind'], source: object): Document => {
    const [first] = shipped.filter((each) => each.kind === kind);
    return { kind, document: { ...Object(first?.document), locales: { de: source, en: source } } };
  };
  const found = (kind: Document['kind'], source: object, beside: readonly Document[] = []) =>
    (checkDocuments([written(kind, source), ...beside, ...shipped])[0] ?? []).filter(({ pointer }) =>
      pointer.startsWith('/locales/de'),
    );
  const fragment = (id: string, text: string): Document => ({
    kind: 'fragment',
    document: { id, locales: { de: { text }, en: { text } } },
  });

  it.each([
    ['{{ traits.fristName }}', 'traits.fristName', 'Did you mean firstName?'],
    ['{{ trait.firstName }}', 'trait', 'Did you mean traits?'],
    ['{{ traits.address.zip }}', 'traits.address', 'events.json'],
    ['{{ event.properties.totl | money: "EUR" }}', 'event.properties', 'Did you mean total?'],
    ['{{ event.nam }}', 'event', 'Did you mean name?'],
    ['{{ customer.email }}', 'customer', 'There is id.'],
    ['{% for p in event.properties.products %}{{ p.prise }}{% endfor %}', 'products', 'Did you mean price?'],
    ['{% assign p = event.properties.products.first %}{{ p.skuu }}', 'products', 'Did you mean sku?'],
    ['{% if traits.intrests contains "garden" %}x{% endif %}', 'traits', 'Did you mean interests?'],
    ['{% for i in (1..traits.ag) %}x{% endfor %}', 'traits', 'Did you mean age?'],
    ['{{ "x" | append: traits.lastname }}', 'traits', 'Did you mean lastName?'],
    ['{{ traits["first name"] }}', 'traits', ''],
    ['{{ traits.constructor }}', 'traits', ''],
    ['{{ traits.__proto__.x }}', 'traits', ''],
    ['{{ traits.email.domain }}', 'traits.email', ''],
    ['{% render "card", of: traits.nick %}', 'traits', ''],
  ])('%s reads what nobody declared', (source, within, remedy) => {
    const card = fragment('card', '{{ of }}');
    for (const kind of ['content', 'offer', 'message'] as const) {
      const field = kind === 'message' ? 'text' : 'title';
      const findings = found(kind, kind === 'message' ? { subject: 'x', text: source } : { title: source }, [card]);
      expect(findings).toMatchObject([
        { code: 'unknown-variable', severity: 'error', pointer: `/locales/de/${field}` },
      ]);
      expect(findings[0]?.message).toContain(within);
      expect(findings[0]?.message).toMatch(/line:1, col:\d+$/);
      expect(findings[0]?.remedy).toContain(remedy);
    }
  });

  it.each([
    '{{ traits.firstName }} {{ traits.address.city }} {{ traits.interests.first.size }} {{ traits.timezone }}',
    '{% for p in event.properties.products %}{{ forloop.index }} {{ p.name }}{% endfor %}',
    '{% assign whole = traits.firstName | append: "x" %}{{ whole.size }}',
    '{% capture c %}{{ traits.email }}{% endcapture %}{{ c }}',
    '{{ traits | name }}{{ event.name }}{{ customer.id }}',
    '{% render "card", of: traits.email %}',
  ])('%s is declared', (source) => {
    expect(found('content', { title: source }, [fragment('card', '{{ of }}')])).toEqual([]);
    expect(found('message', { subject: 'x', text: source }, [fragment('card', '{{ of }}')])).toEqual([]);
  });

  it('know what stands around them: pages have stages and a context, messages the journey', () => {
    const page = '{{ stages.lifecycle }}{{ context.page.path }}';
    const sent = '{{ journey.id }}{{ journey.stage }}{{ journey.key }}';
    expect(found('content', { title: page })).toEqual([]);
    expect(found('message', { subject: 'x', text: sent })).toEqual([]);
    expect(found('content', { title: sent })).toHaveLength(3);
    expect(found('message', { subject: 'x', text: page })).toHaveLength(2);
    expect(found('content', { title: '{{ stages.lifecycel }}' })).toMatchObject([
      { remedy: expect.stringContaining('Did you mean lifecycle?') },
    ]);
  });

  it('of fragments are asked for where they are written and where they are rendered', () => {
    const bad = fragment('card', '{{ traits.fristName }}{{ of }}');
    expect(checkDocuments([bad, ...shipped])[0]).toMatchObject([
      { code: 'unknown-variable', pointer: '/locales/de/text' },
      { code: 'unknown-variable', pointer: '/locales/en/text' },
    ]);
    const render = '{% render "card" %}';
    expect(found('content', { title: render }, [bad])).toMatchObject([
      { code: 'unknown-variable', message: expect.stringContaining('traits.fristName') },
      { code: 'unknown-variable', message: expect.stringMatching(/reads of,.*of the fragment card/) },
    ]);
  });

  it.each([
    ['{{ traits.email | shout }}', 'unknown-filter'],
    ['{{ traits.birthday | date: "longest" }}', 'filter-argument'],
    ['{% render "nowhere" %}', 'unknown-fragment'],
    ['{% render "ping" %}', 'fragment-loop'],
    ['{% if %}', 'template'],
  ])('%s is %s, in a fragment too', (source, code) => {
    const beside = [fragment('ping', '{% render "pong" %}'), fragment('pong', '{% render "ping" %}')];
    expect(found('content', { title: source }, beside)).toMatchObject([{ code, pointer: '/locales/de/title' }]);
    expect(found('offer', { title: source }, beside)).toMatchObject([{ code, pointer: '/locales/de/title' }]);
    expect(found('message', { subject: source, text: 'x' }, beside)).toMatchObject([
      { code, pointer: '/locales/de/subject' },
    ]);
    const own = checkDocuments([fragment('own', source), ...beside, ...shipped])[0];
    expect(own?.[0]).toMatchObject({ code, pointer: '/locales/de/text' });
  });

  it('are not asked for names where nobody knows any', () => {
    const content = written('content', { title: '{{ traits.fristName }}' });
    expect(checkDocuments([content], null)[0]?.filter(({ code }) => code === 'unknown-variable')).toEqual([]);
    expect(checkDocuments([content])[0]?.filter(({ code }) => code === 'unknown-variable')).toEqual([]);
  });
});

describe('experiments', () => {
  const [experiment] = shipped.filter(({ kind }) => kind === 'experiment');
  const findings = (members: object) =>
    checkDocuments([{ kind: 'experiment', document: { ...Object(experiment?.document), ...members } }, ...shipped])[0];

  it('name what is there', () => {
    expect(findings({})).toEqual([]);
    const arms = [
      { id: 'a', content: ['what-did-we-mis'] },
      { id: 'b', offers: ['first-steps'] },
    ];
    const thompson = { by: 'stages.lifecycel' };
    const target = { placements: ['baner'] };
    const goal = { event: 'Order Complete', within: 'P7D' };
    expect(findings({ arms, target, goal, allocation: { thompson } })).toMatchObject([
      { code: 'unknown-item', pointer: '/target/placements/0', severity: 'warning' },
      { code: 'unknown-item', pointer: '/arms/0/content/0', remedy: expect.stringContaining('what-did-we-miss') },
      { code: 'unknown-item', pointer: '/arms/1/offers/0' },
      { code: 'unknown-event', pointer: '/goal/event', remedy: expect.stringContaining('Order Completed') },
      { code: 'unknown-journey', pointer: '/allocation/thompson/by', remedy: expect.stringContaining('lifecycle') },
    ]);
  });

  it('are refused where they compare nothing', () =>
    expect(findings({ arms: [{ id: 'a' }], holdout: undefined })).toMatchObject([
      { code: 'experiment', pointer: '/arms', severity: 'error' },
      { code: 'experiment', pointer: '/target', severity: 'error' },
    ]));
});

describe('CODES.md', () => {
  const said = readFileSync(join(ROOT, 'workers/check/CODES.md'), 'utf8');

  it('lists every code with its severity and explanation, and no other', () => {
    const listed = [...said.matchAll(/^\| `([a-z-]+)` \| (\w+) \| (.+) \|$/gm)].map(([, code, ...rest]) => [
      code,
      rest,
    ]);
    expect(listed).toEqual(Object.entries(CODES).map(([code, rest]) => [code, [...rest]]));
  });

  it('lists every code the compilers say', () => {
    const sources = codeBelow('workers/engine', 'workers/decide').map(readText).join('\n');
    const codes = [...sources.matchAll(/(?:\bcode: |\bsay\(\s*(?:draft\.)?build,\s*|\bfault\(\s*)'([a-z-]+)'/g)].map(
      ([, code]) => code,
    );
    expect(new Set(codes).size).toBeGreaterThan(20);
    for (const code of codes) expect(Object.keys(CODES)).toContain(code);
  });
});

describe('the shipped documents', () => {
  it('have no finding', () => expect(checkDocuments(shipped).flat()).toEqual([]));
});

describe('the JSON Schema of journeys', () => {
  const schema = JSON.parse(readFileSync(join(ROOT, 'schema/generated/journey.schema.json'), 'utf8'));

  it('accepts every shipped journey, and every faulty one whose fault is none of shape', () => {
    for (const { kind, path, document } of shipped)
      if (kind === 'journey') expect([path, validate(schema, document as never)]).toEqual([path, []]);
    for (const { name, finds, journey: document } of faulty)
      expect([name, validate(schema, document as never).length > 0]).toEqual([name, finds.code === 'schema']);
  });
});
