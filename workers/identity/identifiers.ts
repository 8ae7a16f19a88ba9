// By what customers are known beside their ids: the section `identity` of the policies, compiled, and the normal form of
// each kind of identifier. Pure; who owns one is kept by an object of its own (workers/customer/registry.ts). Rules ID.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { IDENTIFIER_FORMS, IdentityPolicy } from '../../schema/policies/identity.ts';
import type { Finding } from '../engine/findings.ts';
import { compileMerging, type MergeRules, NO_MERGE_RULES } from './policy.ts';

export type IdentifierForm = (typeof IDENTIFIER_FORMS)[number];

export interface IdentifierRule {
  readonly kind: string;
  readonly trait: string;
  /** The type it has among external ids (ID10). */
  readonly externalType: string;
  readonly form: IdentifierForm;
  readonly unique: boolean;
  readonly joins: 'anonymous' | 'never';
}

export interface IdentityRules extends MergeRules {
  /** In the order of their priority, equal ones by name. */
  readonly identifiers: readonly IdentifierRule[];
  readonly callingCode: string | null;
}

export const NO_IDENTITY_RULES: IdentityRules = { identifiers: [], callingCode: null, ...NO_MERGE_RULES };

export type CompiledIdentity =
  | { readonly ok: true; readonly rules: IdentityRules }
  | { readonly ok: false; readonly findings: readonly Finding[] };

const PRIORITY = 50;

export function compileIdentity(policy: IdentityPolicy): CompiledIdentity {
  const { identifiers = {}, callingCode } = policy;
  const merging = compileMerging(policy);
  const written = Object.entries(identifiers);
  const phone = written.find(([, { form }]) => form === 'phone');
  const traits = new Map<string, string>();
  const findings: Finding[] = [];
  if (callingCode !== undefined && !phone)
    findings.push({
      code: 'invalid',
      pointer: '/identity/callingCode',
      message: 'no identifier has the form phone',
      remedy: 'Leave it out, or declare one.',
    });
  const types = new Map<string, string>();
  for (const [kind, { trait = kind, externalType = kind }] of written) {
    const [byTrait, byType] = [traits.get(trait), types.get(externalType)];
    if (byTrait !== undefined)
      findings.push({
        code: 'invalid',
        pointer: `/identity/identifiers/${kind}/trait`,
        message: `${byTrait} is stated by the same trait`,
        remedy: 'Declare one identifier a trait.',
      });
    if (byType !== undefined)
      findings.push({
        code: 'invalid',
        pointer: `/identity/identifiers/${kind}/externalType`,
        message: `${byType} has the same type among external ids`,
        remedy: 'Give each identifier a type of its own.',
      });
    traits.set(trait, kind);
    types.set(externalType, kind);
  }
  if ('code' in merging) findings.push(merging);
  if ('code' in merging || findings.length > 0) return { ok: false, findings };
  const rules = written
    .sort(([one, a], [other, b]) => (a.priority ?? PRIORITY) - (b.priority ?? PRIORITY) || (one < other ? -1 : 1))
    .map(
      ([kind, { trait = kind, externalType = kind, form, unique = true, joins = 'never' }]): IdentifierRule => ({
        ...{ kind, trait, externalType, form, unique, joins },
      }),
    );
  return { ok: true, rules: { identifiers: rules, callingCode: callingCode ?? null, ...merging } };
}

/** The identifiers that traits state, in normal form; what has none is left out (ID3). */
export function identifiersIn(traits: JsonObject, rules: IdentityRules): Map<string, string> {
  const found = new Map<string, string>();
  for (const { kind, trait, form } of rules.identifiers) {
    const stated = traits[trait];
    if (typeof stated !== 'string' && typeof stated !== 'number') continue;
    const value = normalForm(form, String(stated), rules.callingCode);
    if (value !== null) found.set(kind, value);
  }
  return found;
}

/** Whether the context of a message may state external ids; looked at for every event. */
export const hasExternalIds = (context: Json | undefined): boolean =>
  isObject(context) && Array.isArray(context['externalIds']) && context['externalIds'].length > 0;

/**
 * ID10: the identifiers that external ids state, as Segment writes them: `[{ id, type, collection: 'users', encoding: 'none' }]`.
 * Of several of a type the first that has a normal form; what is of another collection, or encoded, is none of ours.
 */
