// Steps and settings that are well written and do nothing: after what always leaves, waits of no length, experiments
// without a comparison, caps that cannot bind.

import { durationMs } from '../engine/durations.ts';
import type { Flow } from './flow.ts';
import { type Look, tell } from './look.ts';

export function checkSteps(look: Look, { placed, dead }: Flow): void {
  for (const pointer of dead)
    tell(
      look,
      'dead-steps',
      pointer,
      'the steps before it always leave the stage',
      'Remove what follows, or move it up.',
    );
  for (const { step, pointer } of placed) {
    if ('wait' in step && typeof step.wait === 'string' && durationMs(step.wait) === 0)
      tell(
        look,
        'wait-zero',
        `${pointer}/wait`,
        'a wait of no length does not wait',
        'Give it a length, or remove it.',
      );
    if ('experiment' in step && step.arms.length === 1 && step.holdout === undefined)
      tell(
        look,
        'experiment-single',
        `${pointer}/arms`,
        'one arm and no holdout: there is nothing to compare with',
        'Add an arm, or a holdout.',
      );
  }
}

export function checkSettings(look: Look): void {
  const { caps, key, reentry, suspends = [], tags = [] } = look.journey;
  if (caps?.concurrent !== undefined && (key ?? null) === null)
    tell(
      look,
      'cap-useless',
      '/caps/concurrent',
      'without a key a customer has one run at a time anyway',
      'Remove the cap, or give the journey a key.',
    );
  if (caps?.entries && reentry === 'never' && (key ?? null) === null)
    tell(
      look,
      'reentry-useless',
      '/caps/entries',
      'a customer enters once anyway, because reentry is never',
      'Remove the cap, or let customers enter again.',
    );
  suspends.forEach((tag, index) => {
    if (tags.includes(tag))
      tell(
        look,
        'suspends-itself',
        `/suspends/${index}`,
        `the journey has the tag ${tag} itself`,
        'Remove one of them.',
      );
  });
}
