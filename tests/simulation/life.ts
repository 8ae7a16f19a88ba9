// One random life: 200 inputs to one customer over random journeys, everything checked after each. What goes in follows from
// the seed alone, so a broken invariant comes again with its seed. The fault names the input it came at.

import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { nextDue } from '../../workers/engine/due.ts';
import type { Machine, Outcome, Run } from '../../workers/engine/machine.ts';
import { liveRuns } from '../../workers/engine/traveller.ts';
import { applyEvent, newCustomer, passTime, type SimulatedCustomer } from '../../workers/simulate/customer.ts';
import { below, type Draw, drawsOf, hashOf, pick } from '../../workers/simulate/random.ts';
import { settingOf } from '../../workers/simulate/setting.ts';
import { EVENTS } from './journeys.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
export const BEGIN = Date.parse('2026-01-01T00:00:00Z');
/** What is late comes from before the last input. */
export const GAPS = [0, 0, 1_000, 10 * 60_000, HOUR, 3 * HOUR, 9 * HOUR, 40 * HOUR, -5 * HOUR] as const;
/** Steps of all journeys that one input may lead to. */
const STEPS_PER_INPUT_MAX = 20_000;
const EFFECTS_PER_STEP_MAX = 2 * (LIMITS.instructionsPerInputMax + LIMITS.stagesPerInputMax);

/** Puts something else in the place of what a step gave. */
export type Tamper = (before: Run | null, outcome: Outcome) => Outcome;

export interface LifeOptions {
  readonly inputs: number;
  readonly tamper?: Tamper;
  /** Runs are written and parsed between any two inputs (P2). */
  readonly throughJson?: boolean;
  /** Without it the digest is that of the runs at the end alone; reading every line costs a tenth of the life. */
  readonly digest?: boolean;
}

export interface Lived {
  /** Of everything that was recorded and of every run at the end. */
  readonly digest: number;
  readonly steps: number;
  readonly transitions: number;
  readonly effects: number;
}

/** @throws a `Broken` where an invariant does not hold */
export function live(machines: readonly Machine[], seed: string, options: LifeOptions): Lived {
  const { inputs, tamper, throughJson = false, digest: wanted = false } = options;
  const draw = drawsOf(seed);
  const setting = settingOf(machines, new Map(), 'en');
  let digest = 0;
  let appliedAt = -Infinity;
  const customer = newCustomer(setting, 'u:one', BEGIN, (line) => {
    if (wanted) digest = hashOf(JSON.stringify(line), digest);
    if (line.appliedAt < appliedAt) throw new Broken('L1 the time of inputs never goes back');
    appliedAt = line.appliedAt;
  });
  const watch = openWatch(customer, machines, tamper, throughJson);
  let now = BEGIN;
  let input = 0;
  try {
    for (; input < inputs; input++) {
      const at = now + pick(draw, GAPS);
      now = Math.max(now, at);
      watch.begin();
      passTime(customer, Math.max(at, customer.state.lastInputAt));
      const event = drawInput(draw, customer, input);
      if (event) {
        freeze(event.message);
        applyEvent(customer, { ...event, at }, Math.max(at, customer.state.lastInputAt));
      }
      watch.check();
    }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Broken(`input ${input} of ${seed}: ${said}`);
  }
  for (const run of customer.state.runs.values()) digest = hashOf(JSON.stringify(run), digest);
  return { digest, ...watch.counts };
}

export class Broken extends Error {}

type Said = Pick<Parameters<typeof applyEvent>[1], 'messageId' | 'name' | 'type' | 'message'>;

/** An event, what a server or a webhook says, a trait that changes, or nothing but time. */
export function drawInput(draw: Draw, customer: SimulatedCustomer, input: number): Said | null {
  const kind = draw();
  if (kind < 0.1) return null;
  // Now and then a message that was here already.
  const messageId = `m${draw() < 0.03 ? below(draw, input + 1) : input}`;
  const say = (name: string, members: JsonObject, type = 'track'): Said => ({
    messageId,
    name,
    type,
    message: { type, messageId, ...(type === 'track' ? { event: name } : {}), ...members },
  });
  if (kind < 0.16) {
    const timezone = pick(draw, ['Asia/Tokyo', 'America/New_York', 'nowhere']);
    return say('identify', { traits: { seen: below(draw, 9), born: day(draw), timezone } }, 'identify');
  }
  if (kind < 0.2) return say('Audience Joined', { properties: { audience: 'regulars' } });
  if (kind < 0.24) return say('Journey Requested', { properties: { journey: pick(draw, ['alpha', 'beta']) } });
  if (kind < 0.26) return say('Journey Cancelled', { properties: { journey: pick(draw, ['alpha', 'gamma']) } });
  if (kind < 0.32) {
    const run = [...customer.state.runs.keys()].at(below(draw, Math.max(1, customer.state.runs.size))) ?? 'none';
    return say('Webhook Answered', {
      properties: { run, webhook: 'score', status: pick(draw, [200, 500]), body: null },
    });
  }
  const properties: JsonObject = { n: below(draw, 10), due: day(draw) };
  if (draw() < 0.8) properties['cart'] = pick(draw, ['a', 'b', 'c']);
  return say(pick(draw, EVENTS), { properties });
}

