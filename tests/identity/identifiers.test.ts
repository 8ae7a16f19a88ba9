// Identifiers as plain functions: normal forms against tables and against naive readings, ranks, and the section of the
// policies.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { IDENTIFIER_FORMS } from '../../schema/policies/identity.ts';
import { Policies } from '../../schema/policies.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import {
  compileIdentity,
  externalIdsIn,
  hasExternalIds,
  identifiersIn,
  normalForm,
  outranks,
} from '../../workers/identity/identifiers.ts';
import { compilePolicies } from '../../workers/policies/policies.ts';
import { often } from '../prove.ts';

const email = (text: string) => normalForm('email', text, null);
const phone = (text: string, code: string | null = '43') => normalForm('phone', text, code);
const code = (text: string) => normalForm('code', text, null);

describe('e-mail', () => {
  it.each([
    ['Anna.Gruber@Example.AT', 'anna.gruber@example.at'],
    ['  anna@example.at\t', 'anna@example.at'],
    ['anna+garten@example.at', 'anna+garten@example.at'],
    ['a.n.n.a@example.at', 'a.n.n.a@example.at'],
    ['anna@gärten.example', 'anna@xn--grten-gra.example'],
    ['anna@GÄRTEN.example', 'anna@xn--grten-gra.example'],
    ['anna@ga\u0308rten.example', 'anna@xn--grten-gra.example'],
    ['a\u0308nna@example.at', '\u00e4nna@example.at'],
    ['anna@example.at.', 'anna@example.at'],
    ["o'neill@example.ie", "o'neill@example.ie"],
    [`${'x'.repeat(64)}@example.at`, `${'x'.repeat(64)}@example.at`],
  ])('ID3 %s is %s', (text, expected) => expect(email(text)).toBe(expected));

  it.each([
    '',
    ' ',
    '@',
    'anna',
    'anna@',
    '@example.at',
    'anna@localhost',
    'anna@@example.at',
    'an na@example.at',
    'anna@exa mple.at',
    'anna@example..at',
    'anna@.example.at',
    'anna@-example.at',
    'anna@127.0.0.1',
    'anna@[127.0.0.1]',
    'anna@example.at:80',
    'anna@example.at/x',
    'anna@example.at?x',
    'anna@user@example.at',
    '"anna"@example.at',
    'anna,otto@example.at',
    'Anna <anna@example.at>',
    'anna@exa\u0000mple.at',
    'an\nna@example.at',
    `${'x'.repeat(65)}@example.at`,
    `anna@${'x.'.repeat(125)}at`,
    'anna@\ud800.at',
  ])('ID3 %j is none', (text) => expect(email(text)).toBeNull());
});

describe('phone', () => {
  it.each([
    ['+43 664 1234567', '+436641234567'],
    ['0043 664 1234567', '+436641234567'],
    ['0664 / 123 45 67', '+436641234567'],
    ['(0664) 123-4567', '+436641234567'],
    ['(0)664 1234567', '+436641234567'],
    ['+43 (0) 664 1234567', '+436641234567'],
    ['0664.123.4567', '+436641234567'],
    ['+49 30 901820', '+4930901820'],
    ['+1 (212) 555-0100', '+12125550100'],
    ['112', null],
    ['+43', null],
    ['+0664 1234567', null],
    ['+4366412345678901', null],
    ['+436641234567890', '+436641234567890'],
    ['call me', null],
    ['0664 1234567 ext 2', null],
    ['+43 664 +1234567', null],
    ['٠٦٦٤١٢٣٤٥٦٧', null],
    ['', null],
  ])('ID3 %s is %s in Austria', (text, expected) => expect(phone(text)).toBe(expected));

  it('ID3 without a calling code only a number that states its country is one', () => {
    expect([phone('0664 1234567', null), phone('+43 664 1234567', null), phone('0043 664 1234567', null)]).toEqual([
      null,
      '+436641234567',
      '+436641234567',
    ]);
  });
});

