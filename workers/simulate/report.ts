// What a simulation says: who came how far, what they were sent week by week, who got stuck, and what went wrong. Plain JSON
// of a bounded size, in an order that follows from the input alone: the same seed gives the same bytes.

import type { Json } from '../../schema/json.ts';
import type { Machine, Run } from '../engine/machine.ts';
import { timersOf } from '../engine/timers.ts';
import { liveRuns } from '../engine/traveller.ts';
import type { Line, SimulatedCustomer } from './customer.ts';
import { hashOf } from './random.ts';

const WEEK_MS = 7 * 86_400_000;
const EXAMPLES_MAX = 5;
const FAULTS_MAX = 50;

export interface StageReport {
  readonly stage: string;
  /** Customers who were ever in it, and how often it was entered. */
  customers: number;
  entered: number;
  /** Runs that stand in it at the end. */
  now: number;
  /** Mean stay of those who left it, hours; null where nobody did. */
  hours: number | null;
}

export interface JourneyReport {
  readonly journey: string;
  /** Runs begun, and runs over. */
  runs: number;
  ended: number;
  readonly stages: readonly StageReport[];
}

export interface WeekReport {
  /** Counted from 1. */
  readonly week: number;
  messages: number;
  /** Customers who got at least one. */
  customers: number;
  /** The most that one customer got. */
  most: number;
}

export interface StuckReport {
  readonly journey: string;
  readonly stage: string;
  /** `no way on`: neither a timer nor an event could ever move the run; `too long`: it has stood there past the limit. */
  readonly reason: 'no way on' | 'too long';
  customers: number;
  readonly examples: { readonly customer: string; readonly since: string }[];
}

export interface Report {
  readonly seed: string | null;
  readonly from: string;
  readonly until: string;
  readonly customers: number;
  readonly events: number;
  readonly timersFired: number;
  readonly journeys: readonly JourneyReport[];
  readonly messages: {
    readonly sent: number;
    /** By template, in order of name. */
    readonly templates: { readonly [template: string]: number };
    /** Why others were not sent. */
    readonly suppressed: { readonly [reason: string]: number };
    /** Mean over all customers and weeks. */
    readonly perCustomerAndWeek: number;
    readonly weeks: readonly WeekReport[];
  };
  /** What else happened, by kind of line in the timeline. */
  readonly outcomes: { readonly [kind: string]: number };
  readonly stuck: readonly StuckReport[];
  readonly faults: readonly {
    readonly journey: string;
    readonly pointer: string;
    readonly detail: string;
    times: number;
  }[];
  /** Of every line of every timeline: two simulations with the same digest did the same. */
  readonly digest: string;
}

export interface Reporting {
  /** A customer's line, as it is written. */
  readonly line: (line: Line) => void;
  /** Something no journey is at fault for alone. */
  readonly fault: (detail: string) => void;
  /** The customer's time is over. */
  readonly close: (customer: SimulatedCustomer) => void;
  readonly report: () => Report;
}

export interface Span {
  readonly seed: string | null;
  /** Milliseconds. */
  readonly from: number;
  readonly until: number;
  /** A run that stands longer than this in a stage that is not final is stuck, milliseconds. */
  readonly stuckAfterMs: number;
}

