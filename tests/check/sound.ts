// Journeys that are sound by the way they are made, from a seed: every stage leads on by a timer, every event a stage hears
// it hears once or under conditions that leave a rest, every wait is for something the stage does not hear itself.

const EVENTS = [
  'Product Viewed',
  'Product Added',
  'Order Completed',
  'Cart Viewed',
  'Coupon Applied',
  'Product Reviewed',
];
const AWAITED = ['QR Scanned', 'Support Contacted', 'Offer Clicked'];
const SEND = { send: 'cart-reminder', channel: 'email', purpose: 'marketing' };
const CONDITIONS = [
  "count('Order Completed') > 1",
  "count('Product Viewed', 'P7D') >= 3 && traits.age > 18",
  "traits.age < 30 || daysSince('Order Completed') > 60",
  "sum('Order Completed', 'revenue', 'P365D') > 500.0",
  'traits.firstName != null && !(traits.age > 65)',
  "last('Order Completed', 'coupon') in ['SPRING', 'AUTUMN']",
];

/** Whole numbers from 0 to below a bound: xorshift (Marsaglia 2003). */
export type Draw = (below: number) => number;

export function drawFrom(seed: number): Draw {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

/** The same journey for the same seed. */
export function soundJourney(seed: number): object {
  const draw = drawFrom(seed);
  const stages = 2 + draw(8);
  const name = (index: number): string => (index < stages ? `stage-${index}` : 'done');
  const body = (index: number): object => ({
    ...(draw(2) === 0 ? { steps: stepsOf(draw, 0) } : {}),
    on: transitionsOf(draw, () => name(draw(stages + 1))),
    after: [{ delay: `P${20 + draw(40)}D`, since: draw(2) === 0 ? 'entry' : 'activity', to: name(index + 1) }],
    ...(draw(4) === 0 ? { at: [{ date: 'traits.birthday', every: 'year', to: name(draw(stages)) }] } : {}),
    ...(draw(5) === 0 ? { always: [{ if: `traits.age > ${90 + draw(9)}`, to: 'done' }] } : {}),
  });
  return {
    id: `sound-${seed}`,
    entry: [{ event: 'page' }, { event: 'Order Completed', if: pick(draw, CONDITIONS) }],
    exit: [{ event: 'Account Closed' }],
    ...(draw(3) === 0 ? { reentry: 'after_exit', caps: { entries: { max: 3, within: 'P90D' } } } : {}),
    initial: name(0),
    stages: {
      ...Object.fromEntries(Array.from({ length: stages }, (_, index) => [name(index), body(index)])),
      done: { final: true },
    },
  };
}

const pick = <T>(draw: Draw, list: readonly T[]): T => list[draw(list.length)] as T;

function transitionsOf(draw: Draw, to: () => string): object[] {
  return EVENTS.filter(() => draw(2) === 0).flatMap((event) => [
    ...(draw(2) === 0 ? [{ event, if: pick(draw, CONDITIONS), to: to() }] : []),
    { event, to: to() },
  ]);
}

function stepsOf(draw: Draw, depth: number): object[] {
  return Array.from({ length: 1 + draw(3) }, () => stepOf(draw, depth));
}

function stepOf(draw: Draw, depth: number): object {
  const kind = draw(depth < 2 ? 8 : 4);
  if (kind === 0) return { wait: `PT${1 + draw(40)}H` };
  if (kind === 1) return { set: 'age', value: `${draw(80)}` };
  if (kind === 2) return { wait: { until: { from: '09:00', to: '18:00' } } };
  if (kind === 4) {
    const border = 20 + draw(40);
    return {
      branch: [{ if: `event.properties.rank_${depth} > ${border}`, steps: stepsOf(draw, depth + 1) }],
      else: stepsOf(draw, depth + 1),
    };
  }
  if (kind === 5)
    return {
      experiment: `x-${draw(1_000)}`,
      arms: ['a', 'b'].map((arm) => ({ name: arm, weight: 1 + draw(3), steps: stepsOf(draw, depth + 1) })),
    };
  if (kind === 6)
    return {
      waitFor: { event: pick(draw, AWAITED) },
      timeout: `P${1 + draw(9)}D`,
      onTimeout: stepsOf(draw, depth + 1),
    };
  if (kind === 7) return { task: 'call-back', due: 'P1D', escalate: { after: 'P1D', to: 'lead' } };
  return SEND;
}
