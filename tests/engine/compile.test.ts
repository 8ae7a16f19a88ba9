// What the compiler finds: every code with a journey that has the fault, and the place it is told at.

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../schema/limits.ts';
import { compileJourney } from '../../workers/engine/compile.ts';
import { send, vocabulary } from './driver.ts';

const words = vocabulary({
  events: { Order: { aliases: ['purchase'], properties: { total: { type: 'number' } } } },
  traits: { tier: { type: 'string' } },
});

const whole = {
  id: 'whole',
  entry: [{ event: 'Order' }],
  initial: 'first',
  stages: { first: { on: [{ event: 'Order', to: 'second' }] }, second: { final: true } },
};

/** `code pointer` of every finding. */
function findings(change: object): string[] {
  const compiled = compileJourney({ ...whole, ...change }, 1, words);
  if (compiled.ok) return [];
  for (const { message, remedy } of compiled.findings) {
    expect(message).not.toMatch(/\n|undefined|\[object/);
    expect(remedy).toMatch(/^[A-Z].*\.$/);
  }
  return compiled.findings.map(({ code, pointer }) => `${code} ${pointer}`);
}

const first = (stage: object) => ({ stages: { ...whole.stages, first: stage } });
const steps = (...list: unknown[]) => first({ steps: list });

describe('findings', () => {
  it('a whole journey has none', () => expect(findings({})).toEqual([]));

  it.each([
    ['no id', { id: undefined }, '/id'],
    ['an id with blanks', { id: 'A journey' }, '/id'],
    ['an unknown member', { stagse: {} }, '/stagse'],
    ['no entry', { entry: [] }, '/entry'],
    ['an entry without event', { entry: [{ if: 'true' }] }, '/entry/0/event'],
    ['a reentry there is not', { reentry: 'always' }, '/reentry'],
    ['stages as a list', { stages: [] }, '/stages'],
    ['a number for a stage', first(5 as unknown as object), '/stages/first'],
    ['a transition without target', first({ on: [{ event: 'Order' }] }), '/stages/first/on/0/to'],
    [
      'a misspelt member of a transition',
      first({ on: [{ event: 'Order', when: 'true', to: 'second' }] }),
      '/stages/first/on/0/when',
    ],
    ['a delay that is no text', first({ after: [{ delay: 30, to: 'second' }] }), '/stages/first/after/0/delay'],
    [
      'since something else',
      first({ after: [{ delay: 'P1D', since: 'birth', to: 'second' }] }),
      '/stages/first/after/0/since',
    ],
    ['months', first({ after: [{ delay: 'P1M', to: 'second' }] }), '/stages/first/after/0/delay'],
    ['an empty condition', first({ on: [{ event: 'Order', if: '', to: 'second' }] }), '/stages/first/on/0/if'],
    ['a step of no kind', steps({ sned: 'x' }), '/stages/first/steps/0'],
    ['a step that is no object', steps('send'), '/stages/first/steps/0'],
    ['a send without purpose', steps({ send: 'x', channel: 'email' }), '/stages/first/steps/0/purpose'],
    [
      'a channel there is not',
      steps({ send: 'x', channel: 'fax', purpose: 'service' }),
      '/stages/first/steps/0/channel',
    ],
    ['a set without value', steps({ set: 'x' }), '/stages/first/steps/0/value'],
    ['a trait named __proto__', steps({ set: '__proto__', value: '1' }), '/stages/first/steps/0/set'],
    ['a branch without arms', steps({ branch: [] }), '/stages/first/steps/0/branch'],
    ['an arm without condition', steps({ branch: [{ steps: [] }] }), '/stages/first/steps/0/branch/0/if'],
    [
      'a wait inside an arm',
      steps({ branch: [{ if: 'true', steps: [{ wait: 'soon' }] }] }),
      '/stages/first/steps/0/branch/0/steps/0/wait',
    ],
    [
      'a step inside else',
      steps({ branch: [{ if: 'true', steps: [] }], else: [send('ok'), { send: 'x' }] }),
      '/stages/first/steps/0/else/1/channel',
    ],
  ])('schema: %s', (_, change, pointer) => expect(findings(change)).toContain(`schema ${pointer}`));

  it('schema: a document that is no object', () => {
    for (const document of [null, 1, 'x', [], undefined])
      expect(compileJourney(document, 1, words)).toMatchObject({
        ok: false,
        findings: [{ code: 'schema', pointer: '' }],
      });
  });

  it('schema: member names are escaped in pointers', () => {
    expect(findings({ stages: { first: {}, 'a/b~c': { on: [{ event: 'x' }] } } })).toEqual([
      'schema /stages/a~1b~0c/on/0/to',
    ]);
  });

  it('unknown-stage: initial, a transition, a timer', () => {
    expect(findings({ initial: 'gone' })).toEqual(['unknown-stage /initial']);
    expect(findings(first({ on: [{ event: 'Order', to: 'gone' }], after: [{ delay: 'P1D', to: 'gone' }] }))).toEqual([
      'unknown-stage /stages/first/on/0/to',
      'unknown-stage /stages/first/after/0/to',
    ]);
  });

  it('unknown-stage: names that objects inherit are no stages', () => {
    expect(findings({ initial: 'constructor' })).toEqual(['unknown-stage /initial']);
    expect(findings(first({ on: [{ event: 'Order', to: '__proto__' }] }))).toEqual([
      'unknown-stage /stages/first/on/0/to',
    ]);
  });

  const places = (condition: string, value = condition) => ({
    entry: [{ event: 'Order', if: condition }],
    exit: [{ event: 'Order' }, { event: 'Order', if: condition }],
    ...first({
      steps: [{ branch: [{ if: condition, steps: [] }] }, { set: 'x', value }],
      on: [{ event: 'Order', if: condition, to: 'second' }],
      after: [{ delay: 'P1D', if: condition, to: 'second' }],
    }),
  });
  const pointers = [
    '/entry/0/if',
    '/exit/1/if',
    '/stages/first/steps/0/branch/0/if',
    '/stages/first/steps/1/value',
    '/stages/first/on/0/if',
    '/stages/first/after/0/if',
  ];

  it.each([
    ['condition-syntax', 'traits.tier ='],
    ['condition-type', 'traits.tier > 5'],
    ['condition-function', "traits.tier.matches('x')"],
    ['condition-limit', '[1].all(a, [1].all(b, [1].all(c, true)))'],
  ])('%s in every place a condition has', (code, condition) => {
    expect(findings(places(condition)).sort()).toEqual(pointers.map((pointer) => `${code} ${pointer}`).sort());
  });

  it('condition-type: a property is checked against the event of its trigger, and an alias is that event', () => {
    const on = (event: string) =>
      findings(first({ on: [{ event, if: "event.properties.total == 'x'", to: 'second' }] }));
    expect(on('Order')).toEqual(['condition-type /stages/first/on/0/if']);
    expect(on('purchase')).toEqual(['condition-type /stages/first/on/0/if']);
    expect(on('Undeclared')).toEqual([]);
  });

  it('condition-type: a condition is a bool, the value of a set may be anything', () => {
    expect(findings(places('traits.tier'))).toHaveLength(5);
    expect(findings(steps({ set: 'x', value: 'traits.tier' }))).toEqual([]);
  });

  it('duration: what the pattern lets through and is no duration', () => {
    const endless = `P${'9'.repeat(30)}D`;
    expect(findings(first({ after: [{ delay: endless, to: 'second' }] }))).toEqual([
      'duration /stages/first/after/0/delay',
    ]);
    expect(findings(steps({ wait: endless }))).toEqual(['duration /stages/first/steps/0/wait']);
  });

  it('delay-too-short: a timer takes a second or more', () => {
    const delay = (written: string) => findings(first({ after: [{ delay: written, to: 'second' }] }));
    expect(delay('PT0.999S')).toEqual(['delay-too-short /stages/first/after/0/delay']);
    expect(delay('PT0S')).toEqual(['delay-too-short /stages/first/after/0/delay']);
    expect(delay('PT1S')).toEqual([]);
    expect(delay('PT1.001S')).toEqual([]);
    expect(findings(steps({ wait: 'PT0S' }))).toEqual([]);
  });

  it('delay-too-long: ten years is the longest', () => {
    expect(LIMITS.delayMsMax).toBe(3_653 * 86_400_000);
    for (const [written, expected] of [
      ['P3652D', []],
      ['P3653D', []],
      ['P3653DT0.001S', ['delay-too-long']],
    ] as const) {
      expect(findings(first({ after: [{ delay: written, to: 'second' }] }))).toEqual(
        expected.map((code) => `${code} /stages/first/after/0/delay`),
      );
      expect(findings(steps({ wait: written }))).toEqual(expected.map((code) => `${code} /stages/first/steps/0/wait`));
    }
  });

  it.each([
    { on: [{ event: 'Order', to: 'first' }] },
    { after: [{ delay: 'P1D', to: 'first' }] },
    { steps: [send('x')] },
  ])('final-stage: %j', (more) => {
    expect(findings({ stages: { ...whole.stages, second: { final: true, ...more } } })).toEqual([
      'final-stage /stages/second',
    ]);
    expect(findings({ stages: { ...whole.stages, second: { final: false, ...more } } })).toEqual([]);
  });

  it('limit: stages', () => {
    const stages = (count: number) => ({
      stages: { first: {}, ...Object.fromEntries(Array.from({ length: count - 1 }, (_, i) => [`s${i}`, {}])) },
    });
    expect(findings(stages(LIMITS.stagesMax - 1))).toEqual([]);
    expect(findings(stages(LIMITS.stagesMax))).toEqual([]);
    expect(findings(stages(LIMITS.stagesMax + 1))).toEqual(['limit /stages']);
  });

  it('limit: transitions, timers and triggers', () => {
    const many = <T>(count: number, item: T) => Array<T>(count).fill(item);
    const on = { event: 'x', to: 'second' };
    const after = { delay: 'P1D', to: 'second' };
    const max = LIMITS.transitionsPerStageMax;
    expect(
      findings({ ...first({ on: many(max, on), after: many(max, after) }), entry: many(max, { event: 'x' }) }),
    ).toEqual([]);
    expect(findings(first({ on: many(max + 1, on) }))).toEqual(['schema /stages/first/on']);
    expect(findings(first({ after: many(max + 1, after) }))).toEqual(['schema /stages/first/after']);
    expect(findings({ entry: many(max + 1, { event: 'x' }) })).toEqual(['schema /entry']);
  });

  it('limit: steps of a stage, nested ones and arms of branches included', () => {
    const sends = (count: number) => Array.from({ length: count }, () => send('x'));
    const max = LIMITS.stepsPerStageMax;
    expect(findings(steps(...sends(max)))).toEqual([]);
    expect(findings(steps(...sends(max + 1)))).toEqual(['schema /stages/first/steps']);
    const nested = (inner: number) =>
      steps(...sends(10), { branch: [{ if: 'true', steps: sends(inner) }], else: sends(100) });
    expect(findings(nested(max - 113))).toEqual([]);
    expect(findings(nested(max - 112))).toEqual([]);
    expect(findings(nested(max - 111))).toEqual(['limit /stages/first/steps']);
  });

  it('limit: branches in branches', () => {
    const nested = (depth: number): object =>
      depth === 0 ? send('x') : { branch: [{ if: 'true', steps: [nested(depth - 1)] }] };
    expect(findings(steps(nested(LIMITS.stepDepthMax - 1)))).toEqual([]);
    expect(findings(steps(nested(LIMITS.stepDepthMax)))).toEqual([]);
    expect(findings(steps(nested(LIMITS.stepDepthMax + 1)))).toEqual([
      `limit /stages/first/steps${'/0/branch/0/steps'.repeat(LIMITS.stepDepthMax + 1)}`,
    ]);
  });

  it('every fault of a journey is told at once', () => {
    const journey = {
      initial: 'gone',
      ...first({ on: [{ event: 'a', if: 'x', to: 'gone' }], after: [{ delay: 'PT0S', to: 'gone' }] }),
    };
    expect(findings(journey)).toEqual([
      'unknown-stage /initial',
      'unknown-stage /stages/first/on/0/to',
      'condition-type /stages/first/on/0/if',
      'unknown-stage /stages/first/after/0/to',
      'delay-too-short /stages/first/after/0/delay',
    ]);
  });
});

describe('the machine', () => {
  it('T5 stands under the declared names of events', () => {
    const compiled = compileJourney(
      {
        ...whole,
        entry: [{ event: 'purchase' }],
        ...first({
          on: [
            { event: 'purchase', to: 'second' },
            { event: 'Order', to: 'first' },
          ],
        }),
      },
      3,
      words,
    );
    if (!compiled.ok) throw new Error('does not compile');
    expect([...compiled.machine.entry.keys()]).toEqual(['Order']);
    expect(
      compiled.machine.stages
        .get('first')
        ?.on.get('Order')
        ?.map(({ to }) => to),
    ).toEqual(['second', 'first']);
    expect(compiled.machine).toMatchObject({ id: 'whole', version: 3, initial: 'first' });
  });

  it('P1 compiling the same document twice gives machines that say the same', () => {
    const text = () => JSON.stringify(compileJourney(whole, 1, words));
    expect(text()).toBe(text());
  });
});
