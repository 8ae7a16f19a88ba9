// One customer in memory on a virtual clock, moved by the engine's travel.ts as the customer's object is. Effects are only
// recorded, by the rules the object has for them (decide/sending.ts). Not a store, and nothing leaves it.

import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { ACCOUNT_EVENTS, hearAccount, isAccount, type Membership } from '../accounts/state.ts';
import { hear } from '../consent/hear.ts';
import { type ConsentRules, mayEnd } from '../consent/policy.ts';
import { type Consents, NO_CONSENTS, permission, refusal } from '../consent/state.ts';
import { hasSignals, SAYS_CONSENT } from '../consent/statements.ts';
import type { MessageTemplate } from '../decide/messages.ts';
import { prepareSend } from '../decide/sending.ts';
import type { Chronicle } from '../engine/facts.ts';
import { toldTraits } from '../engine/learner.ts';
import { type EngineEvent, type Machine, type Outcome, type Run, SYSTEM_EVENTS } from '../engine/machine.ts';
import { engineEventOf } from '../engine/message.ts';
import { carryOut, type Ledger, reported, type SendEffect, TRAITS_TOO_LARGE, withTraits } from '../engine/outcomes.ts';
import * as travel from '../engine/travel.ts';
import type { Journeying, MachineOf, Openings, Traveller, World } from '../engine/traveller.ts';
import { awaited, fireDue, type Missing, nextGap, overdueEvent, type Told, toldOf } from '../pressure/overdue.ts';
import { type PressureRules, wishOf } from '../pressure/policy.ts';
import { type Contact, concernsAny, type Kind, remembered, roomFor, zoneFor } from '../pressure/room.ts';
import { type History, newHistory } from './history.ts';

/** What is published, as far as a customer moves by it. */
export interface Setting {
  readonly machines: ReadonlyMap<string, Machine>;
  readonly openings: Openings;
  readonly templates: ReadonlyMap<string, MessageTemplate>;
  readonly consent: ConsentRules;
  readonly pressure: PressureRules;
  readonly defaultLocale: string;
}

/** A message of the tracking API that was accepted, named and dated. */
export interface SimulatedEvent {
  readonly messageId: string;
  /** The declared name, aliases resolved (T5). */
  readonly name: string;
  /** track, page, screen, identify, group, alias. */
  readonly type: string;
  /** Milliseconds. */
  readonly at: number;
  readonly message: JsonObject;
}

/** A line of the timeline. Instants in milliseconds. */
export interface Line {
  readonly kind: string;
  readonly at: number;
  readonly appliedAt: number;
  readonly body: object;
}

export interface SimulatedState extends Traveller {
  readonly id: string;
  traits: JsonObject;
  events: number;
  timersFired: number;
  account: Membership | null;
  consents: Consents;
  contacts: Contact[];
  readonly createdAt: number;
  /** Gaps between contacts that rules have told (CP12). */
  told: Told;
}

export interface SimulatedCustomer extends Journeying {
  readonly state: SimulatedState;
  /** The setting's, until somebody publishes. */
  openings: Openings;
  readonly setting: Setting;
  readonly history: History;
  readonly facts: Chronicle;
  /** Hears of every line as it is written. */
  readonly onLine: (line: Line) => void;
  /** Why no message may go out; null where it may. */
  silence: 'import' | null;
  /** Sees what came of each step, and may put something else in its place: for tests that break what they test. */
  through?: (before: Run | null, outcome: Outcome, at: number) => Outcome;
}

/**
 * @param createdAt milliseconds; nothing happens to the customer before
 * @param machineOf the machine of a run's version; the setting's own unless told otherwise
 */
export function newCustomer(
  setting: Setting,
  id: string,
  createdAt: number,
  onLine: (line: Line) => void,
  machineOf: MachineOf = (run) => publishedMachine(setting, run),
): SimulatedCustomer {
  const state: SimulatedState = {
    id,
    runs: new Map<string, Run>(),
    lastActivityAt: null,
    lastInputAt: createdAt,
    runsStarted: 0,
    traits: {},
    known: null,
    account: null,
    events: 0,
    timersFired: 0,
    consents: NO_CONSENTS,
    contacts: [],
    createdAt,
    told: {},
  };
  const history = newHistory();
  const { openings } = setting;
  return { state, machineOf, openings, setting, history, facts: history.facts(state), onLine, silence: null };
}

