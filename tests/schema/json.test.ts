// schema/json.ts: what is parsed, what is refused, and where a fault is said to stand; every limit below, at and above.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  escapePointer,
  findJsonFault,
  findPrototypeMember,
  isObject,
  type Json,
  parseJsonBytes,
  parseJsonText,
  pointerOf,
} from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const detailOf = (text: string) => {
  const parsed = parseJsonText(text);
  return parsed.ok ? null : parsed.fault.detail;
};
/** The pointer of the fault in a value, or null. */
const faultAt = (value: Json) => findJsonFault(value)?.pointer ?? null;
const parse = (text: string): Json => JSON.parse(text);
const nested = (depth: number, open: string, inner: string, close: string) =>
  open.repeat(depth) + inner + close.repeat(depth);

describe('parsing', () => {
  it('takes what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) });
        expect(parseJsonBytes(bytes(text))).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  it('never throws, whatever it is given', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (any) => typeof parseJsonBytes(any).ok === 'boolean'));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:\\01.eE-n\n') }),
        (any) => typeof parseJsonText(any).ok === 'boolean',
      ),
    );
  });

  it('refuses bytes that are not UTF-8', () => {
    for (const bad of [[0xff], [0x22, 0xc3, 0x28, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc0, 0xaf, 0x22]])
      expect(parseJsonBytes(new Uint8Array(bad))).toMatchObject({
        ok: false,
        fault: { detail: expect.stringContaining('UTF-8') },
      });
  });

  it('refuses a byte order mark, as RFC 8259 lets it', () => {
    expect(parseJsonBytes(new Uint8Array([0xef, 0xbb, 0xbf, 0x31])).ok).toBe(false);
  });

  it.each([
    ['{"a": 1,}', 'position 8 (line 1, column 9)'],
    ['{\n  "a": x\n}', 'position 9 (line 2, column 8)'],
    ['{"a": 1', 'position 7 (line 1, column 8)'],
    ['', 'position 0 (line 1, column 1)'],
    ['[1,\n\n2 3]', 'position 7 (line 3, column 3)'],
    ["{'a': 1}", 'position 1 (line 1, column 2)'],
    ['[1,,2]', 'position 3 (line 1, column 4)'],
    ['{"a": NaN}', 'position 6 (line 1, column 7)'],
    ['[1] // why', 'position 4 (line 1, column 5)'],
    ['{"a": "x\\y"}', 'position 9 (line 1, column 10)'],
  ])('says where %j is broken', (text, place) => expect(detailOf(text)).toContain(place));

  it('does not repeat the text it was sent', () => {
    expect(detailOf('{"password": "secret" oops}')).not.toMatch(/secret|oops/);
  });

  it.each([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"a":', '}]'],
  ])('bounds the depth of %s%s', (open, close) => {
    const levels = open === '[{"a":' ? 2 : 1;
    const max = LIMITS.jsonDepthMax / levels;
    for (const depth of [max - 1, max]) expect(detailOf(nested(depth, open, '1', close))).toBeNull();
    expect(detailOf(nested(max + 1, open, '1', close))).toContain('nested more than 32');
  });

  it('bounds the depth before anything is parsed: a million brackets take no time', () => {
    const startedAt = performance.now();
    expect(detailOf('['.repeat(1_000_000))).toContain('nested more than 32');
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  it('does not take brackets in strings for nesting', () => {
    const text = JSON.stringify({ a: '['.repeat(100), b: '\\"[['.repeat(100), '{{{{': 1 });
    expect(detailOf(text)).toBeNull();
    expect(detailOf(`["\\\\", ${nested(40, '[', '', ']')}]`)).toContain('nested');
  });

  it('counts siblings once', () => expect(detailOf(`[${'[],'.repeat(1_000)}[]]`)).toBeNull());
});

