// What templates read that nobody declared: a name that is not there is empty for every customer, so it is an error. Asked of
// content, offers and messages in every language, with the fragments they render.

import { escapePointer } from '../../schema/json.ts';
import { type Missing, missingOn, type Shape, valuesShape } from '../decide/declared.ts';
import { type Read, whereOf } from '../decide/liquid/walk.ts';
import type { Variants } from '../decide/variants.ts';
import { nearest } from '../engine/nearest.ts';
import { severityOf } from './codes.ts';
import { stepsOf } from './expressions.ts';
import type { Graded, Surroundings } from './look.ts';

/** @param document as it is written: what a variant takes from others is told there */
export function checkReads(variants: Variants, document: unknown, shape: Shape): Graded[] {
  const written = memberOf(document, 'locales');
  return [...variants].flatMap(([locale, fields]) =>
    fields.flatMap((field): Graded[] => {
      if (field.kind === 'fixed' || memberOf(memberOf(written, locale), field.name) === undefined) return [];
      return checkPlace(`/locales/${escapePointer(locale)}/${escapePointer(field.name)}`, field.reads, shape);
    }),
  );
}

/** Of a fragment alone: names that are no root of values are given where it is rendered, and are asked for there. */
export const checkOwnReads = (pointer: string, reads: readonly Read[], shape: Shape): Graded[] =>
  checkPlace(
    pointer,
    reads.filter(({ path: [root] }) => shape.kind === 'map' && shape.members.has(String(root))),
    shape,
  );

/** As many as somebody may read through. */
const TOLD_MAX = 20;

function checkPlace(pointer: string, reads: readonly Read[], shape: Shape): Graded[] {
  const unknown = reads.flatMap((read) => {
    const missing = missingOn(read.path, shape);
    return missing ? { ...missing, read } : [];
  });
  return unknown.slice(0, TOLD_MAX).map(({ read, ...missing }) => {
    const whole = read.path.map((segment) => segment ?? '[]').join('.');
    const within = missing.within === '' ? 'a template' : missing.within;
    return {
      code: 'unknown-variable',
      severity: severityOf('unknown-variable'),
      pointer,
      message: `reads ${whole}, and ${within} has no ${JSON.stringify(missing.name)}, ${whereOf(read)}`,
      remedy: `${nearest(missing.name, missing.names)}${remedyOf(missing)}`,
    };
  });
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;

const remedyOf = ({ within, names }: Missing): string =>
  within.startsWith('traits') || within.startsWith('event.properties')
    ? 'Correct its spelling, or declare it in events.json.'
    : `There is ${names.join(', ')}.`;

/** What the templates of a catalog may read. */
export function shapesOf({ vocabulary, journeys }: Surroundings): {
  readonly page: Shape;
  readonly sent: Shape;
  readonly anywhere: Shape;
} {
  const all = journeys && [...journeys.values()];
  const set = (all ?? [])
    .flatMap((journey) => stepsOf(journey))
    .flatMap(({ step }) => ('set' in step ? [step.set] : []));
  const declared = {
    declarations: vocabulary.declarations,
    set,
    journeys: all && all.length > 0 ? all.map(({ id }) => id) : null,
  };
  return {
    page: valuesShape(declared, 'page'),
    sent: valuesShape(declared, 'message'),
    anywhere: valuesShape(declared, 'anywhere'),
  };
}