function publishedMachine({ machines }: Setting, run: Run): Machine {
  const machine = machines.get(run.journey);
  if (!machine) throw new Error(`broken invariant: there is no journey ${run.journey}`);
  return machine;
}

const record = (of: SimulatedCustomer, kind: string, at: number, body: object): void =>
  of.onLine({ kind, at, appliedAt: of.state.lastInputAt, body });

function learn(of: SimulatedCustomer, traits: JsonObject, at: number): boolean {
  const merged = withTraits(of.state.traits, reported(traits, of.openings.learner.computed));
  if (merged === null) record(of, 'error', at, TRAITS_TOO_LARGE);
  else of.state.traits = merged;
  return merged !== null;
}

/** Nothing leaves a simulation, so these lead nowhere. */
const EXAMPLE_LINKS = {
  unsubscribeUrl: 'https://example.invalid/unsubscribe',
  preferencesUrl: 'https://example.invalid/preferences',
  confirmUrl: 'https://example.invalid/confirm',
};

const LEDGER: Ledger<SimulatedCustomer> = {
  record,
  learn,
  send: (of, effect, run, at) => {
    const { setting, state, history } = of;
    const addressee = {
      id: state.id,
      traits: toldTraits(state),
      refuses: (purpose: string, channel: string) => refusal(state.consents, setting.consent, purpose, channel, at),
      links: () => EXAMPLE_LINKS,
      mustEnd: (purpose: string) => setting.consent.declared && mayEnd(setting.consent, purpose),
      eventOf: (messageId: string) => history.byMessage(messageId) ?? {},
      templates: setting.templates,
      defaultLocale: setting.defaultLocale,
    };
    const prepared = prepareSend(addressee, effect, run, of.silence);
    const held = prepared.kind === 'message' ? heldBack(of, effect, run, prepared.key, at) : null;
    if (held?.kind === 'suppressed') record(of, 'suppressed', at, { ...prepared.line, reason: held.reason });
    else record(of, prepared.kind, at, prepared.line);
    if (held?.kind === 'deferred') record(of, 'deferred', at, { ...prepared.line, ...held.said });
  },
};

type Held =
  | { readonly kind: 'suppressed'; readonly reason: string }
  | { readonly kind: 'deferred'; readonly said: JsonObject };

/**
 * Contact pressure (CP6, CP9). A message that waits goes out when there is room, as far as can be told now: who comes
 * between then and now is not asked again. Where messages that wait go as one, it goes with one that is promised (CP16).
 */
function heldBack(of: SimulatedCustomer, effect: SendEffect, run: Run, key: string, at: number): Held | null {
  const { state, setting } = of;
  const { pressure } = setting;
  const wanted = { channel: effect.channel, purpose: effect.purpose, tags: of.machineOf(run).tags };
  const wish = wishOf(state.consents.frequency);
  if (!concernsAny(pressure, wish, wanted)) {
    if (awaited(pressure, wanted)) contacted(state, pressure, { key, ...wanted, at }, at);
    return null;
  }
  const zone = zoneFor(pressure, state.traits['timezone']);
  const promised = pressure.digest ? state.contacts.filter((each) => each.at > at && isLike(each, wanted)) : [];
  const made = state.contacts.filter((each) => !promised.includes(each));
  const room = roomFor(pressure, wish, made, wanted, zone, at);
  if (room.kind === 'never') return { kind: 'suppressed', reason: `pressure: ${room.rule}` };
  const joined = room.kind === 'later' ? promised.find((each) => each.at >= room.at) : undefined;
  if (joined && room.kind === 'later') {
    const until = new Date(joined.at).toISOString();
    return { kind: 'deferred', said: { until, rule: room.rule, with: joined.key } };
  }
  const goesAt = room.kind === 'now' ? at : room.at;
  contacted(state, pressure, { key, ...wanted, at: goesAt }, at);
  if (room.kind === 'now') return null;
  return { kind: 'deferred', said: { until: new Date(goesAt).toISOString(), rule: room.rule } };
}

