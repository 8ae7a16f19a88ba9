// The TC string of the IAB Transparency and Consent Framework, version 2 and its minor ones, as far as consent is asked of it:
// https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework, "TCString and consent storage".
// Only the core segment is read; publisher restrictions, special features and other segments are passed over. The work
// grows with the string's length, whatever ranges it claims.

import { LIMITS } from '../../schema/limits.ts';

/** Purposes that are set, by their number. */
export type Purposes = ReadonlySet<number>;
/** Vendors from the first number to the last, both included. */
export type Vendors = readonly (readonly [number, number])[];

export interface Tcf {
  /** Milliseconds. Since version 2.2 of the framework both are the beginning of a day. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly consents: Purposes;
  /** Purposes whose legitimate interest was told and not objected to. */
  readonly interests: Purposes;
  readonly vendorConsents: Vendors;
  readonly vendorInterests: Vendors;
}

const VERSION = 2;
const PURPOSES = 24;
const DECISECOND_MS = 100;
/** From the identity of the consent platform to the special features: not asked for. */
const PLATFORM_BITS = 12 + 12 + 6 + 12 + 12 + 6 + 1 + 1 + 12;
/** The treatment of purpose one, and the publisher's country. */
const PUBLISHER_BITS = 1 + 12;

interface Bits {
  /** A whole number of so many bits. Past the end it is 0, and `isPast` says so. */
  readonly read: (count: number) => number;
  readonly isPast: () => boolean;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES: ReadonlyMap<string, number> = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** Null for what is no base64url. */
function bitsOf(text: string): Bits | null {
  const sextets = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) {
    const value = VALUES.get(text.charAt(index));
    if (value === undefined) return null;
    sextets[index] = value;
  }
  let at = 0;
  return {
    read: (count) => {
      let value = 0;
      for (let left = count; left > 0; left--, at++)
        value = value * 2 + (((sextets[Math.floor(at / 6)] ?? 0) >> (5 - (at % 6))) & 1);
      return value;
    },
    isPast: () => at > 6 * sextets.length,
  };
}

/** Null for what is no TC string of this version. */
export function readTcf(text: string): Tcf | null {
  if (text.length > LIMITS.tcfCharsMax) return null;
  const bits = bitsOf(text.split('.', 1)[0] ?? '');
  if (!bits || bits.read(6) !== VERSION) return null;
  const [createdAt, updatedAt] = [bits.read(36) * DECISECOND_MS, bits.read(36) * DECISECOND_MS];
  bits.read(PLATFORM_BITS);
  const [consents, interests] = [purposesIn(bits), purposesIn(bits)];
  bits.read(PUBLISHER_BITS);
  const vendorConsents = vendorsIn(bits);
  const vendorInterests = vendorConsents && vendorsIn(bits);
  if (!vendorConsents || !vendorInterests || bits.isPast()) return null;
  return { createdAt, updatedAt, consents, interests, vendorConsents, vendorInterests };
}

function purposesIn(bits: Bits): Purposes {
  const found = new Set<number>();
  for (let purpose = 1; purpose <= PURPOSES; purpose++) if (bits.read(1) === 1) found.add(purpose);
  return found;
}

/** A bit for each vendor, or ranges of them. Null where it is neither. */
function vendorsIn(bits: Bits): Vendors | null {
  const last = bits.read(16);
  const isRanges = bits.read(1) === 1;
  const found: [number, number][] = [];
  if (isRanges) {
    for (let left = bits.read(12); left > 0 && !bits.isPast(); left--) {
      const isMany = bits.read(1) === 1;
      const from = bits.read(16);
      const to = isMany ? bits.read(16) : from;
      if (from === 0 || to < from) return null;
      found.push([from, to]);
    }
    return found;
  }
  for (let vendor = 1; vendor <= last && !bits.isPast(); vendor++) if (bits.read(1) === 1) found.push([vendor, vendor]);
  return found;
}

export const includes = (vendors: Vendors, vendor: number): boolean =>
  vendors.some(([from, to]) => vendor >= from && vendor <= to);

const DAY_MS = 24 * 3_600_000;

/** When it was said, at the latest: a string that tells only the day of its last change was made by the end of it. */
export const saidAt = ({ updatedAt }: Tcf, now: number): number =>
  Math.min(now, updatedAt % DAY_MS === 0 ? updatedAt + DAY_MS - 1 : updatedAt);

/**
 * Whether a purpose is agreed to, or, where a legitimate interest will do, not objected to.
 * @param vendor who we are in the list of vendors; null: a site that speaks for itself
 */
export function agrees(tcf: Tcf, purpose: number, vendor: number | null, byInterest: boolean): boolean {
  const has = (purposes: Purposes, vendors: Vendors): boolean =>
    purposes.has(purpose) && (vendor === null || includes(vendors, vendor));
  return has(tcf.consents, tcf.vendorConsents) || (byInterest && has(tcf.interests, tcf.vendorInterests));
}
