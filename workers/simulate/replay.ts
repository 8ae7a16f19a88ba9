// Replay: a customer's recorded inputs once more through the versions they met, and what comes of it held against what is
// stored, byte for byte (I5): every run, every line its steps left, the traits. Inputs are events, the instants at which they
// were applied, and what was published when; timers, schedules and events that runs made happen follow from them.

import { EventDeclarations } from '../../schema/catalog.ts';
import { isObject, type JsonObject } from '../../schema/json.ts';
import { isAccount } from '../accounts/state.ts';
import { compileJourney, EMPTY_VOCABULARY, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { type Learner, NO_LEARNER, NOTHING_KNOWN } from '../engine/learner.ts';
import type { Machine, Run } from '../engine/machine.ts';
import { type Openings, openingsOf } from '../engine/traveller.ts';
import { learnerAt } from '../knowledge/learner.ts';
import { compileSegment } from '../knowledge/segments.ts';
import { applyEvent, newCustomer, passTime, type SimulatedCustomer } from './customer.ts';
import type { RecordedCheckpoint, RecordedEntry, RecordedHistory } from './record.ts';
import { settingOf } from './setting.ts';

export interface Difference {
  /** `run lifecycle.1`, `line 12`, `traits`, or a journey that does not compile any more. */
  readonly where: string;
  readonly stored: string | null;
  readonly replayed: string | null;
}

export interface Replayed {
  /** `merged`: the customer took over another's history, so its own inputs do not tell all. */
  readonly outcome: 'identical' | 'different' | 'merged';
  readonly events: number;
  readonly runs: number;
  readonly lines: number;
  /** The first ones. */
  readonly differences: readonly Difference[];
}

const DIFFERENCES_MAX = 20;

export function replay(history: RecordedHistory): Replayed {
  const { customer, runs } = history;
  const entries = history.entries.filter(isAfter(customer.checkpoint));
  const events = entries.filter(({ kind }) => kind === 'event').length;
  const none = { events, runs: runs.length, lines: 0, differences: [] };
  if (entries.some(isOfMerge)) return { outcome: 'merged', ...none };
  const versions = compileVersions(history);
  if (!versions.ok) return { outcome: 'different', ...none, differences: [versions.difference] };

  const made: string[] = [];
  const walker = walk(history, versions.published, (kind, at, appliedAt, body) => {
    const line = lineOf(kind, at, appliedAt, body, customer.id);
    if (line !== null) made.push(line);
  });
  const stored = entries.flatMap(({ kind, at, appliedAt, body }) => {
    const written: unknown = JSON.parse(body);
    return lineOf(kind, at, appliedAt, isObject(written) ? written : {}, customer.id) ?? [];
  });
  const differences = [
    ...differenceOf('runs begun', `${customer.runsStarted}`, `${walker.state.runsStarted}`),
    ...runDifferences(runs, [...walker.state.runs.values()]),
    ...differenceOf('traits', JSON.stringify(customer.traits), JSON.stringify(walker.state.traits)),
    ...lineDifferences(stored, made),
  ];
  return {
    outcome: differences.length === 0 ? 'identical' : 'different',
    events,
    runs: runs.length,
    lines: stored.length,
    differences: differences.slice(0, DIFFERENCES_MAX),
  };
}

/** PV13: the inputs of replay; what lies before is history. */
const isAfter =
  (checkpoint: RecordedCheckpoint | undefined) =>
  ({ seq }: RecordedEntry): boolean =>
    seq > (checkpoint?.seq ?? 0);

/** The customer took over another's history, or gave one back. */
const isOfMerge = ({ kind, body }: RecordedEntry): boolean =>
  kind === 'merged' || (kind === 'unmerged' && 'source' in JSON.parse(body));

/**
 * The customer as it stood at an instant (milliseconds), by its record: traits, runs, history.
 * @returns null where that cannot be told: before a merge the history of the other is missing, and before lines left the
 * timeline these
 */
export function customerAt(history: RecordedHistory, at: number): SimulatedCustomer | null {
  const { checkpoint } = history.customer;
  if (checkpoint && at < checkpoint.lastInputAt) return null;
  const entries = history.entries.filter(({ appliedAt }) => appliedAt <= at);
  if (history.entries.filter(isAfter(checkpoint)).some(isOfMerge)) return null;
  const versions = compileVersions(history);
  if (!versions.ok) return null;
  const { met, ...customer } = history.customer;
  const last = entries.at(-1)?.seq ?? 0;
  const known = met?.filter(({ fromSeq, after }) => fromSeq <= last + 1 && (after ?? Number.NEGATIVE_INFINITY) <= at);
  const until = { ...history, entries, customer: { ...customer, asOf: at, ...(known ? { met: known } : {}) } };
  return walk(until, versions.published, () => undefined);
}

const isFirst = ({ state }: SimulatedCustomer): boolean => state.events === 0;

function forgetKnown({ state }: SimulatedCustomer): void {
  state.known = { ...NOTHING_KNOWN, key: 'never' };
}

interface Published {
  readonly at: number;
  readonly catalogVersion: number;
  readonly machine: Machine;
}

type Compiled =
  | { readonly ok: true; readonly published: readonly Published[] }
  | { readonly ok: false; readonly difference: Difference };

/** Of a record that names catalogs, the versions its runs have and those that could begin; of any other all. */
function neededIn({
  customer,
  runs,
  journeys,
}: RecordedHistory): (version: RecordedHistory['journeys'][number]) => boolean {
  const { met } = customer;
  if (!met) return () => true;
  const needed = new Set(runs.map(({ journey, version }) => `${journey}@${version}`));
  for (const { version: catalog } of met) {
    const current = new Map<string, number>();
    for (const { id, version, catalogVersion = 0 } of journeys)
      if (catalogVersion <= catalog) current.set(id, Math.max(version, current.get(id) ?? 0));
    for (const [id, version] of current) needed.add(`${id}@${version}`);
  }
  return ({ id, version }) => needed.has(`${id}@${version}`);
}

function compileVersions(history: RecordedHistory): Compiled {
  const { journeys, declarations } = history;
  const needed = neededIn(history);
  const vocabularies = new Map<number, Vocabulary>();
  const published: Published[] = [];
  for (const { id, version, publishedAt, catalogVersion = 0, journey, declarations: index } of journeys.filter(
    needed,
  )) {
    const known = vocabularies.get(index) ?? vocabularyOf(EventDeclarations.parse(declarations[index]));
    vocabularies.set(index, known);
    const compiled = compileJourney(journey, version, known);
    if (!compiled.ok) {
      const replayed = JSON.stringify(compiled.findings);
      return { ok: false, difference: { where: `journey ${id} version ${version}`, stored: 'compiled', replayed } };
    }
    if ((compiled.machine.subject === 'account') !== isAccount(history.customer.id)) continue;
    published.push({ at: publishedAt, catalogVersion, machine: compiled.machine });
  }
  return { ok: true, published: published.sort((one, other) => one.at - other.at) };
}

type OnLine = (kind: string, at: number, appliedAt: number, body: object) => void;

/** The customer after all of its inputs. */
function walk(history: RecordedHistory, published: readonly Published[], onLine: OnLine): SimulatedCustomer {
  const { customer, entries } = history;
  const [first] = entries;
  const machines = new Map(published.map(({ machine }) => [`${machine.id}@${machine.version}`, machine]));
  const machineOf = ({ journey, version }: Run): Machine => {
    const machine = machines.get(`${journey}@${version}`);
    if (!machine) throw new Error(`There is no ${journey} version ${version} in the record.`);
    return machine;
  };
  const walker = newCustomer(
    settingOf([], new Map(), 'en'),
    customer.id,
    first?.appliedAt ?? customer.createdAt,
    (line) => onLine(line.kind, line.at, line.appliedAt, line.body),
    machineOf,
  );
  const way = { walker, history, published, machineOf };
  const { pass, meet } = customer.met ? byCatalogs(way, customer.met) : byInstants(way);
  const { checkpoint } = customer;
  if (checkpoint) goOnFrom(walker, checkpoint, entries);
  for (const [index, entry] of entries.entries()) {
    if (entry.kind !== 'event' || !isAfter(checkpoint)(entry)) continue;
    if (index > 0) pass(entry.appliedAt, entry.seq);
    meet(entry);
    applyEvent(walker, eventOf(entry), entry.appliedAt);
  }
  pass(customer.asOf, Number.POSITIVE_INFINITY);
  return walker;
}

/** PV13: everything up to the checkpoint is as it was kept; the lines that stayed are history. */
function goOnFrom(walker: SimulatedCustomer, checkpoint: RecordedCheckpoint, entries: readonly RecordedEntry[]): void {
  const { runs, seq: _, ...kept } = checkpoint;
  Object.assign(walker.state, kept);
  for (const run of runs) walker.state.runs.set(run.id, run);
  for (const entry of entries) {
    if (isAfter(checkpoint)(entry) || (entry.kind !== 'event' && entry.kind !== 'emitted')) continue;
    const { name, messageId, at, message } = eventOf(entry);
    walker.history.add(name, messageId, at, message);
  }
}

interface Way {
  readonly walker: SimulatedCustomer;
  readonly history: RecordedHistory;
  readonly published: readonly Published[];
  readonly machineOf: (run: Run) => Machine;
}

/** Which journeys may begin on the way of a customer. */
interface Guide {
  /** Lets time pass until an instant, before the entry of that number. */
  readonly pass: (until: number, seq: number) => void;
  /** Before an event is applied. */
  readonly meet: (entry: RecordedEntry) => void;
}

const openingsOfVersions = (current: ReadonlyMap<string, Published>, learner: Learner = NO_LEARNER): Openings =>
  openingsOf(
    [...current.values()].map(({ machine }) => machine),
    ({ id }) => current.get(id)?.at ?? Number.POSITIVE_INFINITY,
    learner,
  );

/** As much as is due, as after an import of years; in rounds, so that a journey that runs in circles comes to an end. */
function passAll(walker: SimulatedCustomer, until: number): void {
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) if (passTime(walker, until)) return;
}

