// Random journeys over the whole language, from a draw: small vocabularies, so that events, keys and conditions meet. What
// is drawn always compiles; a new construct of the language belongs here, and the list of what was drawn notices if it is
// missing. Delays are hours and days, so that the timers of one input stay countable.

import type { JsonObject } from '../../schema/json.ts';
import { compileJourney, type Vocabulary } from '../../workers/engine/compile.ts';
import type { Machine } from '../../workers/engine/machine.ts';
import { below, type Draw, pick } from '../../workers/simulate/random.ts';
import { vocabulary } from '../engine/driver.ts';

export const EVENTS = ['Start', 'Go', 'Back', 'Stop', 'Ping', 'Sold'] as const;
export const words: Vocabulary = vocabulary({
  events: {
    Go: { properties: { n: { type: 'number' }, cart: { type: 'string' }, due: { type: 'timestamp' } } },
    Sold: { aliases: ['purchase'], properties: { n: { type: 'number' }, cart: { type: 'string' } } },
  },
  traits: {
    ...{ seen: { type: 'number' }, born: { type: 'timestamp' }, timezone: { type: 'string' } },
    // Worked out where somebody does it; null elsewhere.
    goes: { type: 'integer', computed: { count: 'Go', window: 'P3D' } },
    spent: { type: 'number', computed: { sum: 'Sold', of: 'n', where: 'event.properties.n > 2' } },
    basket: { type: 'string', computed: { mostFrequent: 'Go', of: 'cart', window: 'P2D' } },
  },
});

const STAGES = ['first', 'second', 'third', 'fourth', 'last'] as const;
const JOURNEYS = ['alpha', 'beta', 'gamma'] as const;
const TAGS = ['marketing', 'care'] as const;
const ZONES = ['Europe/Berlin', 'America/New_York', 'UTC'] as const;
const DELAYS = ['PT4H', 'PT6H30M', 'P1D', 'P2D', 'P1W'] as const;
const EVENT_CONDITIONS = ['event.properties.n > 3', 'event.properties.n == 1 || traits.seen > 2'] as const;
const CONDITIONS = [
  'true',
  "count('Go', 'P3D') >= 2",
  "sum('Sold', 'n') > 10.0",
  "daysSince('Back') > 1.0",
  "distinct('Go', 'cart') > 1 && traits.seen == 1",
  'traits.nobody.declared == 1',
  "'often' in segments",
  "traits.goes >= 2 || traits.basket == 'a'",
  "last('Go', 'n') in [1, 2, 3]",
] as const;
/** What time alone cannot change. */
const STANDING = [
  'traits.goes > 1',
  "!('away' in segments)",
  'traits.spent > 9.0',
  'traits.seen > 6',
  "count('Sold') > 5",
  'traits.seen == 3 && count("Ping") > 2',
] as const;
const VALUES = ["count('Go')", '1', 'traits.seen + 1', '1.0 / 0.0', "last('Go', 'n')"] as const;
const DATES = ['traits.born', "last('Go', 'due')"] as const;

/** How often each construct was drawn. */
export type Drawn = Map<string, number>;

interface Making {
  readonly draw: Draw;
  readonly drawn: Drawn;
  readonly id: string;
  readonly stages: readonly string[];
  /** Stages that are not final. */
  readonly open: readonly string[];
  depth: number;
}

const chance = ({ draw }: Making, share: number): boolean => draw() < share;
const list = <T>(making: Making, most: number, make: () => T): T[] =>
  Array.from({ length: below(making.draw, most + 1) }, make);
/** Members for a share of the draws, counted under `name`. */
function sometimes(making: Making, name: string, share: number, members: () => JsonObject): JsonObject {
  if (!chance(making, share)) return {};
  making.drawn.set(name, (making.drawn.get(name) ?? 0) + 1);
  return members();
}
const maybeIf = (making: Making, conditions: readonly string[], share = 0.4): JsonObject =>
  sometimes(making, 'if', share, () => ({ if: pick(making.draw, conditions) }));
const eventIf = (making: Making): JsonObject => maybeIf(making, [...EVENT_CONDITIONS, ...CONDITIONS]);
const event = ({ draw }: Making): string => pick(draw, EVENTS);