describe('codes', () => {
  it.each([
    ['K-104 711', 'K104711'],
    ['k 104711', 'K104711'],
    ['ö-7', 'Ö7'],
    ['o\u0308-7', 'Ö7'],
    ['---', null],
    ['', null],
  ])('ID3 %s is %s', (text, expected) => expect(code(text)).toBe(expected));

  it('ID3 what is exact is kept but for the spaces around it', () => {
    expect(normalForm('exact', '  aB-c ', null)).toBe('aB-c');
    expect(normalForm('exact', '   ', null)).toBeNull();
    expect(normalForm('exact', 'a\u0007b', null)).toBeNull();
    expect(normalForm('exact', 'x'.repeat(257), null)).toBeNull();
  });
});

it('ID3 normalising twice changes nothing, in each form', () => {
  const words = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.emailAddress(),
    fc
      .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.domain())
      .map(([local, domain]) => `${local}@${domain}`),
    fc.stringMatching(/^(\+|00|0)?[0-9 ()/.-]{3,18}$/),
  );
  let found = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...IDENTIFIER_FORMS),
      words,
      fc.constantFrom('43', '1', null),
      (form, text, calling) => {
        const once = normalForm(form, text, calling);
        if (once === null) return;
        found++;
        expect(normalForm(form, once, calling)).toBe(once);
        // And the spaces around it never matter.
        expect(normalForm(form, ` ${text}\t`, calling)).toBe(once);
      },
    ),
    { numRuns: often(1_500, 50_000) },
  );
  expect(found).toBeGreaterThan(often(300, 10_000));
});

describe('ranks', () => {
  const claimants = ['a:x', 'u:x'].flatMap((customerId) => [false, true].map((vouched) => ({ customerId, vouched })));

  it('ID5 a voucher goes before being known, and both before neither; of equals none goes before the other', () => {
    // From the lowest to the highest, written down by hand.
    const order = ['a:x false', 'u:x false', 'a:x true', 'u:x true'];
    const at = ({ customerId, vouched }: (typeof claimants)[number]) => order.indexOf(`${customerId} ${vouched}`);
    for (const one of claimants) for (const other of claimants) expect(outranks(one, other)).toBe(at(one) > at(other));
  });
});

describe('policies.json', () => {
  const compiled = (identity: object) => {
    const read = Policies.safeParse({ identity });
    return read.success
      ? compileIdentity(read.data.identity ?? {})
      : read.error.issues.map(({ path }) => path.join('/'));
  };

  it('ID3 the trait is the one of the same name, identifiers come in the order of their priority', () => {
    const found = compiled({
      identifiers: {
        email: { form: 'email' },
        number: { trait: 'customerNumber', form: 'code', priority: 1 },
        also: { form: 'exact' },
      },
    });
    if (Array.isArray(found) || !found.ok) throw new Error('refused');
    expect(found.rules.identifiers.map(({ kind, trait, unique, joins }) => [kind, trait, unique, joins])).toEqual([
      ['number', 'customerNumber', true, 'never'],
      ['also', 'also', true, 'never'],
      ['email', 'email', true, 'never'],
    ]);
    const traits = { email: ' A@example.at', customerNumber: 104_711, also: ['x'], other: 'y' };
    expect(Object.fromEntries(identifiersIn(traits, found.rules))).toEqual({ email: 'a@example.at', number: '104711' });
    expect(identifiersIn({}, found.rules).size).toBe(0);
  });

  it.each([
    [{ identifiers: { email: { form: 'mail' } } }],
    [{ identifiers: { 'E-Mail': { form: 'email' } } }],
    [{ identifiers: { email: {} } }],
    [{ identifiers: { email: { form: 'email', joins: 'always' } } }],
    [{ identifiers: { email: { form: 'email', priority: 0 } } }],
    [{ callingCode: '+43' }],
    [{ callingCode: '043' }],
    [{ unknown: true }],
    [{ identifiers: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`i${n}`, { form: 'exact' }])) }],
  ])('%j is refused', (identity) => expect(Array.isArray(compiled(identity))).toBe(true));

  it('two identifiers of one trait, and a calling code for nothing, are refused with the place', () => {
    const pointers = (identity: object) => {
      const result = compilePolicies({ identity }, EMPTY_VOCABULARY);
      return result.ok ? [] : result.findings.map(({ pointer }) => pointer);
    };
    expect(pointers({ identifiers: { a: { trait: 'x', form: 'exact' }, b: { trait: 'x', form: 'code' } } })).toEqual([
      '/identity/identifiers/b/trait',
    ]);
    expect(pointers({ callingCode: '43', identifiers: { a: { form: 'exact' } } })).toEqual(['/identity/callingCode']);
    expect(pointers({ callingCode: '43', identifiers: { a: { form: 'phone' } } })).toEqual([]);
  });
});

