// Names a journey uses of what stands elsewhere: events, their properties and traits in events.json, messages, offers,
// other journeys. What is not known there is a warning: an undeclared event is kept and matched by its name.

import type { ASTNode } from '@marcbachmann/cel-js';
import type { FieldDeclaration } from '../../schema/catalog.ts';
import type { Journey, Step } from '../../schema/journey.ts';
import { escapePointer } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { MEMBER_EVENTS } from '../accounts/state.ts';
import { checkTypes, HISTORY_ARITY, memberOf, walk } from '../engine/cel.ts';
import { durationMs } from '../engine/durations.ts';
import { isSystemEvent } from '../engine/machine.ts';
import { nearest } from '../engine/nearest.ts';
import { expressionsOf, stepsOf, type Written } from './expressions.ts';
import { astOf, type Look, tell } from './look.ts';
import { windowFault } from './retention.ts';

export function checkNames(look: Look): void {
  const known = knownOf(look);
  for (const { event, pointer } of eventsOf(look.journey)) checkEvent(look, known, event, pointer);
  for (const written of expressionsOf(look.journey)) checkExpression(look, known, written);
  for (const { step, pointer } of stepsOf(look.journey)) checkStepNames(look, step, pointer);
  checkJourneys(look);
}

export interface Known {
  /** Declared, and emitted by journeys. */
  readonly events: ReadonlySet<string>;
  /** Declared, and set by journeys. */
  readonly traits: ReadonlySet<string>;
  /** Segments, and audiences that journeys add to; null: nobody knows. */
  readonly audiences: ReadonlySet<string> | null;
}

export function knownOf({ journey, around }: Look): Known {
  const { declarations, resolve } = around.vocabulary;
  const steps = [journey, ...(around.journeys?.values() ?? [])].flatMap((each) => stepsOf(each));
  return {
    events: new Set([
      ...Object.keys(declarations.events),
      ...steps.flatMap(({ step }) => ('emit' in step ? [resolve(step.emit)] : [])),
    ]),
    // The zone of a customer is a trait of its own meaning (Z1).
    traits: new Set([
      'timezone',
      ...Object.keys(declarations.traits),
      ...steps.flatMap(({ step }) => ('set' in step ? [step.set] : [])),
    ]),
    audiences:
      around.segments &&
      new Set([...around.segments, ...steps.flatMap(({ step }) => ('audience' in step ? [step.audience] : []))]),
  };
}

/** Where a journey listens. */
function eventsOf(journey: Journey): { event: string; pointer: string }[] {
  const list = (each: readonly object[] | undefined, base: string) =>
    (each ?? []).flatMap((item, index) =>
      'event' in item && typeof item.event === 'string'
        ? [{ event: item.event, pointer: `${base}/${index}/event` }]
        : [],
    );
  return [
    ...list(journey.entry, '/entry'),
    ...list(journey.exit, '/exit'),
    ...(journey.goal ? [{ event: journey.goal.event, pointer: '/goal/event' }] : []),
    ...Object.entries(journey.stages).flatMap(([name, stage]) => list(stage.on, `/stages/${escapePointer(name)}/on`)),
    ...stepsOf(journey).flatMap(({ step, pointer }) =>
      'waitFor' in step ? [{ event: step.waitFor.event, pointer: `${pointer}/waitFor/event` }] : [],
    ),
  ];
}

/** What an account hears of who acts for it; they are nobody's to declare. */
const MEMBER_NAMES: ReadonlySet<string> = new Set(Object.values(MEMBER_EVENTS));

function checkEvent(look: Look, { events }: Known, written: string, pointer: string): void {
  const event = look.around.vocabulary.resolve(written);
  if (events.has(event) || isSystemEvent(event) || MEMBER_NAMES.has(event)) return;
  tell(
    look,
    'unknown-event',
    pointer,
    `the event ${JSON.stringify(written)} is not declared`,
    `${nearest(written, events)}Declare it in events.json, or correct its spelling.`,
  );
}

