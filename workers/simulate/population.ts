// A synthetic population: customers who arrive, come back in visits and send what the journeys listen to. Each customer
// follows from the seed and its number alone, so one of them can be looked at without the others. Distributions are plain
// (exponential times, geometric visits): they exercise journeys, they forecast no market.

import type { EventDeclarations, FieldDeclaration } from '../../schema/catalog.ts';
import { EVENT_TYPES } from '../../schema/event.ts';
import type { Json, JsonObject } from '../../schema/json.ts';
import { CONSENT_EVENT } from '../consent/statements.ts';
import type { SimulatedEvent } from './customer.ts';
import { below, type Draw, drawsOf, exponential, pick } from './random.ts';
import type { Spoken } from './vocabulary.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

export interface Plan {
  readonly seed: string;
  /** Milliseconds. */
  readonly from: number;
  readonly until: number;
  readonly spoken: Spoken;
  readonly declarations: EventDeclarations;
}

/** Customers arrive during this share of the time. */
const ARRIVAL_SHARE = 0.5;
const VISITS_PER_WEEK = [0.2, 0.5, 1, 1, 2, 4] as const;
const EVENTS_PER_VISIT = 4;
const KNOWN_SHARE = 0.8;
const CONSENT_SHARE = 0.6;
/** How much rarer than others an event is that only ends journeys. */
const ENDING_WEIGHT = 0.02;

export const customerName = (number: number): string => `s${String(number).padStart(6, '0')}`;

/** The events of one customer in order of time. */
export function* lifeOf(plan: Plan, number: number): Generator<SimulatedEvent> {
  const name = customerName(number);
  const draw = drawsOf(`${plan.seed}/${name}`);
  const person: Person = { name, draw, plan, keys: new Map(), sent: 0 };
  let at = plan.from + Math.floor(draw() * (plan.until - plan.from) * ARRIVAL_SHARE);
  if (draw() < KNOWN_SHARE) yield say(person, 'identify', at, { traits: traitsOf(person) });
  const weights = plan.spoken.events.map((event) => {
    const wish = event === 'identify' ? 0.05 : exponential(draw, 1);
    return plan.spoken.endings.has(event) ? wish * ENDING_WEIGHT : wish;
  });
  const consents = draw() < CONSENT_SHARE;
  if (consents) yield consent(person, at + MINUTE, true);
  const visitEvery = (7 * DAY) / pick(draw, VISITS_PER_WEEK);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return;
  at += 2 * MINUTE;
  while (at < plan.until) {
    do {
      const event = weighted(plan.spoken.events, weights, draw() * total);
      const more = event === 'identify' ? { traits: traitsOf(person) } : { properties: propertiesOf(person, event) };
      yield say(person, event, at, more);
      at += 1_000 + Math.floor(exponential(draw, 2 * MINUTE));
    } while (at < plan.until && draw() > 1 / EVENTS_PER_VISIT);
    if (consents && draw() < 0.005 && at < plan.until) yield consent(person, at, draw() < 0.5);
    at += MINUTE + Math.floor(exponential(draw, visitEvery));
  }
}

interface Person {
  readonly name: string;
  readonly draw: Draw;
  readonly plan: Plan;
  /** What `…_id` properties hold at the moment: a cart, an order. */
  readonly keys: Map<string, number>;
  sent: number;
}

function say(person: Person, event: string, at: number, members: JsonObject): SimulatedEvent {
  const messageId = `${person.name}-${++person.sent}`;
  const type = (EVENT_TYPES as readonly string[]).includes(event) ? event : 'track';
  const named: JsonObject = type === 'track' ? { type, event } : { type };
  return { messageId, name: event, type, at, message: { messageId, userId: person.name, ...named, ...members } };
}

const consent = (person: Person, at: number, granted: boolean): SimulatedEvent =>
  say(person, CONSENT_EVENT, at, { properties: { purpose: 'marketing', channel: 'email', granted } });

function weighted(events: readonly string[], weights: readonly number[], point: number): string {
  let left = point;
  for (const [index, event] of events.entries()) {
    left -= weights[index] ?? 0;
    if (left < 0) return event;
  }
  return events.at(-1) ?? '';
}

/** Properties conditions ask about, nearly always; of the others that are declared a few. */
function propertiesOf(person: Person, event: string): JsonObject {
  const { draw, plan } = person;
  const { declared, others } = membersOf(plan, event);
  const properties: JsonObject = {};
  for (const { name, declaration, share } of declared)
    if (draw() < share) properties[name] = made(person, name, declaration, 0);
  for (const name of others)
    if (draw() < 0.5) properties[name] = made(person, name, { type: draw() < 0.5 ? 'number' : 'string' }, 0);
  const wanted = plan.spoken.wants.get(event);
  return wanted && draw() < 0.9 ? { ...properties, ...pick(draw, wanted) } : properties;
}