/** Of passTime, which fires thousands of timers at once. */
const ROUNDS_MAX = 100;

/** What was worked out of histories with a catalog version. */
function learnerIn(
  { documents = [], customer }: RecordedHistory,
  version: number,
  current: ReadonlyMap<string, Published>,
): Learner {
  const declared = documents
    .filter(({ kind }) => kind === 'events')
    .sort((one, other) => one.fromVersion - other.fromVersion)
    .map((row) => ({ ...row, vocabulary: vocabularyOf(EventDeclarations.parse(row.document)) }));
  const declaredAt = (at: number) => declared.findLast(({ fromVersion }) => fromVersion <= at) ?? null;
  const segments = documents
    .filter(
      ({ kind, fromVersion, toVersion }) =>
        kind === 'segment' && !isAccount(customer.id) && fromVersion <= version && (toVersion ?? Infinity) > version,
    )
    .flatMap((row) => {
      const compiled = compileSegment(row.document, 1, declaredAt(row.fromVersion)?.vocabulary ?? EMPTY_VOCABULARY);
      return compiled.ok ? [{ ...row, segment: compiled.segment }] : [];
    });
  const initialStages = Object.fromEntries([...current.values()].map(({ machine }) => [machine.id, machine.initial]));
  return learnerAt(declaredAt(version), segments, initialStages);
}

