// What travel.ts needs of whoever works out computed traits and segments (workers/knowledge): what is kept of a customer for
// it, and the four moments it is asked at. The engine does not know how it is done.

import type { JsonObject } from '../../schema/json.ts';
import type { Chronicle, Memberships } from './facts.ts';
import type { EngineEvent } from './machine.ts';

/** What is kept of one customer; JSON. Instants in milliseconds. */
export interface Known {
  /** Of the learner that worked it out; of another one everything is worked out anew. */
  readonly key: string;
  /** By computed trait; what they hold is the learner's. */
  readonly tallies: { readonly [trait: string]: unknown };
  /** Segments the customer is in: since when. */
  readonly segments: Memberships;
  /** Audiences that steps and servers added the customer to: since when. */
  readonly audiences: Memberships;
  /** When each trait (`t:` and its name) and segment (`s:` and its id) may change by time alone. */
  readonly due: Memberships;
  /** How often a segment was joined or left: numbers the events that say so. */
  readonly changes: number;
  /**
   * Of somebody of whom nothing is known: the computed traits such a customer has. Nothing of it is written, so that a
   * visitor who only looks costs no row; the first change makes it a knowledge of its own.
   */
  readonly blank?: JsonObject;
}

/** What is known, changed. */
export function changed(known: Known, change: Partial<Known>): Known {
  const { blank: _, ...rest } = known;
  return { ...rest, ...change };
}

/** The traits as everybody reads them (CT4); the same object where there is nothing to add. */
export function toldTraits({
  known,
  traits,
}: {
  readonly known: Known | null;
  readonly traits: JsonObject;
}): JsonObject {
  const blank = known?.blank;
  for (const name in blank) if (!Object.hasOwn(traits, name)) return { ...blank, ...traits };
  return traits;
}

export interface Learned {
  readonly known: Known;
  readonly traits: JsonObject;
}

/** What happened in an input, as far as a segment may ask for it. */
export interface Happened {
  /** Names of events. */
  readonly events: ReadonlySet<string>;
  readonly traits: boolean;
  readonly stages: boolean;
}

export interface SegmentChange {
  readonly segment: string;
  readonly joined: boolean;
  /** It is so by a publish, not by what the customer did. */
  readonly anew: boolean;
}

export interface Learner {
  /** Says what is worked out: another key, another meaning. Empty: nothing. */
  readonly key: string;
  /** Since when it is published, milliseconds. */
  readonly since: number;
  /** The catalog version it came with. */
  readonly version: number;
  /** Events that a computed trait or a segment asks for. */
  readonly heeds: ReadonlySet<string>;
  /** Names of computed traits. */
  readonly computed: ReadonlySet<string>;
  readonly segments: ReadonlySet<string>;
  /** What is known of somebody of whom there is no history. */
  readonly nobody: Known;
  /** CT8, SG8: everything from the history. Segments are asked by `settle`. */
  readonly anew: (before: Known | null, traits: JsonObject, chronicle: Chronicle, now: number) => Learned;
  /** An event that is in the history already; `at` is its own time. */
  readonly hear: (
    before: Learned,
    name: string,
    given: { readonly at: number; readonly event: () => EngineEvent; readonly now: number },
    chronicle: Chronicle,
  ) => Learned;
  /** What is due by time alone. */
  readonly pass: (before: Learned, chronicle: Chronicle, now: number) => Learned;
  /** SG2. `happened` null: all segments. Stages: of the unkeyed journeys the customer is in. */
  readonly settle: (
    before: Known,
    happened: Happened | null,
    about: {
      readonly chronicle: Chronicle;
      readonly stages: () => { readonly [journey: string]: string };
      readonly now: number;
    },
  ) => { readonly known: Known; readonly changes: readonly SegmentChange[] };
}

const NONE: Memberships = Object.freeze({});

export const NOTHING_KNOWN: Known = Object.freeze({
  ...{ key: '', tallies: Object.freeze({}), segments: NONE, audiences: NONE, due: NONE, changes: 0 },
});

/** Where nothing is declared. */
export const NO_LEARNER: Learner = Object.freeze({
  ...{ key: '', since: Number.NEGATIVE_INFINITY, version: 0 },
  ...{ heeds: new Set<string>(), computed: new Set<string>(), segments: new Set<string>() },
  nobody: { ...NOTHING_KNOWN, blank: {} },
  anew: (before: Known | null, traits: JsonObject) => {
    const { audiences, changes, segments, tallies } = before ?? NOTHING_KNOWN;
    const left = Object.entries(traits).filter(([name]) => !Object.hasOwn(tallies, name));
    return { known: { ...NOTHING_KNOWN, segments, audiences, changes }, traits: Object.fromEntries(left) };
  },
  hear: (before: Learned) => before,
  pass: (before: Learned) => before,
  settle: (known: Known) => {
    const changes = Object.keys(known.segments).map((segment) => ({ segment, joined: false, anew: true }));
    if (changes.length === 0) return { known, changes };
    return { known: changed(known, { segments: NONE, changes: known.changes + changes.length }), changes };
  },
});

/** The next instant time alone may change something, milliseconds; null: never. */
export function dueAt({ due }: Known): number | null {
  let first: number | null = null;
  for (const id in due) {
    const at = due[id];
    if (at !== undefined && (first === null || at < first)) first = at;
  }
  return first;
}

/** SG6: everything the customer is in; undefined for nothing. */
export function membershipsOf(known: Known | null): Memberships | undefined {
  if (!known) return undefined;
  const { segments, audiences } = known;
  const [none, alone] = [isEmpty(segments), isEmpty(audiences)];
  if (none && alone) return undefined;
  return alone ? segments : none ? audiences : { ...audiences, ...segments };
}

export function isEmpty(members: object): boolean {
  for (const _ in members) return false;
  return true;
}