/** A document of the journey `id`, one of a customer's few. */
export function drawJourney(draw: Draw, id: string, drawn: Drawn): JsonObject {
  const count = 2 + below(draw, STAGES.length - 1);
  const last = draw() < 0.7;
  const stages = STAGES.slice(0, count);
  const making: Making = { draw, drawn, id, stages, open: last ? stages.slice(0, -1) : stages, depth: 0 };
  const final = last ? stages.at(-1) : undefined;
  return {
    id,
    entry: [entry(making), ...list(making, 2, () => entry(making))],
    ...sometimes(making, 'key', 0.3, () => ({ key: 'event.properties.cart' })),
    reentry: pick(draw, ['never', 'after_exit', 'after_exit', { after: 'P2D' }]),
    ...sometimes(making, 'exit', 0.4, () => ({ exit: [{ event: 'Stop', ...eventIf(making) }] })),
    ...sometimes(making, 'goal', 0.3, () => ({
      goal: {
        event: 'Sold',
        ...eventIf(making),
        ...sometimes(making, 'goal within', 0.5, () => ({ within: 'P5D' })),
        ...sometimes(making, 'goal ends', 0.4, () => ({ ends: true })),
      },
    })),
    ...sometimes(making, 'caps', 0.2, () => ({ caps: { entries: { max: 2, within: 'P7D' }, concurrent: 3 } })),
    ...sometimes(making, 'tags', 0.5, () => ({ tags: [pick(draw, TAGS)] })),
    ...sometimes(making, 'suspends', 0.2, () => ({ suspends: [pick(draw, TAGS)] })),
    ...sometimes(making, 'priority', 0.3, () => ({ priority: below(draw, 5) - 2 })),
    ...sometimes(making, 'zone', 0.3, () => ({ zone: pick(draw, ZONES) })),
    ...sometimes(making, 'order', 0.3, () => ({ order: [...stages] })),
    initial: pick(draw, making.open),
    stages: Object.fromEntries(stages.map((name) => [name, name === final ? { final: true } : stage(making)])),
  };
}

function entry(making: Making): JsonObject {
  const { draw } = making;
  const kind = draw();
  if (kind < 0.7) return { event: event(making), ...eventIf(making) };
  if (kind < 0.78) return sometimes(making, 'audience entry', 1, () => ({ audience: 'regulars' }));
  if (kind < 0.86) return sometimes(making, 'api entry', 1, () => ({ api: true }));
  if (kind < 0.94)
    return sometimes(making, 'journey entry', 1, () => ({
      journey: pick(draw, JOURNEYS),
      ...maybeIf(making, CONDITIONS),
    }));
  return sometimes(making, 'schedule', 1, () => ({
    schedule: {
      rrule: pick(draw, ['FREQ=WEEKLY;BYDAY=MO', 'FREQ=DAILY;INTERVAL=3']),
      start: '2026-01-05T09:00',
      ...sometimes(making, 'schedule zone', 0.5, () => ({ zone: pick(draw, ZONES) })),
    },
  }));
}

function stage(making: Making): JsonObject {
  const { draw, stages } = making;
  const to = () => pick(draw, stages);
  return {
    steps: steps(making, 4),
    on: list(making, 3, () => ({ event: event(making), ...eventIf(making), to: to() })),
    ...sometimes(making, 'after', 0.5, () => ({
      after: [
        {
          delay: pick(draw, DELAYS),
          ...sometimes(making, 'since activity', 0.4, () => ({ since: 'activity' })),
          ...maybeIf(making, CONDITIONS),
          to: to(),
        },
        ...list(making, 1, () => ({ delay: pick(draw, DELAYS), to: to() })),
      ],
    })),
    ...sometimes(making, 'at', 0.12, () => ({
      at: [
        {
          date: pick(draw, DATES),
          ...sometimes(making, 'offset', 0.5, () => ({ offset: pick(draw, ['-P1D', 'P1M', '-PT3H']) })),
          ...sometimes(making, 'yearly', 0.25, () => ({ every: 'year' })),
          to: to(),
        },
      ],
    })),
    ...sometimes(making, 'always', 0.15, () => ({ always: [{ if: pick(draw, STANDING), to: to() }] })),
  };
}

const DEPTH_MAX = 2;

function steps(making: Making, most: number): JsonObject[] {
  making.depth++;
  const made = making.depth > DEPTH_MAX ? [] : list(making, most, () => step(making));
  making.depth--;
  return made;
}

function step(making: Making): JsonObject {
  const { draw, drawn } = making;
  const kind = pick(draw, KINDS);
  drawn.set(kind, (drawn.get(kind) ?? 0) + 1);
  return STEPS[kind](making);
}