/** By the catalogs that the inputs met, as they are recorded. */
function byCatalogs({ walker, history, published }: Way, met: NonNullable<RecordedHistory['customer']['met']>): Guide {
  const openingsAt = (version: number): Openings => {
    const current = new Map<string, Published>();
    for (const candidate of published)
      if (candidate.catalogVersion <= version) current.set(candidate.machine.id, candidate);
    return openingsOfVersions(current, learnerIn(history, version, current));
  };
  let next = 0;
  // Those met before the checkpoint have done to the customer what they did.
  const from = history.customer.checkpoint?.seq ?? 0;
  for (let catalog = met[next]; catalog && catalog.fromSeq <= from; catalog = met[++next])
    walker.openings = openingsAt(catalog.version);
  const meetUntil = (seq: number): void => {
    for (let catalog = met[next]; catalog && catalog.fromSeq <= seq; catalog = met[++next]) {
      if (catalog.after !== null) passAll(walker, catalog.after);
      const before = walker.openings.learner.key;
      walker.openings = openingsAt(catalog.version);
      // As the object does of somebody of whom nothing was known: it was never asked.
      if (walker.state.known === null && walker.openings.learner.key !== before && !isFirst(walker))
        forgetKnown(walker);
    }
  };
  return {
    pass: (until, seq) => {
      meetUntil(seq);
      passAll(walker, until);
    },
    meet: ({ seq }) => meetUntil(seq),
  };
}