export function checkExpression(look: Look, known: Known, { source, pointer, event }: Written): void {
  const said = new Set<string>();
  const once = (name: string, say: () => void): void => {
    if (!said.has(name)) say();
    said.add(name);
  };
  walk(astOf(look, source), (node) => {
    if (node.op === 'call' && Object.hasOwn(HISTORY_ARITY, node.args[0])) checkCall(look, known, node, pointer, once);
    const audience = audienceNamedIn(node);
    if (audience !== null) once(`in ${audience}`, () => checkAudience(look, known, audience, pointer));
    for (const { journey, stage } of stagesNamedIn(node))
      once(`${journey} in ${stage}`, () => checkStageName(look, pointer, journey, stage));
    const member = memberOf(node);
    if (!member) return;
    const [target, name] = member;
    if (isVariable(target, 'traits') && !known.traits.has(name))
      once(`traits.${name}`, () =>
        tell(
          look,
          'unknown-trait',
          pointer,
          `the trait ${JSON.stringify(name)} is not declared`,
          `${nearest(name, known.traits)}Declare it in events.json, or correct its spelling.`,
        ),
      );
    if (isVariable(target, 'stages') && look.around.journeys && !hasJourney(look, name))
      once(`stages.${name}`, () => unknownJourney(look, pointer, name));
    const outer = memberOf(target);
    if (outer?.[1] !== 'properties') return;
    if (isVariable(outer[0], 'event'))
      once(`event.${name}`, () => checkProperty(look, event === null ? null : [event], name, pointer));
    if (isVariable(outer[0], 'start')) once(`start.${name}`, () => checkProperty(look, entriesOf(look), name, pointer));
  });
}

/** The audience of `'x' in segments`, or null. */
function audienceNamedIn(node: ASTNode): string | null {
  if (node.op !== 'in' || !isVariable(node.args[1], 'segments')) return null;
  const [item] = node.args;
  return item.op === 'value' && typeof item.args === 'string' ? item.args : null;
}

function checkAudience(look: Look, { audiences }: Known, audience: string, pointer: string): void {
  if (!audiences || audiences.has(audience)) return;
  tell(
    look,
    'unknown-segment',
    pointer,
    `no segment is called ${JSON.stringify(audience)}, and no journey adds to such an audience`,
    `${nearest(audience, audiences)}Write the segment, or correct its name.`,
  );
}

/** Stages that a comparison holds against the stage of a journey: `stages.j == 's'`, `stages.j in ['s', 't']`. */
function stagesNamedIn(node: ASTNode): { readonly journey: string; readonly stage: string }[] {
  if (node.op !== '==' && node.op !== '!=' && node.op !== 'in') return [];
  const [left, right] = node.args;
  const of = (side: ASTNode, other: ASTNode) => {
    const member = memberOf(side);
    if (!member || !isVariable(member[0], 'stages')) return [];
    const written = other.op === 'list' ? other.args : [other];
    return written.flatMap((each) =>
      each.op === 'value' && typeof each.args === 'string' ? { journey: member[1], stage: each.args } : [],
    );
  };
  return [...of(left, right), ...(node.op === 'in' ? [] : of(right, left))];
}

function checkStageName(look: Look, pointer: string, id: string, stage: string): void {
  const journey = id === look.journey.id ? look.journey : look.around.journeys?.get(id);
  if (!journey || Object.hasOwn(journey.stages, stage)) return;
  tell(
    look,
    'unknown-stage-named',
    pointer,
    `${id} has no stage ${JSON.stringify(stage)}, so this comparison always comes out the same`,
    `${nearest(stage, Object.keys(journey.stages))}Correct it, or add the stage.`,
  );
}

const isVariable = (node: ASTNode, name: string): boolean => node.op === 'id' && node.args === name;

type Once = (name: string, say: () => void) => void;

