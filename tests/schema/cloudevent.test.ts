// CloudEvents as plain functions: what identifies one, how a header becomes an attribute. How they travel is tested over
// HTTP in tests/contract.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CloudEvent, isJsonType, messageIdOf, messageOf } from '../../schema/cloudevent.ts';
import { LIMITS } from '../../schema/limits.ts';
import { attributeOf } from '../../workers/api/cloudevents.ts';

/** As the binding says a sender has to: blank, quote, percent and everything but printable ASCII. */
const encoded = (text: string): string =>
  [...text].map((character) => (/[\x21\x23\x24\x26-\x7e]/.test(character) ? character : hex(character))).join('');
const hex = (character: string): string =>
  [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

describe('a header', () => {
  it('that was encoded as the binding says comes out as it went in', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
        (text) => {
          expect(attributeOf(encoded(text))).toBe(text);
        },
      ),
    );
  });

  it.each(['%C0%A0', '%80', '%ED%A0%80', '%F8%88%80%80%80', 'é', '\t', '\u007f'])('of %j is refused', (header) =>
    expect(attributeOf(header)).toBeNull(),
  );

  it.each([
    ['"quoted \\"text\\""', 'quoted "text"'],
    ['""', ''],
    ['"', '"'],
    ['%', '%'],
    ['%4', '%4'],
    ['%2541', '%41'],
  ])('of %j is %j', (header, attribute) => expect(attributeOf(header)).toBe(attribute));
});

describe('the message id', () => {
  const sources = fc.stringMatching(/^[a-z%20/:.]{1,12}$/).map((text) => `/${text.replaceAll('%', '%25')}`);
  const ids = fc.string({ unit: fc.constantFrom('a', ' ', '/', '%'), minLength: 1, maxLength: 6 });

  it('is another one for another source or another id', () => {
    fc.assert(
      fc.property(sources, ids, sources, ids, (source, id, otherSource, otherId) => {
        const same = source === otherSource && id === otherId;
        expect(messageIdOf({ source, id }) === messageIdOf({ source: otherSource, id: otherId })).toBe(same);
      }),
    );
  });

  it('is never longer than an id may be', () => {
    const source = `/${'s'.repeat(LIMITS.uriCharsMax - 1)}`;
    const one = messageIdOf({ source, id: 'i'.repeat(LIMITS.idCharsMax) });
    expect(one.length).toBeLessThanOrEqual(LIMITS.idCharsMax);
    expect(messageIdOf({ source, id: 'i' })).not.toBe(one);
    const fits = { source: `/${'s'.repeat(LIMITS.idCharsMax - 3)}`, id: 'i' };
    expect(messageIdOf(fits)).toBe(`${fits.source} i`);
  });
});

describe('the message', () => {
  const event = { specversion: '1.0', id: '1', source: '/a', type: 'T', subject: 's' };
  const mapped = (more: object) => {
    const result = messageOf(CloudEvent.parse({ ...event, ...more }));
    return result.ok ? result.message : result.fault;
  };

  it('has the data as properties, whatever it is', () => {
    expect(mapped({ data: { a: 1 } })).toMatchObject({ properties: { a: 1 } });
    expect(mapped({ data: [1] })).toMatchObject({ properties: { data: [1] } });
    expect(mapped({ data: 0 })).toMatchObject({ properties: { data: 0 } });
    expect(mapped({ data: null })).not.toHaveProperty('properties');
    expect(mapped({ data_base64: '' })).not.toHaveProperty('properties');
    expect(mapped({ data_base64: 'MQ==' })).toMatchObject({ properties: { data_base64: 'MQ==' } });
    expect(mapped({ data_base64: 'MQ==', datacontenttype: 'text/json' })).toMatchObject({ properties: { data: 1 } });
    expect(mapped({ data_base64: 'ew==', datacontenttype: 'text/json' })).toMatchObject({ pointer: '/data_base64' });
  });

  it('is JSON by the subtype of the media type alone', () => {
    for (const type of ['application/json', 'text/json', 'a/b+json', 'A/JSON ; charset=utf-8'])
      expect([type, isJsonType(type)]).toEqual([type, true]);
    for (const type of ['', 'text/plain', 'application/jsonlines', 'text/plain; a=/json', 'application/json-seq'])
      expect([type, isJsonType(type)]).toEqual([type, false]);
  });
});
