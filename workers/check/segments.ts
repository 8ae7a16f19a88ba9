// Names a segment uses of what stands elsewhere: events, traits, journeys and their stages.

import type { Journey } from '../../schema/journey.ts';
import type { CompiledSegment } from '../knowledge/segments.ts';
import type { Graded, Look, Surroundings } from './look.ts';
import { checkExpression, knownOf } from './names.ts';

/** @param segment one that compiles */
export function checkSegment({ id, source }: CompiledSegment, around: Surroundings): Graded[] {
  const journey: Journey = { id, entry: [], initial: '', reentry: 'never', stages: {} };
  const look: Look = { journey, around, findings: [], never: new Set(), parsed: new Map() };
  checkExpression(look, knownOf(look), { source, pointer: '/if', event: null });
  return look.findings;
}
