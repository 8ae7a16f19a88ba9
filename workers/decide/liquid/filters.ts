// The filters a template may use: those of Liquid that are bounded by what they are given and mean the same at every time,
// and those that write for a reader. Each says how it may be called, so that a wrong call is found before anybody reads.
// Every call is charged for what it reads and makes.

import { filters as liquidFilters } from 'liquidjs';
import { chargeValues, renderingOf } from './meter.ts';
import {
  DATE_STYLE_NAMES,
  dateText,
  isCurrency,
  listText,
  moneyText,
  nameText,
  numberText,
  PLURAL_FORMS,
  percentText,
  pluralText,
} from './reading.ts';

type Implementation = (typeof liquidFilters)[string];
type Handler = Extract<Implementation, (...values: never) => unknown>;

/** How a filter may be called. */
export interface Signature {
  /** Arguments in their order: at least, and at most. */
  readonly least: number;
  readonly most: number;
  /** What a first argument that is written out must be: the fault, or null. */
  readonly first?: (text: string) => string | null;
  /** Arguments with a name: which there may be, and which there must be. */
  readonly named?: { readonly may: readonly string[]; readonly must: readonly string[] };
}

const oneOf =
  (words: readonly string[]) =>
  (text: string): string | null =>
    words.includes(text) ? null : `must be one of ${words.join(', ')}`;

const LIST_KINDS: readonly string[] = ['and', 'or'];
const NAME_STYLES: readonly string[] = ['full', 'short'];
const DIGITS_MAX = 20;

const of = (least: number, most: number): Signature => ({ least, most });

/** Liquid's own, by how many arguments they take. */
const LIQUIDS: Readonly<Record<string, Signature>> = {
  ...Object.fromEntries(
    [
      ...['capitalize', 'downcase', 'upcase', 'strip_html', 'strip_newlines', 'squish', 'normalize_whitespace'],
      ...['abs', 'ceil', 'floor', 'first', 'last', 'reverse', 'compact', 'size', 'uniq'],
    ].map((name) => [name, of(0, 0)]),
  ),
  ...Object.fromEntries(
    ['strip', 'lstrip', 'rstrip', 'round', 'join', 'sort', 'sort_natural', 'sum', 'slugify'].map((name) => [
      name,
      of(0, 1),
    ]),
  ),
  ...Object.fromEntries(
    [
      ...['append', 'prepend', 'remove', 'remove_first', 'remove_last', 'split', 'map', 'concat'],
      ...['at_least', 'at_most', 'plus', 'minus', 'times', 'divided_by', 'modulo'],
    ].map((name) => [name, of(1, 1)]),
  ),
  default: { least: 1, most: 1, named: { may: ['allow_false'], must: [] } },
  slice: of(1, 2),
  truncate: of(0, 2),
  truncatewords: of(0, 2),
  replace: of(2, 2),
  replace_first: of(2, 2),
  replace_last: of(2, 2),
  where: of(1, 2),
  reject: of(1, 2),
  find: of(1, 2),
  has: of(1, 2),
};

interface Own {
  readonly signature: Signature;
  readonly handler: Handler;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const OWN: Readonly<Record<string, Own>> = {
  date: {
    signature: { least: 0, most: 1, first: oneOf(DATE_STYLE_NAMES) },
    handler(value: unknown, style: unknown = 'medium') {
      return dateText(value, textOf(style), renderingOf(this.context).reading);
    },
  },
  money: {
    signature: {
      least: 1,
      most: 1,
      first: (code) => (isCurrency(code) ? null : 'must be a currency of ISO 4217, such as EUR'),
    },
    handler(value: unknown, currency: unknown) {
      return moneyText(value, textOf(currency), renderingOf(this.context).reading);
    },
  },
  number: {
    signature: {
      least: 0,
      most: 1,
      first: (text) => (/^\d+$/.test(text) && Number(text) <= DIGITS_MAX ? null : `must be from 0 to ${DIGITS_MAX}`),
    },
    handler(value: unknown, digits: unknown) {
      const known = typeof digits === 'number' && Number.isInteger(digits) && digits >= 0 && digits <= DIGITS_MAX;
      return numberText(value, renderingOf(this.context).reading, known ? digits : null);
    },
  },
  percent: {
    signature: of(0, 0),
    handler(value: unknown) {
      return percentText(value, renderingOf(this.context).reading);
    },
  },
  list: {
    signature: { least: 0, most: 1, first: oneOf(LIST_KINDS) },
    handler(value: unknown, kind: unknown) {
      return listText(value, kind === 'or' ? 'disjunction' : 'conjunction', renderingOf(this.context).reading);
    },
  },
  name: {
    signature: { least: 0, most: 1, first: oneOf(NAME_STYLES) },
    handler(value: unknown, style: unknown) {
      return nameText(value, style === 'short' ? 'short' : 'full', renderingOf(this.context).reading);
    },
  },
  plural: {
    signature: { least: 0, most: 0, named: { may: PLURAL_FORMS, must: ['other'] } },
    handler(value: unknown, ...named: unknown[]) {
      const forms = named.flatMap((pair): [string, string][] =>
        Array.isArray(pair) && typeof pair[0] === 'string' ? [[pair[0], String(pair[1] ?? '')]] : [],
      );
      return pluralText(value, new Map(forms), renderingOf(this.context).reading);
    },
  },
  url_encode: {
    signature: of(0, 0),
    handler(value: unknown) {
      const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
      return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+');
    },
  },
};

const ESCAPE: Signature = of(0, 0);

export const SIGNATURES: ReadonlyMap<string, Signature> = new Map([
  ...Object.entries(LIQUIDS),
  ...Object.entries(OWN).map(([name, { signature }]) => [name, signature] as const),
  ['escape', ESCAPE],
]);

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** What HTML makes of characters, in text and in quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

/** Every filter there is, metered. Escaping is the medium's own. */
export function meteredFilters(escaped: Implementation): Map<string, Implementation> {
  const metered = new Map<string, Implementation>([['escape', escaped]]);
  for (const [name, { handler }] of Object.entries(OWN)) metered.set(name, meteredFilter(handler));
  for (const name of Object.keys(LIQUIDS)) {
    const known = liquidFilters[name];
    if (typeof known === 'function') metered.set(name, meteredFilter(known));
  }
  return metered;
}

/** A filter of the library may be a generator: what it makes is charged when it is there. */
function meteredFilter(handler: Handler): Handler {
  return function* (value: unknown, ...given: unknown[]): Generator<unknown, unknown, unknown> {
    chargeValues(this.context, [value, ...given]);
    const made: unknown = yield handler.call(this, value, ...given);
    chargeValues(this.context, [made]);
    return made;
  };
}
