// One case as it is played: a customer of the simulator on a virtual clock, given the steps of a case one after the other.
// Tells what came of each. Not the judgement (run.ts), not the search for cases (generate.ts).

import type { Case, CaseStep } from '../../schema/cases.ts';
import { EVENT_TYPES } from '../../schema/event.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { hear } from '../consent/hear.ts';
import { BY_LINK, CONSENT_EVENT } from '../consent/statements.ts';
import { durationMs } from '../engine/durations.ts';
import type { Learner } from '../engine/learner.ts';
import { type Machine, type Run, SYSTEM_EVENTS } from '../engine/machine.ts';
import { NO_POLICIES } from '../policies/policies.ts';
import {
  applyEvent,
  type Line,
  newCustomer,
  passTime,
  type Setting,
  type SimulatedCustomer,
} from '../simulate/customer.ts';
import { settingOf } from '../simulate/setting.ts';
import { type Element, experimentSteps, observe, type Resolve, stagePointer } from './observe.ts';

/** The journey under test and what stands around it. */
export interface Stand {
  readonly machine: Machine;
  /** Other journeys that are published beside it. */
  readonly others: readonly Machine[];
  readonly templates: Setting['templates'];
  readonly defaultLocale: string;
  readonly resolve: Resolve;
  /** Works out computed traits and segments. */
  readonly learner?: Learner;
}

export type Begin = Pick<Case, 'start' | 'customer' | 'traits' | 'consents'>;

/** What a step of a case did. Lines of the journey under test alone. */
export interface Happened {
  /** `from > to`; - is outside. */
  readonly transitions: readonly string[];
  readonly messages: readonly string[];
  readonly suppressed: readonly { readonly send: string; readonly reason: string }[];
  readonly effects: readonly JsonObject[];
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
  /** More timers than a customer may have for one input. */
  readonly runaway: boolean;
}

export interface Play {
  readonly customer: SimulatedCustomer;
  /** Milliseconds. */
  readonly now: () => number;
  /** Pointers of the elements come to so far. */
  readonly reached: ReadonlySet<Element['pointer']>;
  readonly take: (step: CaseStep) => Happened;
  /** Runs of the journey under test, the latest last. */
  readonly runs: () => Run[];
}

const START = Date.UTC(2026, 0, 5, 10);
export const CUSTOMER = 'customer-1';

/** A stand made ready: its journey watched once for all the plays on it. */
export interface Scene {
  readonly stand: Stand;
  readonly setting: Setting;
  /** Whose elements are come to from now on. */
  readonly follow: (reached: Set<string>) => void;
}

export function sceneOf(stand: Stand): Scene {
  let followed = new Set<string>();
  const machine = observe(stand.machine, stand.resolve, (pointer) => void followed.add(pointer));
  const setting = settingOf(
    [machine, ...stand.others],
    stand.templates,
    stand.defaultLocale,
    NO_POLICIES,
    stand.learner,
    stand.machine.subject,
  );
  return {
    stand,
    setting,
    follow: (reached) => {
      followed = reached;
    },
  };
}

export function openPlay(
  { stand, setting, follow }: Scene,
  { start, customer: id = CUSTOMER, traits = {}, consents = [] }: Begin,
): Play {
  const reached = new Set<string>();
  const journey = stand.machine.id;
  let now = start === undefined ? START : Date.parse(start);
  let lines: Line[] = [];
  const onLine = (line: Line): void => {
    lines.push(line);
    const { body } = line;
    if (!isOf(journey, body)) return;
    if (line.kind === 'transition' && typeof body['to'] === 'string') reached.add(stagePointer(body['to']));
    if (line.kind === 'experiment' && body['arm'] === null)
      for (const step of experimentSteps(stand.machine, text(body['experiment'])))
        if (reached.has(step)) reached.add(`${step}/holdout`);
  };
  const customer = newCustomer(setting, id, now, onLine);
  customer.state.traits = traits;
  consents.forEach((purpose, index) => {
    const messageId = `consent-${index + 1}`;
    const message = { messageId, type: BY_LINK, event: CONSENT_EVENT, properties: { purpose, granted: true } };
    customer.history.add(CONSENT_EVENT, messageId, now, message);
    const said = { name: CONSENT_EVENT, messageId, at: now };
    customer.state.consents = hear(customer.state.consents, setting.consent, said, message).consents;
  });
  const runs = (): Run[] => [...customer.state.runs.values()].filter((run) => run.journey === journey);
  let messages = 0;

  function take(step: CaseStep): Happened {
    lines = [];
    follow(reached);
    if ('pass' in step) now += durationMs(step.pass) ?? 0;
    const inTime = passTime(customer, now);
    if (!('pass' in step)) {
      const messageId = `event-${++messages}`;
      const message = { messageId, userId: id, ...saidBy(step, runs().at(-1)?.id ?? '') };
      const name = stand.resolve(typeof message.event === 'string' ? message.event : message.type);
      applyEvent(customer, { messageId, name, type: message.type, at: now, message }, now);
    }
    return happenedIn(lines, journey, id, !inTime);
  }
  return { customer, now: () => now, reached, take, runs };
}