interface EventMembers {
  readonly declared: readonly {
    readonly name: string;
    readonly declaration: FieldDeclaration;
    readonly share: number;
  }[];
  /** Asked about, and not declared for this event. */
  readonly others: readonly string[];
}

/** Worked out once for each event of a plan. */
const MEMBERS = new WeakMap<Plan, Map<string, EventMembers>>();

function membersOf(plan: Plan, event: string): EventMembers {
  const ofPlan = MEMBERS.get(plan) ?? new Map<string, EventMembers>();
  MEMBERS.set(plan, ofPlan);
  const known = ofPlan.get(event);
  if (known) return known;
  const { members } = plan.spoken;
  const properties =
    (Object.hasOwn(plan.declarations.events, event) && plan.declarations.events[event]?.properties) || {};
  const found: EventMembers = {
    declared: Object.entries(properties).flatMap(([name, declaration]) => {
      if (members.has(name)) return { name, declaration, share: 0.95 };
      return name.endsWith('_id') ? { name, declaration, share: 0.5 } : [];
    }),
    others: [...members].filter((name) => !Object.hasOwn(properties, name)),
  };
  ofPlan.set(event, found);
  return found;
}

function traitsOf(person: Person): JsonObject {
  const { draw, plan, name } = person;
  const traits: JsonObject = { email: `${name}@example.com` };
  for (const [trait, declaration] of Object.entries(plan.declarations.traits))
    if (trait !== 'email' && !declaration.computed && plan.spoken.members.has(trait) && draw() < 0.9)
      traits[trait] = made(person, trait, declaration, 0);
  for (const member of plan.spoken.members)
    if (!Object.hasOwn(plan.declarations.traits, member) && draw() < 0.2)
      traits[member] = made(person, member, { type: 'string' }, 0);
  return traits;
}

const DEPTH_MAX = 3;
const ZONES = ['Europe/Vienna', 'Europe/London', 'America/New_York', 'Asia/Tokyo', 'Australia/Sydney'] as const;
const LANGUAGES = ['en', 'de', 'fr'] as const;

function made(person: Person, name: string, declaration: FieldDeclaration, depth: number): Json {
  const { draw, plan } = person;
  const { texts, numbers } = plan.spoken;
  switch (declaration.type) {
    case 'string':
      if (name.endsWith('_id')) return keyOf(person, name);
      if (name === 'timezone') return pick(draw, ZONES);
      if (name === 'language' || name === 'locale') return pick(draw, LANGUAGES);
      return texts.length > 0 && draw() < 0.7 ? pick(draw, texts) : `text ${below(draw, 5)}`;
    case 'number':
      // Around the numbers conditions compare with, so that both sides of each are met.
      return numbers.length > 0 && draw() < 0.6
        ? Math.max(0, pick(draw, numbers) + below(draw, 3) - 1)
        : Math.round(exponential(draw, 80) * 100) / 100;
    case 'integer':
      return numbers.length > 0 && draw() < 0.6
        ? Math.max(0, Math.round(pick(draw, numbers)) + below(draw, 3) - 1)
        : 1 + below(draw, 5);
    case 'boolean':
      return draw() < 0.5;
    case 'timestamp':
      return new Date(plan.from + Math.floor((draw() * 1.5 - 0.25) * (plan.until - plan.from))).toISOString();
    case 'list': {
      const { items } = declaration;
      if (!items || depth >= DEPTH_MAX) return [];
      return Array.from({ length: below(draw, 4) }, () => made(person, name, items, depth + 1));
    }
    case 'map': {
      const fields: JsonObject = {};
      if (depth < DEPTH_MAX)
        for (const [field, inner] of Object.entries(declaration.fields ?? {}))
          if (plan.spoken.members.has(field) || draw() < 0.2) fields[field] = made(person, field, inner, depth + 1);
      return fields;
    }
  }
}

/** A cart stays the customer's cart for a while, then comes another. */
function keyOf(person: Person, name: string): string {
  const current = person.keys.get(name) ?? 1;
  const next = person.draw() < 0.15 ? current + 1 : current;
  person.keys.set(name, next);
  return `${person.name}-${name.slice(0, -'_id'.length)}-${next}`;
}
