// Computed traits and segments of a catalog, put together: what travel.ts asks at the moments they may change. Pure.

import type { JsonObject } from '../../schema/json.ts';
import type { Vocabulary } from '../engine/compile.ts';
import { shareOf } from '../engine/experiments.ts';
import type { Chronicle, Memberships } from '../engine/facts.ts';
import { factsOf } from '../engine/facts.ts';
import {
  changed,
  type Happened,
  isEmpty,
  type Known,
  type Learned,
  type Learner,
  NO_LEARNER,
  NOTHING_KNOWN,
  type SegmentChange,
} from '../engine/learner.ts';
import { type ComputedTrait, computedIn } from './computed.ts';
import { belongs, type CompiledSegment, changesAt } from './segments.ts';
import { atTime, emptyTally, type Tally, tallyOf, valueIn, withEvent } from './tallies.ts';

export interface Taught {
  readonly traits: readonly ComputedTrait[];
  readonly segments: readonly CompiledSegment[];
  /** Where customers stand in journeys they have not begun. */
  readonly initialStages: { readonly [journey: string]: string };
  /** When the youngest of it was published, milliseconds, and with which catalog version. */
  readonly since: number;
  readonly version: number;
}

export function learnerOf({ traits, segments, initialStages, since, version }: Taught): Learner {
  if (traits.length === 0 && segments.length === 0) return NO_LEARNER;
  const inOrder = [...segments].sort((one, other) => (one.id < other.id ? -1 : 1));
  const byEvent = new Map<string, ComputedTrait[]>();
  for (const trait of traits) byEvent.set(trait.event, [...(byEvent.get(trait.event) ?? []), trait]);
  const byName = new Map(traits.map((trait) => [trait.name, trait]));
  const computed = new Set(byName.keys());
  const key = keyOf(traits, inOrder, initialStages);

  /** Takes over tallies, the traits that follow from them and when they are due. */
  const withTallies = (
    before: Learned,
    made: readonly (readonly [ComputedTrait, Tally])[],
    chronicle: Chronicle,
  ): Learned => {
    if (made.length === 0) return before;
    const tallies: Record<string, unknown> = { ...before.known.tallies };
    const due: Record<string, number> = { ...before.known.due };
    let { traits: told } = before;
    for (const [trait, tally] of made) {
      tallies[trait.name] = tally;
      set(due, `t:${trait.name}`, tally.due);
      told = withValue(told, trait.name, valueIn(trait, tally, chronicle));
    }
    return { known: changed(before.known, { tallies, due }), traits: told };
  };

  const learner: Learner = {
    ...{ key, since, version, computed },
    heeds: new Set([...byEvent.keys(), ...inOrder.flatMap(({ events }) => [...events])]),
    segments: new Set(inOrder.map(({ id }) => id)),
    nobody: nobodyOf(traits, key),
    anew: (before, told, chronicle, now) => {
      const { audiences, changes, tallies: old, segments: joined } = before ?? NOTHING_KNOWN;
      const left = { ...told };
      for (const name of [...Object.keys(old), ...computed]) delete left[name];
      const made = traits.map((trait) => [trait, tallyOf(trait, chronicle, now)] as const);
      const isBlank = made.every(([, { n, edge, due }]) => n === 0 && edge === undefined && due === null);
      if (isBlank && changes === 0 && isEmpty(audiences)) return { known: learner.nobody, traits: left };
      const known: Known = { ...NOTHING_KNOWN, key, segments: joined, audiences, changes };
      return withTallies({ known, traits: left }, made, chronicle);
    },
    hear: (before, name, given, chronicle) => {
      const heard = (byEvent.get(name) ?? []).map((trait) => {
        const tally = tallyIn(before.known, trait) ?? emptyTally(trait, given.now);
        return [trait, withEvent(trait, tally, chronicle, given)] as const;
      });
      return withTallies(before, heard, chronicle);
    },
    pass: (before, chronicle, now) => {
      const passed = dueIn(before.known, 't:', now).flatMap((name) => {
        const trait = byName.get(name);
        const tally = trait && tallyIn(before.known, trait);
        return trait && tally ? [[trait, atTime(trait, tally, chronicle, now)] as const] : [];
      });
      return withTallies(before, passed, chronicle);
    },
    settle: (before, happened, { chronicle, stages, now }) => {
      const asked = inOrder.filter((segment) => mayHaveChanged(segment, happened, before, now));
      const gone = happened === null ? Object.keys(before.segments).filter((id) => !learner.segments.has(id)) : [];
      if (asked.length === 0 && gone.length === 0) return { known: before, changes: [] };
      const members: Record<string, number> = { ...before.segments };
      const due: Record<string, number> = { ...before.due };
      const changes: SegmentChange[] = [];
      for (const segment of gone) {
        delete members[segment];
        delete due[`s:${segment}`];
        changes.push({ segment, joined: false, anew: true });
      }
      const all = asked.some(({ asksStages }) => asksStages) ? { ...initialStages, ...stages() } : initialStages;
      for (const segment of asked) {
        const { id } = segment;
        set(due, `s:${id}`, changesAt(segment, chronicle, now));
        const joined = belongs(segment, chronicle, all, now);
        if (joined === Object.hasOwn(members, id)) continue;
        if (joined) members[id] = now;
        else delete members[id];
        changes.push({ segment: id, joined, anew: happened === null });
      }
      const known = changed(before, { segments: members, due, changes: before.changes + changes.length });
      return { known: changes.length > 0 || !same(due, before.due) ? known : before, changes };
    },
  };
  return learner;
}

