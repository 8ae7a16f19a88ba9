// What is kept of each computed trait so that the next event costs one addition: a tally over the window, brought up to an
// instant, and when time alone will change it. Pure; the history is asked only where a tally cannot tell (CT9).

import { LIMITS } from '../../schema/limits.ts';
import type { Chronicle } from '../engine/facts.ts';
import type { EngineEvent } from '../engine/machine.ts';
import { type ComputedTrait, counts, type Scalar, valuesIn } from './computed.ts';
import { type Exact, plus, rounded } from './exact.ts';

/** Of one trait. JSON. Instants in milliseconds. */
export interface Tally {
  /** It holds the window that ends here. */
  readonly asOf: number;
  /** When an event leaves or enters the window by time alone; null: never. */
  readonly due: number | null;
  /** Events, or numbers that were summed. */
  readonly n: number;
  /** Of sums. */
  readonly parts?: Exact;
  /** By the JSON of each value: how often, and when last. Absent where there are too many to keep. */
  readonly values?: { readonly [value: string]: readonly [times: number, lastAt: number] };
  /** Time and value of the first or the last event; times of both for an interval. */
  readonly edge?: readonly [at: number, value: Scalar];
  readonly span?: readonly [first: number, last: number];
}

export const emptyTally = ({ measure }: ComputedTrait, asOf: number): Tally => ({
  ...{ asOf, due: null, n: 0 },
  ...(isSummed(measure) ? { parts: [] } : {}),
  ...(isToldApart(measure) ? { values: {} } : {}),
});

type Measure = ComputedTrait['measure'];
const isSummed = (measure: Measure): boolean => measure === 'sum' || measure === 'average';
const isToldApart = (measure: Measure): boolean => measure === 'distinct' || measure === 'mostFrequent';

const DAY_MS = 86_400_000;

const start = ({ windowMs }: ComputedTrait, at: number): number =>
  windowMs === null ? Number.NEGATIVE_INFINITY : at - windowMs;

/** CT3, CT4: what the trait is; undefined where nothing was found. */
export function valueIn(trait: ComputedTrait, tally: Tally, chronicle: Chronicle): Scalar | undefined {
  const { n, parts = [], edge, span } = tally;
  switch (trait.measure) {
    case 'count':
      return n;
    case 'sum':
      return rounded(parts);
    case 'average':
      return n === 0 ? undefined : rounded(parts) / n;
    case 'distinct':
      return Object.keys(told(trait, tally, chronicle)).length;
    case 'mostFrequent':
      return mostFrequent(told(trait, tally, chronicle));
    case 'first':
    case 'last':
      return edge?.[1];
    case 'averageInterval':
      return span && n > 1 ? (span[1] - span[0]) / (n - 1) / DAY_MS : undefined;
  }
}

/** The values told apart; read from the history where there are too many to keep. */
function told(trait: ComputedTrait, { values, asOf }: Tally, chronicle: Chronicle): NonNullable<Tally['values']> {
  if (values) return values;
  const read: { [value: string]: readonly [number, number] } = {};
  for (const { at, event } of chronicle.each(trait.event, start(trait, asOf), asOf))
    if (counts(trait, event, at)) for (const value of found(trait, event)) bump(read, value, at, 1);
  return read;
}

function mostFrequent(values: NonNullable<Tally['values']>): Scalar | undefined {
  let best: { text: string; times: number; lastAt: number } | null = null;
  for (const [text, [times, lastAt]] of Object.entries(values))
    if (
      !best ||
      times > best.times ||
      (times === best.times && (lastAt > best.lastAt || (lastAt === best.lastAt && text < best.text)))
    )
      best = { text, times, lastAt };
  return best === null ? undefined : (JSON.parse(best.text) as Scalar);
}

const found = ({ path }: ComputedTrait, event: EngineEvent): Scalar[] => (path ? valuesIn(path, event) : []);

function bump(values: { [value: string]: readonly [number, number] }, value: Scalar, at: number, by: 1 | -1): void {
  const text = JSON.stringify(value);
  const [times, lastAt] = values[text] ?? [0, Number.NEGATIVE_INFINITY];
  if (times + by <= 0) delete values[text];
  else values[text] = [times + by, Math.max(lastAt, at)];
}

