// TC strings (CN16): what the framework's own encoder writes is read as it was meant, and whatever else somebody sends does
// no harm.

import { PurposeRestriction, RestrictionType, Segment, SegmentEncoder, TCModel, TCString } from '@iabtechlabtcf/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { agrees, includes, readTcf, saidAt, type Tcf, type Vendors } from '../../workers/consent/tcf.ts';
import { often } from '../prove.ts';

const DAY = 24 * 3_600_000;
const NOON = Date.parse('2026-11-23T12:00:00Z');

interface Meant {
  readonly consents: readonly number[];
  readonly interests: readonly number[];
  readonly vendorConsents: readonly number[];
  readonly vendorInterests: readonly number[];
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly restricts: boolean;
  readonly more: boolean;
}

function modelOf(meant: Meant): TCModel {
  const model = new TCModel();
  model.cmpId = 300;
  model.cmpVersion = 7;
  model.consentScreen = 3;
  model.consentLanguage = 'DE';
  model.publisherCountryCode = 'AT';
  model.vendorListVersion = 120;
  model.created = new Date(meant.createdAt);
  model.lastUpdated = new Date(meant.updatedAt);
  model.specialFeatureOptins.set([1]);
  model.purposeConsents.set([...meant.consents]);
  model.purposeLegitimateInterests.set([...meant.interests]);
  model.vendorConsents.set([...meant.vendorConsents]);
  model.vendorLegitimateInterests.set([...meant.vendorInterests]);
  if (meant.restricts) model.publisherRestrictions.add(7, new PurposeRestriction(2, RestrictionType.REQUIRE_CONSENT));
  return model;
}

function encoded(meant: Meant): string {
  const model = modelOf(meant);
  const core = SegmentEncoder.encode(model, Segment.CORE);
  return meant.more ? `${core}.${SegmentEncoder.encode(model, Segment.VENDORS_DISCLOSED)}` : core;
}

const MEANT: Meant = {
  ...{ consents: [1, 4], interests: [2, 7], vendorConsents: [5, 700], vendorInterests: [5] },
  ...{ createdAt: NOON - DAY, updatedAt: NOON, restricts: false, more: false },
};

const purposes = fc.uniqueArray(fc.integer({ min: 1, max: 24 }));
/** Few and many, far apart and in rows: some are shorter as bits, some as ranges. */
const vendors = fc
  .array(
    fc
      .tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 0, max: 40 }))
      .map(([from, more]) => Array.from({ length: more + 1 }, (_, index) => from + index)),
    { maxLength: 12 },
  )
  .map((rows) => [...new Set(rows.flat())]);
/** The format tells tenths of a second; the encoder of today days. */
const instant = fc.integer({ min: 0, max: 40_000_000 }).map((seconds) => NOON + seconds * 1_000);
const meant: fc.Arbitrary<Meant> = fc.record({
  ...{ consents: purposes, interests: purposes, vendorConsents: vendors, vendorInterests: vendors },
  ...{ createdAt: instant, updatedAt: instant, restricts: fc.boolean(), more: fc.boolean() },
});

/** The vendors of a list that stand in ranges. */
const among = (found: Vendors, most: number): number[] =>
  Array.from({ length: most }, (_, index) => index + 1).filter((vendor) => includes(found, vendor));

