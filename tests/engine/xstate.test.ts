// An oracle for the event-and-after fragment of the language: random journeys go through our engine and, as exported, through
// XState, with the same events and the same passing time. Both must enter the same stages at the same instants. XState's
// clock is driven here: its own `after` does not survive being stored. Conditions are judged for XState by plain code.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Actor, type AnyStateMachine, createActor, createMachine } from 'xstate';
import { xstateOf } from '../../workers/export/xstate.ts';
import { applyEvent, newCustomer, passTime } from '../../workers/simulate/customer.ts';
import { settingOf } from '../../workers/simulate/setting.ts';
import { often } from '../prove.ts';
import { machineOf, vocabulary } from './driver.ts';

const EVENTS = ['Ping', 'Pong', 'Product Viewed', 'a.b', 'Stop'] as const;
const INPUTS = 100;
const HOUR = 3_600_000;
const words = vocabulary({
  events: Object.fromEntries(
    EVENTS.map((name) => [name, { description: name, properties: { n: { type: 'number', description: 'A number' } } }]),
  ),
});

/** The same condition twice: as a journey says it, and as code that knows nothing of CEL. */
interface Asked {
  readonly cel: string;
  readonly holds: (n: number | null) => boolean;
}

const asked: fc.Arbitrary<Asked> = fc.integer({ min: 0, max: 4 }).chain((k) =>
  fc.constantFrom<Asked>(
    { cel: `event.properties.n > ${k}`, holds: (n) => n !== null && n > k },
    { cel: `event.properties.n <= ${k}`, holds: (n) => n !== null && n <= k },
    { cel: `event.properties.n == ${k}.0`, holds: (n) => n === k },
    { cel: `event.properties.n != ${k}.0`, holds: (n) => n !== k },
    {
      cel: `event.properties.n >= ${k} && event.properties.n < ${k + 2}`,
      holds: (n) => n !== null && n >= k && n < k + 2,
    },
    {
      cel: `!(event.properties.n > ${k}) || event.properties.n == 4.0`,
      holds: (n) => !(n !== null && n > k) || n === 4,
    },
  ),
);
const maybe = fc.option(asked, { nil: undefined, freq: 1 });

interface Way {
  readonly asked: Asked | undefined;
  readonly to: number;
}
const way: fc.Arbitrary<Way> = fc.record({ asked: maybe, to: fc.nat(7) });

interface Drawn {
  readonly journey: object;
  readonly conditions: ReadonlyMap<string, Asked>;
}

/** Journeys of two to eight stages with loops, self transitions, exits and final stages. */
const journeys: fc.Arbitrary<Drawn> = fc
  .record({
    stages: fc.array(
      fc.record({
        final: fc.nat(11).map((n) => n === 0),
        on: fc.array(fc.tuple(fc.constantFrom(...EVENTS), way), { maxLength: 5 }),
        after: fc.array(fc.tuple(fc.constantFrom('PT1H', 'PT2H', 'PT5H', 'P1D'), way), { maxLength: 3 }),
      }),
      { minLength: 2, maxLength: 8 },
    ),
    exit: fc.array(fc.tuple(fc.constantFrom('Stop', 'Pong'), asked), { maxLength: 1 }),
  })
  .map(({ stages, exit }) => {
    const conditions = new Map<string, Asked>();
    const when = (given: Asked | undefined) => {
      if (given) conditions.set(given.cel, given);
      return given ? { if: given.cel } : {};
    };
    const name = (index: number) => `stage.${index % stages.length}`;
    const written = stages.map(({ final, on, after }, index) => {
      // A first stage that ends the run would leave nothing to compare.
      if (final && index > 0) return [name(index), { final: true }];
      return [
        name(index),
        {
          on: on.map(([event, { asked: given, to }]) => ({ event, ...when(given), to: name(to) })),
          after: after.map(([delay, { asked: given, to }]) => ({ delay, ...when(given), to: name(to) })),
        },
      ];
    });
    return {
      conditions,
      journey: {
        entry: [{ event: 'Ping' }],
        exit: exit.map(([event, given]) => ({ event, ...when(given) })),
        initial: name(0),
        stages: Object.fromEntries(written),
      },
    };
  });

interface Told {
  readonly event: string;
  readonly n: number | null;
  /** Milliseconds since the one before. */
  readonly after: number;
}

const told: fc.Arbitrary<Told> = fc.record({
  event: fc.constantFrom(...EVENTS.slice(0, -1), ...EVENTS),
  n: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 6 }),
  // Delays of journeys and multiples of them, so that events and timers often meet at one instant.
  after: fc.constantFrom(0, 0, 1, HOUR / 2, HOUR, 2 * HOUR, 5 * HOUR - 1, 3 * HOUR, 26 * HOUR),
});

interface Entered {
  readonly stage: string;
  readonly at: number;
}