/** One event more, or one less, among those of the window. Edges and spans are widened here, never narrowed. */
function change(trait: ComputedTrait, tally: Tally, event: EngineEvent, at: number, by: 1 | -1): Tally {
  const { measure } = trait;
  if (measure === 'count') return { ...tally, n: tally.n + by };
  if (measure === 'averageInterval') {
    const [first, last] = tally.span ?? [at, at];
    return { ...tally, n: tally.n + by, ...(by > 0 ? { span: [Math.min(first, at), Math.max(last, at)] } : {}) };
  }
  if (isSummed(measure)) {
    let { n, parts = [] } = tally;
    for (const value of found(trait, event))
      if (typeof value === 'number') {
        n += by;
        parts = plus(parts, by * value);
      }
    return { ...tally, n, parts };
  }
  if (isToldApart(measure)) {
    if (!tally.values) return tally;
    const values = { ...tally.values };
    for (const value of found(trait, event)) bump(values, value, at, by);
    const { values: _, ...wide } = tally;
    return Object.keys(values).length > LIMITS.tallyValuesMax ? wide : { ...tally, values };
  }
  const value = edgeValue(trait, event, at);
  if (by < 0 || value === undefined) return tally;
  const { edge } = tally;
  const isNearer = !edge || (measure === 'first' ? at < edge[0] : at >= edge[0]);
  return isNearer ? { ...tally, edge: [at, value] } : tally;
}

function edgeValue({ measure, path }: ComputedTrait, event: EngineEvent, at: number): Scalar | undefined {
  if (!path) return new Date(at).toISOString();
  const values = valuesIn(path, event);
  return measure === 'first' ? values[0] : values.at(-1);
}

/** Everything from the history. */
export function tallyOf(trait: ComputedTrait, chronicle: Chronicle, asOf: number): Tally {
  const from = start(trait, asOf);
  let tally = emptyTally(trait, asOf);
  if (trait.measure === 'count' && !trait.where) tally = { ...tally, n: chronicle.count(trait.event, from, asOf) };
  else
    for (const { at, event } of chronicle.each(trait.event, from, asOf))
      if (counts(trait, event, at)) tally = change(trait, tally, event, at, 1);
  return { ...tally, due: dueOf(trait, chronicle, asOf) };
}

/** CT6: the next instant at which an event leaves the window or enters it. */
function dueOf({ event, windowMs }: ComputedTrait, chronicle: Chronicle, asOf: number): number | null {
  const enters = chronicle.nextAt(event, asOf);
  if (windowMs === null) return enters;
  const oldest = chronicle.nextAt(event, asOf - windowMs);
  return earlier(enters, oldest === null ? null : oldest + windowMs);
}

export const earlier = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : Math.min(one, other);

/**
 * An event that has just been added to the history, which is asked for by this trait.
 * @param now the instant it is applied at; what was due before has been passed
 */
export function withEvent(
  trait: ComputedTrait,
  tally: Tally,
  chronicle: Chronicle,
  { at, event, now }: { readonly at: number; readonly event: () => EngineEvent; readonly now: number },
): Tally {
  if (tally.due !== null && tally.due <= now) return tallyOf(trait, chronicle, now);
  const { windowMs } = trait;
  if (at > now) return { ...tally, asOf: now, due: earlier(tally.due, at) };
  if (at <= start(trait, now)) return { ...tally, asOf: now };
  const due = windowMs === null ? tally.due : earlier(tally.due, at + windowMs);
  const moved = { ...tally, asOf: now, due };
  const isPlain = trait.measure === 'count' && !trait.where;
  if (isPlain) return { ...moved, n: moved.n + 1 };
  const told = event();
  return counts(trait, told, at) ? change(trait, moved, told, at, 1) : moved;
}

/** Time has passed up to `now`: what left the window is taken out, what entered it is added. */
export function atTime(trait: ComputedTrait, tally: Tally, chronicle: Chronicle, now: number): Tally {
  const { measure, event } = trait;
  if (now < tally.asOf) return tallyOf(trait, chronicle, now);
  const from = start(trait, now);
  // What is first has to be looked for, and a window that is wholly new is read anyway.
  if (measure === 'first' || measure === 'last' || measure === 'averageInterval' || from >= tally.asOf)
    return tallyOf(trait, chronicle, now);
  let next: Tally = { ...tally, asOf: now };
  const step = (after: number, until: number, by: 1 | -1): void => {
    for (const entry of chronicle.each(event, after, until))
      if (counts(trait, entry.event, entry.at)) next = change(trait, next, entry.event, entry.at, by);
  };
  if (trait.windowMs !== null) step(start(trait, tally.asOf), from, -1);
  step(tally.asOf, now, 1);
  // Few enough to keep again: a tally that has left them is made anew.
  if (isToldApart(measure) && !next.values) return tallyOf(trait, chronicle, now);
  return { ...next, due: dueOf(trait, chronicle, now) };
}
