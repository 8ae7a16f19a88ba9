// The checker: what is wrong with a journey before anybody is in it. First what the compiler refuses; then, of what
// compiles, what contradicts itself or runs away (an error) and what never happens or is not known (a warning).

import { escapePointer } from '../../schema/json.ts';
import { type Compiled, compileJourney } from '../engine/compile.ts';
import { checkConflicts } from './conflicts.ts';
import { flowOf } from './flow.ts';
import type { Graded, Look, Surroundings } from './look.ts';
import { checkNames } from './names.ts';
import { checkRounds } from './rounds.ts';
import { checkPassed, checkStages } from './stages.ts';
import { checkSettings, checkSteps } from './steps.ts';

export type { Graded, Surroundings } from './look.ts';

/** Findings of one journey document of unknown shape, in order of their codes' kinds. Never throws on any document. */
export function checkJourney(document: unknown, around: Surroundings): Graded[] {
  return checkCompiled(compileJourney(document, 0, around.vocabulary), around);
}

/** The same where it was compiled before, with the same vocabulary. */
export function checkCompiled(compiled: Compiled, around: Surroundings): Graded[] {
  if (!compiled.ok) return compiled.findings.map((finding) => ({ ...finding, severity: 'error' }));
  const { journey } = compiled.machine;
  const look: Look = { journey, around, findings: [], never: new Set(), parsed: new Map() };
  const flows = new Map(
    Object.entries(journey.stages).map(([name, { steps = [] }]) => [
      name,
      flowOf(look, steps, `/stages/${escapePointer(name)}/steps`),
    ]),
  );
  checkConflicts(look, flows);
  checkPassed(look, flows);
  checkStages(look, flows);
  for (const flow of flows.values()) checkSteps(look, flow);
  checkSettings(look);
  checkNames(look);
  checkRounds(look, flows);
  return look.findings;
}

export const isError = ({ severity }: Graded): boolean => severity === 'error';