/** A document of the catalog, with the catalog version and the instant (milliseconds) it was published at. */
export interface Dated {
  readonly fromVersion: number;
  readonly publishedAt: number;
}

/** The learner of a catalog: the declarations of then, and the segments of then. */
export function learnerAt(
  declared: (Dated & { readonly vocabulary: Vocabulary }) | null,
  segments: readonly (Dated & { readonly segment: CompiledSegment })[],
  initialStages: Taught['initialStages'],
): Learner {
  const dated = [...(declared ? [declared] : []), ...segments];
  return learnerOf({
    traits: declared ? computedIn(declared.vocabulary) : [],
    segments: segments.map(({ segment }) => segment),
    initialStages,
    since: Math.max(...dated.map(({ publishedAt }) => publishedAt), Number.NEGATIVE_INFINITY),
    version: Math.max(...dated.map(({ fromVersion }) => fromVersion), 0),
  });
}

const tallyIn = ({ tallies }: Known, { name }: ComputedTrait): Tally | null =>
  Object.hasOwn(tallies, name) ? (tallies[name] as Tally) : null;

function set(due: Record<string, number>, id: string, at: number | null): void {
  if (at === null) delete due[id];
  else due[id] = at;
}

function same(one: Memberships, other: Memberships): boolean {
  const ids = Object.keys(one);
  return ids.length === Object.keys(other).length && ids.every((id) => one[id] === other[id]);
}

/** What is due by now, by the letter its names begin with. */
const dueIn = ({ due }: Known, prefix: string, now: number): string[] =>
  Object.entries(due).flatMap(([id, at]) => (at <= now && id.startsWith(prefix) ? [id.slice(prefix.length)] : []));

function mayHaveChanged(
  { id, events, asksTraits, asksStages }: CompiledSegment,
  happened: Happened | null,
  { due }: Known,
  now: number,
): boolean {
  if (happened === null) return true;
  if ((asksTraits && happened.traits) || (asksStages && happened.stages)) return true;
  const at = due[`s:${id}`];
  if (at !== undefined && at <= now) return true;
  for (const event of happened.events) if (events.has(event)) return true;
  return false;
}

/** The same object where nothing changed. */
function withValue(traits: JsonObject, name: string, value: string | number | boolean | undefined): JsonObject {
  const before = Object.hasOwn(traits, name) ? traits[name] : undefined;
  if (before === value) return traits;
  if (value !== undefined) return { ...traits, [name]: value };
  const { [name]: _, ...rest } = traits;
  return rest;
}

const EMPTY = factsOf([], {});
const NO_HISTORY: Chronicle = { ...EMPTY, each: () => [], nextAt: () => null };

function nobodyOf(traits: readonly ComputedTrait[], key: string): Known {
  let told: JsonObject = {};
  const tallies: Record<string, Tally> = {};
  for (const trait of traits) {
    const tally = emptyTally(trait, BEFORE_ALL);
    tallies[trait.name] = tally;
    told = withValue(told, trait.name, valueIn(trait, tally, NO_HISTORY));
  }
  return { ...NOTHING_KNOWN, key, tallies, blank: told };
}

/** The first instant a date can have. */
const BEFORE_ALL = -8.64e15;

/** What it says, in short: two that differ in anything that matters have different keys. */
function keyOf(
  traits: readonly ComputedTrait[],
  segments: readonly CompiledSegment[],
  initialStages: Taught['initialStages'],
): string {
  const stages = segments.some(({ asksStages }) => asksStages) ? Object.entries(initialStages).sort() : [];
  const said = [traits.map(({ source }) => source), segments.map(({ id, source }) => [id, source]), stages];
  const text = JSON.stringify(said);
  return [text, `${text.length} ${text}`]
    .map((each) => (shareOf(each) * 2 ** 32).toString(16).padStart(8, '0'))
    .join('');
}