/** By when what was published: what a record without catalogs says. */
function byInstants({ walker, history, published, machineOf }: Way): Guide {
  const { customer, runs } = history;
  const began = new Map<number, Run[]>();
  for (const run of runs) began.set(run.startedAt, [...(began.get(run.startedAt) ?? []), run]);
  /** What the customer could begin at an instant. A run that is stored says which version was at hand when it began. */
  const openingsAt = (at: number): Openings => {
    const current = new Map<string, Published>();
    // What an import applies lies before the object came about, and met what was published then.
    for (const version of published)
      if (version.at <= Math.max(at, customer.createdAt)) current.set(version.machine.id, version);
    for (const run of began.get(at) ?? []) {
      const machine = machineOf(run);
      current.set(run.journey, { at, catalogVersion: 0, ...current.get(run.journey), machine });
    }
    return openingsOfVersions(current);
  };
  return {
    // At each publish on the way what may begin changes.
    pass: (until) => {
      walker.openings = openingsAt(walker.state.lastInputAt);
      for (const { at } of published) {
        if (at <= Math.max(walker.state.lastInputAt, customer.createdAt) || at > until) continue;
        passAll(walker, at - 1);
        walker.openings = openingsAt(at);
      }
      passAll(walker, until);
    },
    meet: ({ appliedAt }) => {
      walker.openings = openingsAt(appliedAt);
    },
  };
}

function eventOf({ messageId, name, at, body }: RecordedEntry) {
  const message: unknown = JSON.parse(body);
  const members: JsonObject = isObject(message) ? message : {};
  const type = members['type'];
  return {
    messageId: messageId ?? '',
    name: name ?? '',
    type: typeof type === 'string' ? type : '',
    at,
    message: members,
  };
}

/** Lines that follow from the inputs as they stand. What becomes of a message is told apart: see below. */
const COMPARED = new Set([
  'transition',
  'goal',
  'experiment',
  'error',
  'audience',
  'grant',
  'task',
  'webhook',
  'set',
  'emitted',
]);

/**
 * A line as it is compared; null for one that is no consequence of the customer's inputs. Of a message what the step said:
 * whether it could go out depends on templates and on what its channel said later.
 */
function lineOf(kind: string, at: number, appliedAt: number, body: object, id: string): string | null {
  if (COMPARED.has(kind)) return `${kind} ${at} ${appliedAt} ${JSON.stringify(body)}`;
  if (kind !== 'message' && kind !== 'suppressed') return null;
  const { version: _, status, reason: __, detail: ___, key, ...said } = body as JsonObject;
  const own = typeof key === 'string' && key.startsWith(`${id}/`) ? key.slice(id.length + 1) : key;
  // Later word on a message has the message's key with the customer's id, and is not `queued`.
  if (own !== key && status !== 'queued') return null;
  return `send ${at} ${appliedAt} ${JSON.stringify({ key: own, ...said })}`;
}

const differenceOf = (where: string, stored: string | null, replayed: string | null): Difference[] =>
  stored === replayed ? [] : [{ where, stored, replayed }];

function runDifferences(stored: readonly Run[], replayed: readonly Run[]): Difference[] {
  const text = (runs: readonly Run[]) => new Map(runs.map((run) => [run.id, JSON.stringify(run)]));
  const [before, after] = [text(stored), text(replayed)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .flatMap((id) => differenceOf(`run ${id}`, before.get(id) ?? null, after.get(id) ?? null));
}

function lineDifferences(stored: readonly string[], replayed: readonly string[]): Difference[] {
  const differences: Difference[] = [];
  for (let index = 0; index < Math.max(stored.length, replayed.length); index++)
    differences.push(...differenceOf(`line ${index + 1}`, stored[index] ?? null, replayed[index] ?? null));
  return differences;
}