type Said = { type: string; event?: string; properties?: JsonObject; traits?: JsonObject };

function saidBy(step: Exclude<CaseStep, { pass: string }>, run: string): Said {
  if ('answer' in step) {
    const { answer: webhook, status = 200, body = null } = step;
    return { type: 'track', event: SYSTEM_EVENTS.answered, properties: { run, webhook, status, body } };
  }
  const { event, properties, traits } = step;
  const isCall = event !== 'track' && (EVENT_TYPES as readonly string[]).includes(event);
  return {
    ...(isCall ? { type: event } : { type: 'track', event }),
    ...(properties ? { properties } : {}),
    ...(traits ? { traits } : {}),
  };
}

const isOf = (journey: string, body: object): body is JsonObject => 'journey' in body && body.journey === journey;

/** What differs from case to case without meaning, or is said elsewhere. */
const UNSAID = new Set(['key', 'journey', 'run', 'outcome', 'messageId', 'type']);

function happenedIn(lines: readonly Line[], journey: string, customer: string, runaway: boolean): Happened {
  const transitions: string[] = [];
  const messages: string[] = [];
  const suppressed: { send: string; reason: string }[] = [];
  const effects: JsonObject[] = [];
  const errors: { pointer: string; detail: string }[] = [];
  for (const { kind, body } of lines) {
    const members: JsonObject = { ...body };
    const own =
      kind === 'emitted' ? text(members['messageId']).startsWith(`${customer}/${journey}.`) : isOf(journey, members);
    if (!own) continue;
    if (kind === 'transition') transitions.push(`${outside(members['from'])} > ${outside(members['to'])}`);
    else if (kind === 'message') messages.push(text(members['message']));
    else if (kind === 'suppressed')
      suppressed.push({ send: text(members['message']), reason: text(members['reason']) });
    else if (kind === 'error') errors.push({ pointer: text(members['pointer']), detail: text(members['detail']) });
    else effects.push({ kind, ...without(members) });
  }
  return { transitions, messages, suppressed, effects, errors, runaway };
}

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
const outside = (stage: Json | undefined): string => (typeof stage === 'string' ? stage : '-');
const without = (members: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !UNSAID.has(name)));

/** What several steps did together. */
export function together(steps: readonly Happened[]): Happened {
  return {
    transitions: steps.flatMap((step) => step.transitions),
    messages: steps.flatMap((step) => step.messages),
    suppressed: steps.flatMap((step) => step.suppressed),
    effects: steps.flatMap((step) => step.effects),
    errors: steps.flatMap((step) => step.errors),
    runaway: steps.some((step) => step.runaway),
  };
}

/** Whether an expected value is met: members that are not given may be anything, an instant may be a date and time. */
export function meets(expected: Json, actual: Json | undefined): boolean {
  if (isObject(expected))
    return isObject(actual) && Object.entries(expected).every(([name, value]) => meets(value, actual[name]));
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((value, index) => meets(value, actual[index]))
    );
  if (typeof expected === 'string' && typeof actual === 'number') return Date.parse(expected) === actual;
  return expected === actual;
}
