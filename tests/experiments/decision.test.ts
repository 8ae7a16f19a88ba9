// Experiments in a decision: they are asked last, and only about what would be shown.

import { describe, expect, it } from 'vitest';
import { decide } from '../../workers/decide/decide.ts';
import { shelve } from '../../workers/decide/shelf.ts';
import { screenFor, trialsOf } from '../../workers/experiments/screen.ts';
import { contentOf, offerOf, situationOf } from '../decide/shelf.ts';
import { askedOf, trialOf } from './trials.ts';

const items = [
  offerOf('offer-a', { priority: 9 }),
  offerOf('offer-b', { priority: 8 }),
  offerOf('offer-c', { priority: 7, eligibility: 'traits.never == true' }),
  contentOf('rest'),
];
const shown = (trial: ReturnType<typeof trialOf>, customerId: string) => {
  const screen = screenFor(trialsOf([trial]), askedOf(customerId));
  return { id: decide(shelve(items), 'home', { ...situationOf(), screen })?.id ?? null, exposures: screen.exposures };
};
const customers = Array.from({ length: 60 }, (_, n) => `u:${n}`);

describe('a decision', () => {
  it('X4 X5 passes over what experiments withhold and goes on with the next best', () => {
    const seen = customers.map((id) => shown(trialOf({ holdout: 0.3 }), id));
    for (const { id, exposures } of seen)
      expect(id).toBe({ a: 'offer-a', b: 'offer-b', holdout: 'rest' }[exposures[0]?.arm ?? '']);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(['offer-a', 'offer-b', 'rest']));
  });

  it('X3 exposes nobody to what would not be shown anyway: not eligible, or behind something better', () => {
    const arms = (id: string) => ({ arms: [{ id: 'with', offers: [id] }, { id: 'without' }] });
    for (const id of customers) {
      expect(shown(trialOf(arms('offer-c')), id)).toEqual({ id: 'offer-a', exposures: [] });
      expect(shown(trialOf(arms('offer-b')), id)).toEqual({ id: 'offer-a', exposures: [] });
      expect(shown(trialOf(arms('offer-a')), id).exposures).toHaveLength(1);
    }
  });
});
