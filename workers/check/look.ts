// What the checker looks at: one journey that compiles, what is known around it, and what has been found so far.

import type { ASTNode } from '@marcbachmann/cel-js';
import type { Journey } from '../../schema/journey.ts';
import type { Vocabulary } from '../engine/compile.ts';
import type { Finding } from '../engine/findings.ts';
import { parseCondition } from '../engine/library.ts';
import type { RetentionRules } from '../privacy/retention.ts';
import { type Code, type Severity, severityOf } from './codes.ts';

export interface Graded extends Finding {
  readonly severity: Severity;
}

/** What stands beside a journey. Null where it is not known, and is not asked for then. */
export interface Surroundings {
  readonly vocabulary: Vocabulary;
  /** All journeys, this one among them or not. */
  readonly journeys: ReadonlyMap<string, Journey> | null;
  readonly messages: ReadonlyMap<string, { readonly channel: string; readonly purpose: string }> | null;
  readonly offers: ReadonlySet<string> | null;
  readonly segments: ReadonlySet<string> | null;
  /** How long events are kept; null: as long as the customer. */
  readonly retention: RetentionRules | null;
}

export interface Look {
  readonly journey: Journey;
  readonly around: Surroundings;
  readonly findings: Graded[];
  /** Pointers of transitions and timers that are never taken. */
  readonly never: Set<string>;
  readonly parsed: Map<string, ASTNode>;
}

export function tell(look: Look, code: Code, pointer: string, message: string, remedy: string): void {
  look.findings.push({ code, severity: severityOf(code), pointer, message, remedy });
}

/** The tree of an expression that parses: the journey compiles. */
export function astOf(look: Look, source: string): ASTNode {
  const known = look.parsed.get(source);
  if (known) return known;
  const { ast } = parseCondition(source);
  look.parsed.set(source, ast);
  return ast;
}

export const astOrNull = (look: Look, source: string | undefined): ASTNode | null =>
  source === undefined ? null : astOf(look, source);