const DAYS = Array.from({ length: 120 }, (_, index) => new Date(BEGIN + index * DAY).toISOString().slice(0, 10));
const day = (draw: Draw): string => pick(draw, DAYS);

interface Watch {
  readonly counts: { steps: number; transitions: number; effects: number };
  readonly begin: () => void;
  readonly check: () => void;
}

/** Looks at every step of a customer, and at the customer between inputs. */
function openWatch(
  customer: SimulatedCustomer,
  machines: readonly Machine[],
  tamper: Tamper | undefined,
  throughJson: boolean,
): Watch {
  const { state } = customer;
  const byId = new Map(machines.map((machine) => [machine.id, machine]));
  const counts = { steps: 0, transitions: 0, effects: 0 };
  const keys = new Set<string>();
  const over = new Map<string, Run>();
  /** Every run that has ended, also one that was forgotten in the same input. */
  const ended = new Set<string>();
  let ids: readonly string[] = [];
  let stepsBefore = 0;

  customer.through = (before, outcome, at) => {
    counts.steps++;
    const { run, effects } = tamper ? tamper(before, outcome) : outcome;
    if (before?.endedAt !== undefined && run !== before) throw new Broken('E5 a run that is over takes no input');
    if (effects.length > EFFECTS_PER_STEP_MAX) throw new Broken(`S7 ${effects.length} effects of one step`);
    let sequence = before?.sequence ?? 0;
    for (const effect of effects) {
      if (effect.kind === 'transition') counts.transitions++;
      if (!('key' in effect)) continue;
      counts.effects++;
      sequence++;
      if (effect.key !== `${effect.run}/${sequence}`) throw new Broken(`S5 ${effect.key} is not number ${sequence}`);
      if (keys.has(effect.key)) throw new Broken(`S5 ${effect.key} comes twice`);
      keys.add(effect.key);
    }
    if (!run || run === before) {
      if (run && sequence !== run.sequence) throw new Broken('S5 effects were not counted');
      return { run, effects };
    }
    if (run.sequence !== sequence) throw new Broken(`S5 the run counts ${run.sequence} effects of ${sequence}`);
    if (before && !sameRun(before, run)) throw new Broken('P2 what a run is changes on its way');
    if (run.enteredAt > at || run.startedAt > run.enteredAt) throw new Broken('E2 a stage is entered in the future');
    if (run.endedAt !== undefined) ended.add(run.id);
    if (!isPlain(run)) throw new Broken('P2 a run is not plain JSON');
    return { run: freeze(throughJson ? (JSON.parse(JSON.stringify(run)) as Run) : run), effects };
  };

  const check = (): void => {
    if (counts.steps - stepsBefore > STEPS_PER_INPUT_MAX) throw new Broken('S7 the work of one input has no end');
    const live = new Set<string>();
    for (const [id, run] of state.runs) {
      if (id !== run.id) throw new Broken('E1 a run is kept under another id');
      const stage = byId.get(run.journey)?.stages.get(run.stage);
      if (!stage) throw new Broken(`V2 there is no stage ${run.stage}`);
      if (run.endedAt === undefined) {
        if (ended.has(id)) throw new Broken('E5 a run that was over lives again');
        const key = `${run.journey} ${run.key}`;
        if (live.has(key)) throw new Broken(`K1 two live runs of ${key}`);
        live.add(key);
        if (stage.final) throw new Broken('E5 a live run stands in a final stage');
        if (run.at !== undefined && run.at > stage.program.length) throw new Broken('S1 a program stands past its end');
      } else {
        const before = over.get(id);
        if (before && before !== run) throw new Broken('E5 a run that was over has changed');
        over.set(id, run);
      }
    }
    for (const id of ids)
      if (!state.runs.has(id) && !ended.has(id)) throw new Broken(`E8 ${id} was forgotten before it was over`);
    ids = [...state.runs.keys()];
    const due = nextDue(state, customer.machineOf);
    if (due && due.timer.dueAt < state.lastInputAt && !mayLag(byId.get(due.run.journey)))
      throw new Broken(`A5 a timer of ${due.run.id} was due and has not fired`);
    if (liveRuns(state).length > LIMITS.runsPerCustomerMax) throw new Broken('too many live runs');
  };
  return {
    counts,
    begin: () => {
      stepsBefore = counts.steps;
    },
    check,
  };
}

/** A journey that can be suspended catches up when the suspension ends (Q2). */
const mayLag = (machine: Machine | undefined): boolean => (machine?.tags.length ?? 0) > 0;

const sameRun = (before: Run, after: Run): boolean =>
  before.id === after.id &&
  before.journey === after.journey &&
  before.version === after.version &&
  before.key === after.key &&
  before.startedAt === after.startedAt;

/** Whether nothing is lost by writing it: no member that is undefined, no number JSON does not have. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' || typeof value === 'boolean' || value === null;
  for (const name in value) if (!isPlain(value[name as keyof typeof value])) return false;
  return true;
}

/** P3: what goes into a step cannot be changed by it; trying throws. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const name in value) freeze(value[name]);
  return value;
}