export function openReport(machines: Iterable<Machine>, span: Span): Reporting {
  const journeys = new Map<string, Tally>();
  for (const machine of machines) journeys.set(machine.id, newTally(machine));
  const templates = new Map<string, number>();
  const suppressed = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const faults = new Map<string, { journey: string; pointer: string; detail: string; times: number }>();
  const stuck = new Map<string, StuckReport>();
  const weeks: WeekReport[] = [];
  let [customers, events, timersFired, sent, digest] = [0, 0, 0, 0, 0x811c9dc5];
  /** Of the customer whose turn it is. */
  let seen = new Set<StageReport>();
  let mine = new Map<number, number>();
  const standing = new Map<string, { readonly stage: string; readonly since: number }>();

  const moved = (at: number, body: MemberMap): void => {
    const tally = journeys.get(text(body['journey']));
    if (!tally) return;
    const run = text(body['run']);
    const stood = standing.get(run);
    if (stood) tally.left(stood.stage, at - stood.since);
    if (body['from'] === null) tally.report.runs++;
    if (body['to'] === null || tally.isFinal(text(body['to']))) tally.report.ended++;
    const stage = body['to'] === null ? null : tally.stages.get(text(body['to']));
    if (!stage) {
      standing.delete(run);
      return;
    }
    standing.set(run, { stage: stage.stage, since: at });
    stage.entered++;
    if (!seen.has(stage)) stage.customers++;
    seen.add(stage);
  };

  const note = (journey: string, pointer: string, detail: string): void => {
    const key = `${journey}${pointer} ${detail}`;
    const fault = faults.get(key);
    if (fault) fault.times++;
    else if (faults.size < FAULTS_MAX) faults.set(key, { journey, pointer, detail, times: 1 });
  };

  const line = ({ kind, at, body: written }: Line): void => {
    digest = hashOf(`${kind} ${at} ${JSON.stringify(written)}`, digest);
    const body = written as MemberMap;
    if (kind === 'transition') moved(at, body);
    else if (kind === 'message') {
      sent++;
      add(templates, text(body['message']));
      const week = Math.floor((at - span.from) / WEEK_MS);
      mine.set(week, (mine.get(week) ?? 0) + 1);
    } else if (kind === 'suppressed') add(suppressed, text(body['reason']));
    else if (kind === 'error') {
      const [journey, pointer, detail] = [text(body['journey']), text(body['pointer']), text(body['detail'])];
      note(journey, pointer, detail);
    } else add(outcomes, kind);
  };

  const close = (customer: SimulatedCustomer): void => {
    const { state, machineOf } = customer;
    customers++;
    events += state.events;
    timersFired += state.timersFired;
    for (const [week, count] of mine) {
      for (let next = weeks.length; next <= week; next++)
        weeks.push({ week: next + 1, messages: 0, customers: 0, most: 0 });
      const entry = weeks[week];
      if (!entry) continue;
      entry.messages += count;
      entry.customers++;
      entry.most = Math.max(entry.most, count);
    }
    for (const run of liveRuns(state)) {
      const stage = journeys.get(run.journey)?.stages.get(run.stage);
      if (stage) stage.now++;
      const reason = whyStuck(machineOf(run), run, state.lastActivityAt, span);
      if (reason === null) continue;
      const key = `${run.journey}/${run.stage}/${reason}`;
      const found = stuck.get(key) ?? { journey: run.journey, stage: run.stage, reason, customers: 0, examples: [] };
      stuck.set(key, found);
      found.customers++;
      if (found.examples.length < EXAMPLES_MAX)
        found.examples.push({ customer: state.id, since: new Date(run.enteredAt).toISOString() });
    }
    seen = new Set();
    mine = new Map();
    standing.clear();
  };

  const report = (): Report => {
    const weeksInAll = Math.max(1, (span.until - span.from) / WEEK_MS);
    return {
      seed: span.seed,
      from: new Date(span.from).toISOString(),
      until: new Date(span.until).toISOString(),
      customers,
      events,
      timersFired,
      journeys: [...journeys.values()].map((tally) => tally.finish()),
      messages: {
        sent,
        templates: sorted(templates),
        suppressed: sorted(suppressed),
        perCustomerAndWeek: customers === 0 ? 0 : round(sent / customers / weeksInAll, 4),
        weeks,
      },
      outcomes: sorted(outcomes),
      stuck: [...stuck.values()].sort((one, other) => other.customers - one.customers),
      faults: [...faults.values()].sort((one, other) => other.times - one.times),
      digest: (digest >>> 0).toString(16).padStart(8, '0'),
    };
  };
  return { line, fault: (detail) => note('', '', detail), close, report };
}

type MemberMap = { readonly [member: string]: Json };

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const add = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)));
const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

interface Tally {
  readonly report: JourneyReport;
  readonly stages: ReadonlyMap<string, StageReport>;
  readonly isFinal: (stage: string) => boolean;
  readonly left: (stage: string, ms: number) => void;
  readonly finish: () => JourneyReport;
}

function newTally(machine: Machine): Tally {
  const stages = new Map<string, StageReport>();
  for (const stage of machine.stages.keys())
    stages.set(stage, { stage, customers: 0, entered: 0, now: 0, hours: null });
  const stays = new Map<string, { ms: number; times: number }>();
  const report: JourneyReport = { journey: machine.id, runs: 0, ended: 0, stages: [...stages.values()] };
  return {
    report,
    stages,
    isFinal: (stage) => machine.stages.get(stage)?.final ?? false,
    left: (stage, ms) => {
      const stay = stays.get(stage) ?? { ms: 0, times: 0 };
      stays.set(stage, { ms: stay.ms + ms, times: stay.times + 1 });
    },
    finish: () => {
      for (const [name, { ms, times }] of stays) {
        const stage = stages.get(name);
        if (stage) stage.hours = round(ms / times / 3_600_000, 2);
      }
      return report;
    },
  };
}

/** A run that nothing could move any more, or that has stood too long; null where all is well. */
function whyStuck(
  machine: Machine,
  run: Run,
  lastActivityAt: number | null,
  { until, stuckAfterMs }: Span,
): StuckReport['reason'] | null {
  const stage = machine.stages.get(run.stage);
  const listening = stage !== undefined && (stage.hears.size > 0 || stage.hearsTraits);
  if (!listening && timersOf(machine, run, lastActivityAt ?? -Infinity).length === 0) return 'no way on';
  return until - run.enteredAt > stuckAfterMs ? 'too long' : null;
}
