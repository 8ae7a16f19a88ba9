// Numbers, dates, names and lists as they are read in a language and a time zone (Intl, so CLDR). Pure; what cannot be read
// as a date or a number is given back as it is, for a template must not fail by one odd value.

import { isObject } from '../../../schema/json.ts';
import { LIMITS } from '../../../schema/limits.ts';

/** For whom it is written. */
export interface Reading {
  /** BCP 47. */
  readonly locale: string;
  /** IANA. */
  readonly zone: string;
}

/** Formatters are dear to make. As many are kept as customers of a site may need; then all are made anew. */
const kept = new Map<string, unknown>();

function keep<Format>(key: string, make: () => Format): Format {
  const known = kept.get(key);
  if (known !== undefined) return known as Format; // Each key begins with the name of its kind of formatter.
  if (kept.size >= LIMITS.formattersMax) kept.clear();
  const made = make();
  kept.set(key, made);
  return made;
}

const DATE_STYLES = {
  short: { dateStyle: 'short' },
  medium: { dateStyle: 'medium' },
  long: { dateStyle: 'long' },
  full: { dateStyle: 'full' },
  day: { day: 'numeric', month: 'long' },
  month: { month: 'long', year: 'numeric' },
  weekday: { weekday: 'long' },
  year: { year: 'numeric' },
  time: { timeStyle: 'short' },
  datetime: { dateStyle: 'medium', timeStyle: 'short' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

export const DATE_STYLE_NAMES: readonly string[] = Object.keys(DATE_STYLES);

const isDateStyle = (style: string): style is keyof typeof DATE_STYLES => Object.hasOwn(DATE_STYLES, style);

/** ISO 8601; a date without a time is that day everywhere, not midnight in some zone. */
const ISO = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** @param value an ISO 8601 text or milliseconds since 1970 */
export function dateText(value: unknown, style: string, { locale, zone }: Reading): string {
  const [at, timeZone] = instantOf(value, zone);
  if (Number.isNaN(at) || !isDateStyle(style)) return plainText(value);
  const format = keep(`date ${locale} ${timeZone} ${style}`, () => {
    const options = DATE_STYLES[style];
    try {
      return new Intl.DateTimeFormat(locale, { ...options, timeZone });
    } catch {
      return new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }); // A zone nobody knows.
    }
  });
  return format.format(at);
}

function instantOf(value: unknown, zone: string): [at: number, zone: string] {
  if (typeof value === 'number') return [new Date(value).getTime(), zone];
  if (typeof value !== 'string' || !ISO.test(value)) return [Number.NaN, zone];
  const dated = value.length === 10;
  const said = dated || /(Z|[+-]\d\d:?\d\d)$/.test(value.slice(10));
  // A time without an offset is read in UTC, as the journeys read it.
  return [Date.parse(dated ? value : `${value.replace(' ', 'T')}${said ? '' : 'Z'}`), dated ? 'UTC' : zone];
}

const numberOf = (value: unknown): number =>
  typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;

export const isCurrency = (code: string): boolean => CURRENCIES.has(code);
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

export function moneyText(value: unknown, currency: string, { locale }: Reading): string {
  const amount = numberOf(value);
  if (!Number.isFinite(amount)) return plainText(value);
  if (!isCurrency(currency)) return `${numberText(value, { locale, zone: 'UTC' })} ${currency}`;
  return keep(
    `money ${locale} ${currency}`,
    () => new Intl.NumberFormat(locale, { style: 'currency', currency }),
  ).format(amount);
}

/** @param digits after the point, exactly; as many as there are (three at most) unless given */
export function numberText(value: unknown, { locale }: Reading, digits: number | null = null): string {
  const amount = numberOf(value);
  if (!Number.isFinite(amount)) return plainText(value);
  const options = digits === null ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return keep(`number ${locale} ${digits}`, () => new Intl.NumberFormat(locale, options)).format(amount);
}

/** 0.25 as 25 %. */
export function percentText(value: unknown, { locale }: Reading): string {
  const share = numberOf(value);
  if (!Number.isFinite(share)) return plainText(value);
  return keep(
    `percent ${locale}`,
    () => new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }),
  ).format(share);
}

export function listText(value: unknown, kind: 'conjunction' | 'disjunction', { locale }: Reading): string {
  if (!Array.isArray(value)) return plainText(value);
  const texts = value.map(plainText).filter((text) => text !== '');
  return keep(`list ${locale} ${kind}`, () => new Intl.ListFormat(locale, { type: kind })).format(texts);
}

/** Languages that write the family name first. */
const FAMILY_FIRST: readonly string[] = ['hu', 'ja', 'ko', 'vi', 'zh'];

/** @param value traits with `firstName`, `lastName` and `name`, each where it is known */
export function nameText(value: unknown, style: 'full' | 'short', { locale }: Reading): string {
  if (!isObject(value)) return plainText(value);
  const member = (name: string): string => {
    const said = Object.hasOwn(value, name) ? value[name] : null;
    return typeof said === 'string' ? said.trim() : '';
  };
  const [first, last] = [member('firstName'), member('lastName')];
  if (style === 'short') return first;
  const family = FAMILY_FIRST.includes(locale.slice(0, 2));
  return (family ? [last, first] : [first, last]).filter((part) => part !== '').join(' ') || member('name');
}

export const PLURAL_FORMS: readonly string[] = ['zero', 'one', 'two', 'few', 'many', 'other'];

/** @param forms by plural form; `#` in a form stands for the number */
export function pluralText(value: unknown, forms: ReadonlyMap<string, string>, reading: Reading): string {
  const amount = numberOf(value);
  const { locale } = reading;
  const form = Number.isFinite(amount)
    ? keep(`plural ${locale}`, () => new Intl.PluralRules(locale)).select(amount)
    : 'other';
  const text = forms.get(form) ?? forms.get('other') ?? '';
  if (!text.includes('#')) return text;
  const figure = numberText(value, reading);
  return text.replaceAll('#', () => figure);
}

const plainText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
