// What one rendering may cost, counted in steps and characters and not in time: the clock of the platform stands still
// while it computes, and the same template must end the same way everywhere. Whoever goes beyond a bound is thrown out.

import type { Context, Emitter, Template } from 'liquidjs';
import { LIMITS } from '../../../schema/limits.ts';
import type { Reading } from './reading.ts';

/** Of one rendering: for whom, and what it has cost so far. */
export interface Rendering {
  readonly reading: Reading;
  steps: number;
  chars: number;
}

/** By the values that are rendered: a context hands them on to the contexts of its fragments. */
const renderings = new WeakMap<object, Rendering>();

export function beginRendering(values: object, reading: Reading): void {
  renderings.set(values, { reading, steps: 0, chars: 0 });
}

/** @throws where the values were never begun: then nothing would be counted */
export function renderingOf({ globals }: Context): Rendering {
  const rendering = renderings.get(globals);
  if (!rendering) throw new Error('a rendering was not begun');
  return rendering;
}

function charge(rendering: Rendering, chars: number): void {
  rendering.chars += chars;
  if (rendering.chars > LIMITS.templateWorkCharsMax)
    throw new Error(`puts more than ${LIMITS.templateWorkCharsMax} characters together`);
}

function step(rendering: Rendering): void {
  rendering.steps += 1;
  if (rendering.steps > LIMITS.templateStepsMax) throw new Error(`takes more than ${LIMITS.templateStepsMax} steps`);
}

/** What a filter reads and what it makes: a text by its length, a list by its elements. */
export function chargeValues(context: Context, values: readonly unknown[]): void {
  const rendering = renderingOf(context);
  step(rendering);
  for (const value of values) charge(rendering, sizeOf(value));
}

/** An element may be looked into, by an expression that is read anew for each: that costs as much as many characters. */
const ELEMENT_CHARS = 20;

const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? value.length : Array.isArray(value) ? value.length * ELEMENT_CHARS : 1;

/** In place of the library's own: every node is a step, and every character that is written counts. */
export function* renderMetered(
  templates: Template[],
  context: Context,
  emitter?: Emitter,
): Generator<unknown, string, unknown> {
  const rendering = renderingOf(context);
  const out = emitter ?? emitterOf(rendering);
  step(rendering);
  for (const template of templates) {
    step(rendering);
    const text: unknown = yield template.render(context, out);
    if (text) out.write(text);
    if (context.breakCalled || context.continueCalled) break;
  }
  return out.buffer;
}

function emitterOf(rendering: Rendering): Emitter {
  const emitter: Emitter = {
    buffer: '',
    write: (value: unknown) => {
      const text = textOf(value);
      charge(rendering, text.length);
      emitter.buffer += text;
    },
  };
  return emitter;
}

/** As Liquid writes values: nothing for null, lists one after the other. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).join('');
  // A map has no text of its own; what a template writes by mistake must not be the name of a type.
  return typeof value === 'object' ? '' : String(value);
}