describe('what no event and no document may hold', () => {
  it('a sound value has no fault', () => {
    const sound = fc.jsonValue({ maxDepth: 5, noUnicodeString: false });
    fc.assert(
      fc.property(sound, (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__') && text.isWellFormed() && !/\\ud[89a-f]/i.test(text));
        expect(findJsonFault(JSON.parse(text))).toBeNull();
      }),
    );
  });

  it.each([
    ['{"__proto__": 1}', '/__proto__'],
    ['{"a": [1, {"b": {"__proto__": {"admin": true}}}]}', '/a/1/b/__proto__'],
    ['{"\\u005f_proto__": 1}', '/__proto__'],
  ])('%s: a member that would change a prototype', (text, pointer) => expect(faultAt(parse(text))).toBe(pointer));

  it('constructor and prototype are data', () => {
    expect(faultAt(parse('{"constructor": {"prototype": 1}, "toString": 2, "hasOwnProperty": 3}'))).toBeNull();
  });

  it.each([
    ['{"a": "\\ud800"}', '/a'],
    ['{"a": ["\\udc00x"]}', '/a/0'],
    ['{"\\ud800": 1}', ''],
    ['"\\ud83d"', ''],
  ])('%s: half of a surrogate pair', (text, pointer) => expect(faultAt(parse(text))).toBe(pointer));

  it('a whole surrogate pair is a character', () =>
    expect(faultAt(parse('{"\\ud83d\\ude00": "\\ud83d\\ude00"}'))).toBeNull());

  it.each([
    ['{"a": 1e999}', '/a'],
    ['[[-1e999]]', '/0/0'],
    ['1e400', ''],
  ])('%s: a number that is no double', (text, pointer) => expect(faultAt(parse(text))).toBe(pointer));

  it('the largest double is one', () =>
    expect(faultAt([Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -0])).toBeNull());

  it.each([
    ['a string', LIMITS.stringCharsMax, (n: number): Json => ({ a: 'x'.repeat(n) }), '/a'],
    ['a string in a list', LIMITS.stringCharsMax, (n: number): Json => ['x'.repeat(n)], '/0'],
    ['a list', LIMITS.arrayItemsMax, (n: number): Json => ({ a: Array<Json>(n).fill(1) }), '/a'],
    [
      'an object',
      LIMITS.objectMembersMax,
      (n: number): Json => [Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]))],
      '/0',
    ],
    ['a member name', LIMITS.nameCharsMax, (n: number): Json => ({ ['x'.repeat(n)]: 1 }), ''],
    [
      'the nesting',
      LIMITS.jsonDepthMax,
      (n: number): Json => parse(nested(n, '[', '', ']')),
      '/0'.repeat(LIMITS.jsonDepthMax),
    ],
  ] as const)('bounds %s', (_, max, make, pointer) => {
    expect(faultAt(make(max - 1))).toBeNull();
    expect(faultAt(make(max))).toBeNull();
    expect(faultAt(make(max + 1))).toBe(pointer);
  });

  it('depth counts objects and lists alike', () => {
    const deep = (n: number): Json => parse(nested(n / 2, '[{"a":', '1', '}]'));
    expect(faultAt(deep(LIMITS.jsonDepthMax))).toBeNull();
    expect(faultAt(deep(LIMITS.jsonDepthMax + 2))).toBe('/0/a'.repeat(LIMITS.jsonDepthMax / 2));
  });

  it('the first fault is told, in the order written', () => {
    expect(faultAt(parse('{"ok": 1, "b": 1e999, "__proto__": 1}'))).toBe('/b');
  });
});

describe('pointers', () => {
  it('escape as RFC 6901 says', () => {
    expect(escapePointer('a/b~c')).toBe('a~1b~0c');
    expect(pointerOf(['stages', 'a/b', 0, '~'])).toBe('/stages/a~1b/0/~0');
    expect(pointerOf([])).toBe('');
    expect(faultAt({ 'a/b': { '~': [Number.POSITIVE_INFINITY] } })).toBe('/a~1b/~0/0');
  });

  it('lead back to what they name', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), (path) => {
        const back = pointerOf(path)
          .split('/')
          .slice(1)
          .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
        expect(back).toEqual(path);
      }),
    );
  });

  it('isObject is true for objects alone', () => {
    expect([{}, [], null, 'x', 1, undefined].map(isObject)).toEqual([true, false, false, false, false, false]);
  });
});

describe('a member named __proto__ in a body', () => {
  const found = (text: string) => findPrototypeMember(JSON.parse(text))?.pointer ?? null;

  it.each([
    ['{"__proto__":1}', '/__proto__'],
    ['{"\\u005f_proto__":null}', '/__proto__'],
    ['{"a":{"b":[0,{"__proto__":{}}]}}', '/a/b/1/__proto__'],
    ['{"a/b":{"__proto__":"x"}}', '/a~1b/__proto__'],
    ['{"events":{"__proto__":1}}', '/events/__proto__'],
  ])('of %s is found', (text, pointer) => expect(found(text)).toBe(pointer));

  it.each(['{}', '{"a":"__proto__"}', '{"proto":{"constructor":{"prototype":1}}}', '{"a":[[],{}]}'])(
    'is not in %s',
    (text) => expect(found(text)).toBeNull(),
  );

  it('is left to the guard of each event inside a list of them', () => {
    expect(found('{"batch":[{"__proto__":1}],"events":[{"__proto__":1}]}')).toBeNull();
  });
});