export function externalIdsIn(context: JsonObject, rules: IdentityRules): Map<string, string> {
  const found = new Map<string, string>();
  const { externalIds } = context;
  if (!Array.isArray(externalIds)) return found;
  for (const stated of externalIds.slice(0, LIMITS.externalIdsMax)) {
    if (!isObject(stated)) continue;
    const { id, type, collection = 'users', encoding = 'none' } = stated;
    const rule = rules.identifiers.find(({ externalType }) => externalType === type);
    if (!rule || found.has(rule.kind) || collection !== 'users' || encoding !== 'none') continue;
    if (typeof id !== 'string' && typeof id !== 'number') continue;
    const value = normalForm(rule.form, String(id), rules.callingCode);
    if (value !== null) found.set(rule.kind, value);
  }
  return found;
}

/** The one way to write an identifier, or null for what is none (ID3). Applied twice it changes nothing. */
export function normalForm(form: IdentifierForm, stated: string, callingCode: string | null): string | null {
  if (stated.length > LIMITS.idCharsMax || !stated.isWellFormed() || /\p{Cc}/u.test(stated.trim())) return null;
  const text = stated.normalize('NFC').trim();
  switch (form) {
    case 'email':
      return normalEmail(text);
    case 'phone':
      return normalPhone(text, callingCode);
    case 'code': {
      const code = text
        .toUpperCase()
        .replace(/[^\p{L}\p{N}]/gu, '')
        .normalize('NFC');
      return code === '' || code.length > LIMITS.idCharsMax ? null : code;
    }
    case 'exact':
      return text === '' ? null : text;
  }
}

/** RFC 5321 4.5.3.1: octets of the local part and of the whole path. */
const LOCAL_OCTETS_MAX = 64;
const EMAIL_OCTETS_MAX = 254;
const octetsOf = (text: string): number => new TextEncoder().encode(text).length;

/**
 * The domain as DNS has it (punycode, lower case), the local part in lower case: no provider of note tells Anna@ from
 * anna@, though RFC 5321 2.4 would let it. Dots and +tags stay: what they mean is the provider's own business.
 */
function normalEmail(text: string): string | null {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at).toLowerCase().normalize('NFC');
  const domain = domainOf(text.slice(at + 1));
  if (at < 1 || domain === null || /[\s@"<>(),:;\\[\]]/.test(local)) return null;
  const email = `${local}@${domain}`;
  return octetsOf(local) > LOCAL_OCTETS_MAX || octetsOf(email) > EMAIL_OCTETS_MAX ? null : email;
}

function domainOf(written: string): string | null {
  const plain = written.replace(/\.$/, '');
  if (!/^[\p{L}\p{N}\p{M}.-]+$/u.test(plain) || !URL.canParse(`http://${plain}/`)) return null;
  const { hostname } = new URL(`http://${plain}/`);
  const labels = hostname.split('.');
  if (labels.length < 2 || labels.some((label) => label === '' || label.startsWith('-') || label.endsWith('-')))
    return null;
  // An address of digits is no domain of mail.
  return /^\d+$/.test(labels.at(-1) ?? '') ? null : hostname;
}

/** ITU-T E.164: at most 15 digits with the country code, no country code begins with 0. */
const PHONE_FORM = /^\+[1-9]\d{6,14}$/;

/** A number with + or 00 says its country; one without has the site's, and loses the 0 that is dialled at home. */
function normalPhone(text: string, callingCode: string | null): string | null {
  if (!/^[+(\d][\d\s()./-]*$/.test(text)) return null;
  const digits = text.replace(/\(0\)/g, '').replace(/[^\d+]/g, '');
  const international = digits.startsWith('00') ? `+${digits.slice(2)}` : digits;
  const full = international.startsWith('+')
    ? international
    : callingCode === null
      ? ''
      : `+${callingCode}${international.replace(/^0/, '')}`;
  return PHONE_FORM.test(full) ? full : null;
}

/** How sure it is that an identifier is this customer's: a known customer outranks a visitor, a voucher both. */
export interface Claimant {
  readonly customerId: string;
  /** A secret key or a customer token stands behind the statement. */
  readonly vouched: boolean;
}

const rank = ({ customerId, vouched }: Claimant): number => (vouched ? 2 : 0) + (customerId.startsWith('u:') ? 1 : 0);

/** ID5: whether a claim takes an identifier from its owner. In a tie the first keeps it. */
export const outranks = (claimant: Claimant, owner: Claimant): boolean => rank(claimant) > rank(owner);