const BEGIN: Told = { event: 'Ping', n: 1, after: 0 };
const from = Date.UTC(2026, 0, 1);

function byEngine({ journey }: Drawn, inputs: readonly Told[]): Entered[] {
  const machine = machineOf(journey, 1, words);
  const entered: Entered[] = [];
  const customer = newCustomer(settingOf([machine], new Map(), 'en'), 'u:1', from, ({ kind, at, body }) => {
    if (kind !== 'transition' || !('to' in body)) return;
    entered.push({ stage: typeof body.to === 'string' ? body.to : 'exited', at });
  });
  let at = from;
  [BEGIN, ...inputs].forEach(({ event, n, after }, index) => {
    at += after;
    const properties = n === null ? {} : { n };
    const message = { messageId: `m${index}`, type: 'track', event, properties };
    passTime(customer, at);
    applyEvent(customer, { messageId: `m${index}`, name: event, type: 'track', at, message }, at);
  });
  passTime(customer, at + 100 * HOUR);
  return entered;
}

/** XState's clock: timers wait in a list until time is let pass to them, the earliest first, then the earliest set. */
function makeClock() {
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  let now = from;
  let ids = 0;
  return {
    now: () => now,
    setTimeout: (run: () => void, ms: number) => {
      timers.set(++ids, { at: now + ms, run });
      return ids;
    },
    clearTimeout: (id: number) => void timers.delete(id),
    pass: (until: number) => {
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
        if (!due) break;
        const [id, timer] = due;
        timers.delete(id);
        now = timer.at;
        timer.run();
      }
      now = until;
    },
  };
}

function byXState({ journey, conditions }: Drawn, inputs: readonly Told[]): Entered[] {
  const { config, unsaid } = xstateOf(machineOf(journey, 1, words).journey);
  expect(unsaid).toEqual([]);
  const clock = makeClock();
  const entered: Entered[] = [];
  const states = Object.entries(config.states).map(([stage, state]) => [
    stage,
    { ...state, entry: () => entered.push({ stage, at: clock.now() }) },
  ]);
  const machine: AnyStateMachine = createMachine(
    { ...JSON.parse(JSON.stringify(config)), states: Object.fromEntries(states) },
    {
      guards: {
        condition: ({ event }, { cel }: { cel: string }) => {
          const condition = conditions.get(cel);
          if (!condition) throw new Error(`nobody said ${cel}`);
          // At a timer there is no event (S8).
          return condition.holds(event['n'] ?? null);
        },
      },
    },
  );
  const actor: Actor<AnyStateMachine> = createActor(machine, { clock });
  let at = from;
  actor.start();
  // E3: what begins the run is offered to its first stage as well.
  for (const { event, n, after } of [BEGIN, ...inputs]) {
    at += after;
    clock.pass(at);
    if (actor.getSnapshot().status === 'active') actor.send({ type: event, n });
  }
  clock.pass(at + 100 * HOUR);
  actor.stop();
  return entered;
}

describe('the engine and XState', () => {
  const journeysMany = often(300, 10_000);

  it('E3 T1 T2 T3 E4 E5 A1 A3 A6: the same journey, events and time give the same stages at the same instants', () => {
    let transitions = 0;
    let compared = 0;
    let exits = 0;
    fc.assert(
      fc.property(journeys, fc.array(told, { minLength: INPUTS, maxLength: INPUTS }), (drawn, inputs) => {
        const ours = byEngine(drawn, inputs);
        expect(byXState(drawn, inputs)).toEqual(ours);
        compared++;
        transitions += ours.length - 1;
        if (ours.at(-1)?.stage === 'exited') exits++;
      }),
      { numRuns: journeysMany, seed: 20_261_123, endOnFailure: true },
    );
    expect(compared).toBe(journeysMany);
    expect(transitions / compared).toBeGreaterThanOrEqual(5);
    expect(exits).toBeGreaterThan(journeysMany / 100);
    console.info(`${compared} journeys, ${(transitions / compared).toFixed(1)} transitions on average, ${exits} exits`);
  }, 600_000);

  it('a difference would be seen: where XState is told of one timer later, the sequences differ', () => {
    const drawn: Drawn = {
      conditions: new Map(),
      journey: {
        initial: 'a',
        entry: [{ event: 'Ping' }],
        stages: { a: { after: [{ delay: 'PT1H', to: 'b' }] }, b: { on: [{ event: 'Ping', to: 'a' }] } },
      },
    };
    const later = { ...drawn, journey: JSON.parse(JSON.stringify(drawn.journey).replace('PT1H', 'PT2H')) };
    const inputs = [{ event: 'Ping', n: null, after: HOUR }];
    expect(byXState(drawn, inputs)).toEqual(byEngine(drawn, inputs));
    expect(byXState(later, inputs)).not.toEqual(byEngine(drawn, inputs));
  });
});
