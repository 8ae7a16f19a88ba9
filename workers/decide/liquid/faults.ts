// What can be wrong with a template, in words with a remedy; and how the library's own complaints are told.

import { LiquidError } from 'liquidjs';
import { LIMITS } from '../../../schema/limits.ts';
import { nearest } from '../../engine/nearest.ts';
import { SIGNATURES } from './filters.ts';

export interface Fault {
  readonly code: 'template' | 'limit' | 'unknown-filter' | 'filter-argument' | 'unknown-fragment' | 'fragment-loop';
  readonly message: string;
  readonly remedy: string;
}

/** Why a template does not parse. The library's excerpt of the text is left out. */
export function parseFault(error: unknown): Fault {
  // The library wraps it: a parser that goes down with the tags ends at the stack.
  if (String(error).includes('call stack'))
    return { code: 'limit', message: 'is nested too deeply', remedy: 'Put a part of it before, with assign.' };
  const text = error instanceof Error ? error.message : String(error);
  const line = (text.split('\n')[0] ?? '').slice(0, LIMITS.nameCharsMax);
  const filter = LiquidError.is(error) ? /^undefined filter: (\S+?),? line:/.exec(`${line}, line:`)?.[1] : undefined;
  if (filter !== undefined)
    return {
      code: 'unknown-filter',
      message: line,
      remedy: `${nearest(filter, SIGNATURES.keys())}Use a filter that is there: SPEC.md of the decisions lists them.`,
    };
  if (line.startsWith('parse length'))
    return {
      code: 'limit',
      message: `has more than ${LIMITS.templateCharsMax} characters`,
      remedy: 'Make it shorter.',
    };
  return { code: 'template', message: line, remedy: 'Correct the Liquid template.' };
}