describe('a TC string', () => {
  it('CN16 as the framework encodes it is read as it was meant, and as the framework reads it', () => {
    fc.assert(
      fc.property(meant, (each) => {
        const text = encoded(each);
        const read = readTcf(text);
        const theirs = TCString.decode(text);
        expect(read?.createdAt).toBe(theirs.created.getTime());
        expect(read?.updatedAt).toBe(theirs.lastUpdated.getTime());
        const sorted = (numbers: Iterable<number>): number[] => [...numbers].sort((one, other) => one - other);
        expect(sorted(read?.consents ?? [])).toEqual(sorted(each.consents));
        expect(sorted(read?.interests ?? [])).toEqual(sorted(each.interests));
        const most = 3_100;
        expect(among(read?.vendorConsents ?? [], most)).toEqual(sorted(each.vendorConsents));
        expect(among(read?.vendorInterests ?? [], most)).toEqual(sorted(each.vendorInterests));
      }),
      { numRuns: often(150, 5_000) },
    );
  });

  it('CN16 ranges, bits, publisher restrictions and other segments are all met', () => {
    const few = encoded({ ...MEANT, vendorConsents: [3_000] });
    const many = encoded({ ...MEANT, vendorConsents: Array.from({ length: 90 }, (_, index) => 1 + 2 * index) });
    const bit = (text: string, at: number): number =>
      ('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(text[Math.floor(at / 6)] ?? '') >>
        (5 - (at % 6))) &
      1;
    // Bit 229 says whether vendors stand in ranges.
    expect([bit(few, 229), bit(many, 229)]).toEqual([1, 0]);
    for (const restricts of [false, true])
      for (const more of [false, true])
        expect(readTcf(encoded({ ...MEANT, restricts, more }))).toEqual(readTcf(encoded(MEANT)));
  });

  it('CN16 of another version, cut short or none at all says nothing', () => {
    const text = encoded(MEANT);
    const inRanges = encoded({ ...MEANT, vendorConsents: [2, 3_000], vendorInterests: [] });
    for (const odd of [
      '',
      '.',
      ' ',
      'not base64!',
      `B${text.slice(1)}`,
      `D${text.slice(1)}`,
      text.slice(0, 30),
      text.slice(0, 38),
      `${text.slice(0, 20)}=${text.slice(21)}`,
      inRanges.slice(0, 42),
      text.padEnd(LIMITS.tcfCharsMax + 1, 'A'),
    ])
      expect([odd, readTcf(odd)]).toEqual([odd, null]);
    expect(readTcf(text.padEnd(LIMITS.tcfCharsMax, 'A'))).toEqual(readTcf(text));
  });

  it('CN16 whatever somebody sends is read in bounded time, or is none', () => {
    const chars = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ é');
    const text = encoded(MEANT);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(chars, { maxLength: 200 }).map((all) => all.join('')),
          fc.array(chars, { maxLength: 200 }).map((all) => `C${all.join('')}`),
          fc.tuple(fc.nat(text.length - 1), chars).map(([at, by]) => text.slice(0, at) + by + text.slice(at + 1)),
        ),
        (odd) => {
          const read = readTcf(odd);
          if (read) expect(read.vendorConsents.length + read.vendorInterests.length).toBeLessThan(6 * odd.length);
        },
      ),
      { numRuns: often(1_000, 50_000) },
    );
    // 4,095 ranges of all vendors there can be, as far as the string goes.
    const claims = `C${'A'.repeat(37)}${'_'.repeat(LIMITS.tcfCharsMax - 38)}`;
    const before = performance.now();
    readTcf(claims);
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});

describe('what it says', () => {
  const tcf = readTcf(encoded(MEANT)) as Tcf;

  it('CN16 is asked by purpose, and with a vendor for that one alone', () => {
    expect([1, 2, 4, 7, 9].map((purpose) => agrees(tcf, purpose, null, false))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
    expect([1, 2, 4, 7, 9].map((purpose) => agrees(tcf, purpose, null, true))).toEqual([true, true, true, true, false]);
    expect([5, 6, 700].map((vendor) => agrees(tcf, 1, vendor, false))).toEqual([true, false, true]);
    expect([5, 6, 700].map((vendor) => agrees(tcf, 2, vendor, true))).toEqual([true, false, false]);
  });

  it('CN17 was said when it was changed, at the latest at the end of that day, and never later than now', () => {
    const at = (updatedAt: number, now: number): number => saidAt({ ...tcf, updatedAt }, now);
    const day = Date.parse('2026-11-20T00:00:00Z');
    expect(at(day, NOON)).toBe(day + DAY - 1);
    expect(at(day, day + 5)).toBe(day + 5);
    expect(at(day + 500, NOON)).toBe(day + 500);
    expect(at(NOON + DAY, NOON)).toBe(NOON);
  });
});
