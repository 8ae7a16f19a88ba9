// What is wrong with a document, in words a designer understands: a stable code, the place, the remedy.
// Turns Zod's issues into findings; for a step it looks into the kind of step the author meant.

import type { z } from 'zod';
import { stepSchemaOf } from '../../schema/journey.ts';
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
    if (issue.code === 'invalid_union' && typeof value === 'object' && value !== null) {
      const schema = stepSchemaOf(value);
      const inner = schema?.safeParse(value);
      if (inner && !inner.success) return findingsOf(inner.error.issues, document, path);
      return [
        {
          code: 'schema',
          pointer: pointerOf(path),
          message: 'is not a step',
          remedy: 'A step has one of the members send, wait, branch or set.',
        },
      ];
    }
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        code: 'schema',
        pointer: pointerOf([...path, key]),
        message: `the member ${key} is not known here`,
        remedy: 'Remove it, or correct its spelling.',
      }));
    return [{ code: 'schema', pointer: pointerOf(path), message: lowerFirst(issue.message), remedy: remedyOf(issue) }];
  });
}

function remedyOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `Give a value of type ${issue.expected}.`;
    case 'invalid_value':
      return `Use one of: ${issue.values.map(String).join(', ')}.`;
    case 'too_big':
      return `Stay at or below ${String(issue.maximum)}.`;
    case 'too_small':
      return `Give at least ${String(issue.minimum)}.`;
    default:
      return 'Correct the value; the schema says what is expected here.';
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === String(part))?.[1];
  }
  return value;
}
