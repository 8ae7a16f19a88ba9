// What is wrong with a document, in words a designer understands: a stable code, the place, the remedy.
// Turns Zod's issues into findings; for a step it looks into the kind of step the author meant.

import type { z } from 'zod';
import { STEP_NAMES, stepSchemaOf } from '../../schema/journey.ts';
import { pointerOf } from '../../schema/json.ts';

export interface Finding {
  readonly code: string;
  /** RFC 6901 pointer into the document. */
  readonly pointer: string;
  readonly line?: number;
  readonly message: string;
  readonly remedy: string;
}

type Issue = z.core.$ZodIssue;

/** One finding an issue; a step that fits no kind is looked at again as the kind its members name. */
export function findingsOf(issues: readonly Issue[], document: unknown, base: readonly PropertyKey[] = []): Finding[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path];
    const value = valueAt(document, path);
    if (issue.code === 'invalid_union' && isStepPlace(path)) {
      const inner = typeof value === 'object' && value !== null ? stepSchemaOf(value)?.safeParse(value) : undefined;
      if (inner && !inner.success) return findingsOf(inner.error.issues, document, path);
      return [
        {
          code: 'schema',
          pointer: pointerOf(path),
          message: 'is not a step',
          remedy: `A step has one of the members ${STEP_NAMES.join(', ')}.`,
        },
      ];
    }
    const inner = issue.code === 'invalid_union' && typeof value === 'object' ? meant(issue.errors) : null;
    if (inner) return findingsOf(inner, document, path);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        code: 'schema',
        pointer: pointerOf([...path, key]),
        message: `the member ${key} is not known here`,
        remedy: 'Remove it, or correct its spelling.',
      }));
    return [{ code: 'schema', pointer: pointerOf(path), message: messageOf(issue, value), remedy: remedyOf(issue) }];
  });
}

const isStepPlace = (path: readonly PropertyKey[]): boolean =>
  typeof path.at(-1) === 'number' && ['steps', 'else', 'onTimeout'].includes(String(path.at(-2)));

/** Of the shapes a value may have the one its author most likely meant: of its type, and with the fewest faults. */
function meant(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const ofType = branches.filter(
    (issues) => !issues.some((each) => each.path.length === 0 && each.code === 'invalid_type'),
  );
  const faults = (issues: readonly Issue[]): number =>
    issues.reduce((sum, each) => sum + (each.code === 'unrecognized_keys' ? each.keys.length : 1), 0);
  return ofType.toSorted((a, b) => faults(a) - faults(b))[0] ?? null;
}

function messageOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is missing' : `is not a value of type ${typeName(issue.expected)}`;
    case 'invalid_value':
      return value === undefined ? 'is missing' : 'is not one of the values allowed here';
    case 'too_big':
      return `${sizeVerb(issue.origin)} more than ${amountOf(issue.maximum, issue.origin)}`;
    case 'too_small':
      return `${sizeVerb(issue.origin)} less than ${amountOf(issue.minimum, issue.origin)}`;
    case 'invalid_key':
      return 'is a name that cannot stand here';
    case 'invalid_union':
      return lowerFirst(issue.errors[0]?.[0]?.message ?? issue.message);
    default:
      return lowerFirst(issue.message);
  }
}

function remedyOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `Give a value of type ${typeName(issue.expected)}.`;
    case 'invalid_value':
      return `Use one of: ${issue.values.map(String).join(', ')}.`;
    case 'too_big':
      return `Stay at or below ${amountOf(issue.maximum, issue.origin)}.`;
    case 'too_small':
      return `Give at least ${amountOf(issue.minimum, issue.origin)}.`;
    default:
      return 'Correct the value; the schema says what is expected here.';
  }
}

/** Zod's words for JSON's types, as JSON's readers know them. */
const typeName = (expected: string): string =>
  expected === 'array' ? 'list' : expected === 'record' ? 'object' : expected;

const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'element', record: 'member' };

/** `3 elements` of a list, `1 character` of a string, `5` of a number. */
function amountOf(amount: number | bigint, origin: string): string {
  const unit = Object.hasOwn(UNITS, origin) ? UNITS[origin] : undefined;
  return unit === undefined ? String(amount) : `${amount} ${unit}${Number(amount) === 1 ? '' : 's'}`;
}

const sizeVerb = (origin: string): string => (Object.hasOwn(UNITS, origin) ? 'has' : 'is');

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === String(part))?.[1];
  }
  return value;
}