describe('external ids', () => {
  const compiled = compileIdentity({
    identifiers: {
      email: { form: 'email' },
      'customer-number': { form: 'code', trait: 'customerNumber', externalType: 'crm_id' },
      phone: { form: 'phone' },
    },
    callingCode: '43',
  });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  const { rules } = compiled;
  const users = { collection: 'users', encoding: 'none' };
  const found = (...externalIds: Json[]) => Object.fromEntries(externalIdsIn({ externalIds }, rules));

  it('ID10 are those of declared kinds, by their type, in normal form', () => {
    expect(
      found(
        { id: ' Anna@Example.at ', type: 'email', ...users },
        { id: 104711, type: 'crm_id', ...users },
        { id: '0664 1234567', type: 'phone' },
        { id: 'K-1', type: 'customer-number', ...users },
        { id: 'x', type: 'ga_client_id', ...users },
      ),
    ).toEqual({ email: 'anna@example.at', 'customer-number': '104711', phone: '+436641234567' });
  });

  it('ID10 are the first of a type that has a normal form', () => {
    const of = (id: Json) => ({ id, type: 'email', ...users });
    expect(found(of('nobody'), of('a@example.at'), of('b@example.at'))).toEqual({ email: 'a@example.at' });
  });

  it.each([
    ['of another collection', { id: 'a@example.at', type: 'email', collection: 'accounts', encoding: 'none' }],
    ['encoded', { id: 'a@example.at', type: 'email', collection: 'users', encoding: 'sha256' }],
    ['without a type', { id: 'a@example.at', ...users }],
    ['of no value', { id: null, type: 'email', ...users }],
    ['that are lists', { id: ['a@example.at'], type: 'email', ...users }],
    ['that are text', 'a@example.at'],
    ['null', null],
    ['named like what every object has', { id: 'a@example.at', type: 'constructor', ...users }],
  ] as [string, Json][])('ID10 %s are none', (_, entry) => expect(found(entry)).toEqual({}));

  it('ID10 whatever stands there is taken without a fault, and no more than so many entries are looked at', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const context = JSON.parse(JSON.stringify({ externalIds: value })) as JsonObject;
        expect(externalIdsIn(context, rules).size).toBeLessThanOrEqual(3);
        if (externalIdsIn(context, rules).size > 0) expect(hasExternalIds(context)).toBe(true);
      }),
      { numRuns: often(200, 5_000) },
    );
    const filler = Array.from({ length: LIMITS.externalIdsMax - 1 }, () => null);
    const email = { id: 'a@example.at', type: 'email', ...users };
    expect(found(...filler, email)).toEqual({ email: 'a@example.at' });
    expect(found(null, ...filler, email)).toEqual({});
  });

  it('ID10 two kinds of one type are refused at their place', () => {
    const twice = { a: { form: 'exact', externalType: 'x' }, b: { form: 'exact', externalType: 'x' } } as const;
    const result = compilePolicies({ identity: { identifiers: twice } }, EMPTY_VOCABULARY);
    expect(result.ok ? [] : result.findings.map(({ pointer }) => pointer)).toEqual([
      '/identity/identifiers/b/externalType',
    ]);
  });
});