const isLike = (one: Contact, other: Kind): boolean => one.channel === other.channel && one.purpose === other.purpose;

function contacted(state: SimulatedState, pressure: PressureRules, contact: Contact, now: number): void {
  state.contacts = [...remembered(state.contacts, pressure, now), contact];
}

const WORLD: World<SimulatedCustomer> = {
  facts: ({ facts }) => facts,
  apply: (of, before, run, made, at) => {
    const { run: after, effects } = of.through?.(before, { run, effects: made }, at) ?? { run, effects: made };
    if (after && after !== before) of.state.runs.set(after.id, after);
    carryOut(LEDGER, of, after ?? before, effects, at);
  },
  forget: ({ state }, run) => void state.runs.delete(run),
  append: (of, event, at) => {
    const message = travel.messageOf(event);
    if (!of.history.add(event.name, event.messageId, at, message)) return false;
    record(of, 'emitted', at, message);
    return true;
  },
  learned: () => undefined,
};

/** CP14. A customer of a simulation is a known one where its id says so. */
const MISSING: Missing<SimulatedCustomer> = {
  rules: ({ setting }) => setting.pressure,
  next: ({ state, setting }) => {
    if (!state.id.startsWith('u:')) return null;
    const { consents, contacts, told, createdAt } = state;
    const permitted = (purpose: string, channel: string) => permission(consents, setting.consent, purpose, channel);
    return nextGap(setting.pressure, { createdAt, contacts, told, permission: permitted });
  },
  happen: (of, gap, at) => {
    of.state.told = toldOf(of.setting.pressure, of.state.told, gap);
    const { messageId, properties } = overdueEvent(of.state.id, gap);
    const name = SYSTEM_EVENTS.overdue;
    const message = { type: 'track', event: name, messageId, properties };
    applyEvent(of, { messageId, name, type: 'track', at, message }, at);
  },
};

/** Timers fired for one customer before one input, above which a simulation is taken to run in circles. */
const TIMERS_MAX = 20 * LIMITS.timersPerCommitMax;

/**
 * Lets time pass: fires everything due up to and including `until`, milliseconds.
 * @returns false where that is more than the object would fire before one input
 */
export function passTime(customer: SimulatedCustomer, until: number): boolean {
  const { fired, more } = fireDue(WORLD, MISSING, customer, until, TIMERS_MAX);
  customer.state.timersFired += fired;
  return !more;
}

/**
 * One event, applied at the later of its own time and the last input's (L1); whatever was due before has fired (A5).
 * @returns false for a message id that was here already; nothing has changed then but the time
 */
export function applyEvent(customer: SimulatedCustomer, event: SimulatedEvent, now: number): boolean {
  const { state, history } = customer;
  const { name, messageId, message, at, type } = event;
  if (!history.add(name, messageId, at, message)) return false;
  const signals = hasSignals(message['context'], type === 'identify' ? message['traits'] : undefined);
  const requests = signals || SAYS_CONSENT.has(name) ? hearConsent(customer, event) : [];
  state.events++;
  travel.noteEvent(state, name, now);
  const offered = engineEventOf(name, messageId, message);
  if (type === 'identify' && Object.keys(offered.traits).length > 0)
    if (learn(customer, offered.traits, now)) travel.noteTraits(WORLD, customer, now);
  if (ACCOUNT_NAMES.has(name)) hearOfAccount(customer, offered, now);
  travel.offerEvent(WORLD, customer, name, () => offered, at, now);
  for (const request of requests) applyEvent(customer, { ...request, type: 'consent', at: now }, now);
  return true;
}

const ACCOUNT_NAMES: ReadonlySet<string> = new Set(Object.values(ACCOUNT_EVENTS));

function hearOfAccount(customer: SimulatedCustomer, event: EngineEvent, now: number): void {
  const { state } = customer;
  const after = isAccount(state.id) ? state.account : hearAccount(state.account, event, now);
  if (after === state.account) return;
  state.account = after;
  travel.noteTraits(WORLD, customer, now);
}

function hearConsent({ state, setting }: SimulatedCustomer, event: SimulatedEvent) {
  const { consents, requests } = hear(state.consents, setting.consent, event, event.message, state.lastInputAt);
  state.consents = consents;
  return requests;
}