const STEPS = {
  send: ({ draw }) => ({ send: pick(draw, ['hello', 'again']), channel: 'email', purpose: 'service' }),
  wait: ({ draw }) => ({ wait: pick(draw, DELAYS) }),
  'wait until a window': ({ draw }) => ({
    wait: { until: { from: '09:00', to: pick(draw, ['17:00', '08:00']), zone: pick(draw, ZONES) } },
  }),
  'wait until a date': ({ draw }) => ({ wait: { until: { date: pick(draw, DATES), offset: 'P1D' } } }),
  set: ({ draw }) => ({ set: 'seen', value: pick(draw, VALUES) }),
  branch: (making) => ({
    branch: [{ if: pick(making.draw, CONDITIONS), steps: steps(making, 2) }],
    else: steps(making, 2),
  }),
  waitFor: (making) => ({
    waitFor: {
      event: event(making),
      ...eventIf(making),
      ...sometimes(making, 'match', 0.3, () => ({ match: 'event.properties.cart == start.properties.cart' })),
    },
    ...sometimes(making, 'timeout', 0.7, () => ({ timeout: pick(making.draw, DELAYS), onTimeout: steps(making, 2) })),
    steps: steps(making, 2),
  }),
  experiment: (making) => ({
    experiment: pick(making.draw, ['nudge', 'price']),
    ...sometimes(making, 'holdout', 0.3, () => ({ holdout: 0.2 })),
    arms: [
      { name: 'one', weight: 2, steps: steps(making, 2) },
      { name: 'two', steps: steps(making, 2) },
    ],
  }),
  goto: ({ draw, stages }) => ({ goto: pick(draw, stages) }),
  exit: () => ({ exit: 'done with' }),
  emit: ({ draw }) => ({ emit: pick(draw, ['Ping', 'Back']), properties: { n: 'traits.seen' } }),
  audience: ({ draw }) => ({ audience: pick(draw, ['regulars', 'others']), do: pick(draw, ['add', 'remove']) }),
  grant: ({ draw }) => ({
    grant: 'thanks',
    kind: pick(draw, ['points', 'coupon']),
    amount: 'traits.seen',
    expires: 'P9D',
  }),
  task: () => ({ task: 'call', due: 'P1D', escalate: { after: 'PT4H', to: 'lead' } }),
  webhook: (making) => ({
    webhook: 'score',
    url: 'https://shop.example/score',
    body: { n: 'traits.seen' },
    ...sometimes(making, 'answer', 0.6, () => ({
      timeout: 'PT4H',
      steps: [{ branch: [{ if: 'answers.score.status == 200', steps: steps(making, 1) }] }],
      onTimeout: steps(making, 1),
    })),
  }),
  start: ({ draw }) => ({ start: pick(draw, JOURNEYS) }),
  cancel: ({ draw }) => ({ cancel: pick(draw, JOURNEYS) }),
} satisfies Record<string, (making: Making) => JsonObject>;
type Kind = keyof typeof STEPS;
/** The first ones are what most steps of a shop are. */
const KINDS: readonly Kind[] = [
  ...(['send', 'wait', 'set', 'branch', 'waitFor', 'emit', 'send', 'wait'] satisfies Kind[]),
  ...(Object.keys(STEPS) as Kind[]),
];
/** What a simulation of enough journeys has to have drawn. */
export const CONSTRUCTS: readonly string[] = [
  ...Object.keys(STEPS),
  ...['if', 'key', 'exit', 'goal', 'goal within', 'goal ends', 'caps', 'tags', 'suspends', 'priority', 'zone', 'order'],
  ...['audience entry', 'api entry', 'journey entry', 'schedule', 'schedule zone', 'after', 'since activity', 'at'],
  ...['offset', 'yearly', 'always', 'match', 'timeout', 'holdout', 'answer'],
];

/** One to three journeys that know of each other. @throws where one does not compile, which is a fault of this file */
export function drawMachines(draw: Draw, drawn: Drawn): Machine[] {
  const count = pick(draw, [1, 1, 2, 3]);
  return JOURNEYS.slice(0, count).map((id) => {
    const document = drawJourney(draw, id, drawn);
    const compiled = compileJourney(document, 1, words);
    if (!compiled.ok) throw new Error(`${JSON.stringify(compiled.findings)}\n${JSON.stringify(document)}`);
    return compiled.machine;
  });
}