function checkCall(
  look: Look,
  known: Known,
  node: Extract<ASTNode, { op: 'call' }>,
  pointer: string,
  once: Once,
): void {
  const [name, args] = node.args;
  const [event = '', ...rest] = args.map((arg) => (arg.op === 'value' ? String(arg.args) : ''));
  const arity = HISTORY_ARITY[name] ?? 1;
  once(`event ${event}`, () => checkEvent(look, known, event, pointer));
  const property = arity === 2 ? rest[0] : undefined;
  if (property !== undefined)
    once(`${event}.${property}`, () => checkProperty(look, [look.around.vocabulary.resolve(event)], property, pointer));
  const beyond = windowFault(node, look.around, pointer);
  if (beyond) once(beyond.message, () => tell(look, 'window-beyond-retention', pointer, beyond.message, beyond.remedy));
  const window = rest[arity - 1];
  if (window !== undefined && (durationMs(window) ?? 0) > LIMITS.delayMsMax)
    once(`window ${window}`, () =>
      tell(
        look,
        'window-too-long',
        pointer,
        `the window ${window} is longer than ten years`,
        'Shorten it, or leave it out.',
      ),
    );
}

/** Events a run may begin with; null where it is any. */
function entriesOf({ journey, around }: Look): string[] | null {
  const events = journey.entry.map((entry) => ('event' in entry ? around.vocabulary.resolve(entry.event) : null));
  return events.every((event) => event !== null) ? events : null;
}

/** @param events it may be of one of these; null: of any */
function checkProperty(look: Look, events: readonly string[] | null, name: string, pointer: string): void {
  const { declarations } = look.around.vocabulary;
  if (events === null) return;
  const declared = events.map((event) =>
    Object.hasOwn(declarations.events, event) ? declarations.events[event]?.properties : undefined,
  );
  if (declared.some((properties) => !properties || Object.hasOwn(properties, name))) return;
  const names = new Set(declared.flatMap((properties) => Object.keys(properties ?? {})));
  tell(
    look,
    'unknown-property',
    pointer,
    `${events.join(', ')} is declared without the property ${JSON.stringify(name)}`,
    `${nearest(name, names)}Declare it in events.json, or correct its spelling.`,
  );
}

function checkStepNames(look: Look, step: Step, pointer: string): void {
  const { messages, offers, vocabulary } = look.around;
  const { declarations, resolve } = vocabulary;
  if ('send' in step && messages) checkMessage(look, step, pointer, messages);
  if ('audience' in step && look.around.segments?.has(step.audience))
    tell(
      look,
      'segment-step',
      `${pointer}/audience`,
      `${step.audience} is a segment: who is in it follows from its condition`,
      'Add to an audience of another name, or set a trait the segment asks for.',
    );
  if ('grant' in step && step.kind === 'coupon' && offers && !offers.has(step.grant))
    tell(
      look,
      'unknown-offer',
      `${pointer}/grant`,
      `no offer is called ${JSON.stringify(step.grant)}`,
      `${nearest(step.grant, offers)}Write the offer, or correct its name.`,
    );
  if ('set' in step && Object.hasOwn(declarations.traits, step.set))
    checkValue(look, 'set-type', step.value, `${pointer}/value`, step.set, declarations.traits[step.set]);
  if ('emit' in step) {
    const event = resolve(step.emit);
    const declared = Object.hasOwn(declarations.events, event) ? declarations.events[event]?.properties : undefined;
    for (const [name, source] of Object.entries(step.properties ?? {})) {
      const place = `${pointer}/properties/${escapePointer(name)}`;
      if (declared) checkProperty(look, [event], name, place);
      if (declared && Object.hasOwn(declared, name)) checkValue(look, 'emit-type', source, place, name, declared[name]);
    }
  }
}

