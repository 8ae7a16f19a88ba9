// From a text to a template that may be published: parsed, gone through with its fragments, or refused with one fault.

import type { Template } from 'liquidjs';
import { LIMITS } from '../../../schema/limits.ts';
import type { Engine } from './engine.ts';
import { type Fault, parseFault } from './faults.ts';
import { type Known, type Walked, walk, whereOf } from './walk.ts';

export const hasLiquid = (text: string): boolean => text.includes('{{') || text.includes('{%');

export type ParsedTemplate = { readonly template: Template[]; readonly walked: Walked } | { readonly fault: Fault };

/** Parses a template and goes through it with its fragments. Never throws on any text. */
export function parseTemplate(engine: Engine, source: string, known: Known): ParsedTemplate {
  if (source.length > LIMITS.templateCharsMax) return { fault: parseFault(new Error('parse length')) };
  try {
    const template = engine.parse(source);
    const walked = walk(template, known);
    const [fault] = walked.faults;
    return fault ? { fault: placed(fault) } : { template, walked };
  } catch (error) {
    return { fault: parseFault(error) };
  }
}

const placed = ({ token, fragment, ...fault }: Walked['faults'][number]): Fault => ({
  ...fault,
  message: `${fault.message}, ${whereOf({ token, fragment })}`,
});