function checkMessage(
  look: Look,
  step: Extract<Step, { send: unknown }>,
  pointer: string,
  messages: ReadonlyMap<string, { readonly channel: string; readonly purpose: string }>,
): void {
  const message = messages.get(step.send);
  if (!message)
    tell(
      look,
      'unknown-message',
      `${pointer}/send`,
      `there is no message ${JSON.stringify(step.send)}`,
      `${nearest(step.send, messages.keys())}Write it below messages/, or correct its name.`,
    );
  else if (message.channel !== step.channel)
    tell(
      look,
      'message-channel',
      `${pointer}/channel`,
      `the message is written for ${message.channel}`,
      `Send it by ${message.channel}, or take another message.`,
    );
  else if (message.purpose !== step.purpose)
    tell(
      look,
      'message-purpose',
      `${pointer}/purpose`,
      `the message says it is ${message.purpose}`,
      'Say the same purpose in both: it decides which consent is asked for.',
    );
}

const TYPES: Readonly<Record<FieldDeclaration['type'], RegExp>> = {
  string: /^string$/,
  timestamp: /^string$/,
  number: /^(double|int)$/,
  integer: /^(double|int)$/,
  boolean: /^bool$/,
  list: /^list/,
  map: /^map/,
};

function checkValue(
  look: Look,
  code: 'set-type' | 'emit-type',
  source: string,
  pointer: string,
  name: string,
  declared: FieldDeclaration | undefined,
): void {
  if (!declared) return;
  const { declarations } = look.around.vocabulary;
  const { valid, type } = checkTypes(source, astOf(look, source), { declarations, event: null, inRun: true });
  if (!valid || type === 'dyn' || type === 'null' || TYPES[declared.type].test(type)) return;
  tell(
    look,
    code,
    pointer,
    `${name} is declared as ${declared.type}, and this gives ${type}`,
    'Give a value of that type, or declare another.',
  );
}

const hasJourney = ({ journey, around }: Look, id: string): boolean =>
  journey.id === id || around.journeys?.has(id) === true;

function unknownJourney(look: Look, pointer: string, id: string): void {
  tell(
    look,
    'unknown-journey',
    pointer,
    `there is no journey ${JSON.stringify(id)}`,
    `${nearest(id, look.around.journeys?.keys() ?? [])}Write it, or correct its name.`,
  );
}

function checkJourneys(look: Look): void {
  const { journey, around } = look;
  if (!around.journeys) return;
  const find = (id: string): Journey | undefined => (id === journey.id ? journey : around.journeys?.get(id));
  for (const { step, pointer } of stepsOf(journey)) {
    if ('cancel' in step && !find(step.cancel)) unknownJourney(look, `${pointer}/cancel`, step.cancel);
    if (!('start' in step)) continue;
    const other = find(step.start);
    if (!other) unknownJourney(look, `${pointer}/start`, step.start);
    else if (!other.entry.some((entry) => 'journey' in entry && entry.journey === journey.id))
      tell(
        look,
        'start-unheard',
        `${pointer}/start`,
        `${step.start} has no entry for ${journey.id}`,
        `Add { "journey": "${journey.id}" } to its entry.`,
      );
  }
  journey.entry.forEach((entry, index) => {
    if (!('journey' in entry)) return;
    const other = find(entry.journey);
    if (!other) unknownJourney(look, `/entry/${index}/journey`, entry.journey);
    else if (!stepsOf(other).some(({ step }) => 'start' in step && step.start === journey.id))
      tell(
        look,
        'entry-unstarted',
        `/entry/${index}/journey`,
        `no step of ${entry.journey} starts ${journey.id}`,
        `Add the step { "start": "${journey.id}" } there, or remove this entry.`,
      );
  });
  const tags = new Set([journey, ...around.journeys.values()].flatMap((each) => each.tags ?? []));
  (journey.suspends ?? []).forEach((tag, index) => {
    if (!tags.has(tag))
      tell(
        look,
        'unknown-tag',
        `/suspends/${index}`,
        `no journey has the tag ${JSON.stringify(tag)}`,
        `${nearest(tag, tags)}Correct its spelling, or give it to a journey.`,
      );
  });
}
