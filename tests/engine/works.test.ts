// SPEC.md, S11 to S14 and S19: experiments, and steps that ask something of the world.

import { describe, expect, it } from 'vitest';
import { compileJourney } from '../../workers/engine/compile.ts';
import { armOf, shareOf } from '../../workers/engine/experiments.ts';
import { DAY, errors, HOUR, machineOf, makeDriver, send, sends, vocabulary } from './driver.ts';

const withSteps = (steps: object[], more: object = {}) => machineOf({ stages: { first: { steps } }, ...more });
const nudge = {
  experiment: 'nudge',
  arms: [
    { name: 'price', weight: 3, steps: [send('price')] },
    { name: 'story', steps: [send('story'), { wait: 'P1D' }, send('story-later')] },
    { name: 'none', steps: [] },
  ],
};

describe('experiments', () => {
  it('S11 the shares of 20,000 customers are the weights, and the holdout its share', () => {
    const arms = [
      { name: 'a', weight: 3 },
      { name: 'b', weight: 1 },
    ];
    const seen = new Map<string | null, number>();
    for (let n = 0; n < 20_000; n++) {
      const arm = armOf(`u:customer-${n}`, 'test', 0.2, arms);
      seen.set(arm, (seen.get(arm) ?? 0) + 1);
    }
    for (const [arm, share] of [
      [null, 0.2],
      ['a', 0.6],
      ['b', 0.2],
    ] as const)
      expect(Math.abs((seen.get(arm) ?? 0) / 20_000 - share)).toBeLessThan(0.015);
  });

  it('S11 arms of two experiments know nothing of each other', () => {
    let same = 0;
    for (let n = 0; n < 10_000; n++) same += shareOf(`one:u:${n}`) < 0.5 === shareOf(`two:u:${n}`) < 0.5 ? 1 : 0;
    expect(Math.abs(same - 5_000)).toBeLessThan(200);
  });

  it('S11 a customer has the same arm in every journey and every time; the arm is recorded', () => {
    for (let n = 0; n < 40; n++) {
      const driver = makeDriver([withSteps([nudge, send('after')]), withSteps([nudge], { id: 'other' })], {
        id: `u:${n}`,
      });
      const log = driver.send('Start', 0);
      const arms = log.flatMap((effect) => (effect.kind === 'experiment' ? [effect.arm] : []));
      const arm = armOf(`u:${n}`, 'nudge', 0, [
        { name: 'price', weight: 3 },
        { name: 'story', weight: 1 },
        { name: 'none', weight: 1 },
      ]);
      expect(arms).toEqual([arm, arm]);
      const first = arm === 'none' ? [] : [String(arm)];
      expect(sends(log)).toEqual([...first, ...first, ...(arm === 'story' ? [] : ['after'])]);
    }
  });

  it('S11 the run remembers its arm when the customer’s id changes', () => {
    const machine = machineOf({
      stages: { first: { steps: [nudge], on: [{ event: 'Again', to: 'first' }] } },
    });
    const armsOf = (id: string) =>
      armOf(id, 'nudge', 0, [
        { name: 'price', weight: 3 },
        { name: 'story', weight: 1 },
        { name: 'none', weight: 1 },
      ]);
    const ids = Array.from({ length: 20 }, (_, n) => `u:${n}`);
    const [before, after] = [
      ids.find((id) => armsOf(id) === 'story') ?? '',
      ids.find((id) => armsOf(id) === 'price') ?? '',
    ];
    const first = makeDriver([machine], { id: before });
    first.send('Start', 0);
    expect(first.run().arms).toEqual({ nudge: 'story' });
    const known = makeDriver([machine], { id: after, runs: [first.run()] });
    expect(known.send('Again', 1)).toContainEqual(expect.objectContaining({ kind: 'experiment', arm: 'story' }));
  });

  it('S11 who is held out gets no arm, and the program goes on', () => {
    const held = Array.from({ length: 50 }, (_, n) => `u:${n}`).find(
      (id) =>
        armOf(
          id,
          'nudge',
          0.5,
          nudge.arms.map(({ name, weight = 1 }) => ({ name, weight })),
        ) === null,
    );
    const driver = makeDriver([withSteps([{ ...nudge, holdout: 0.5 }, send('after')])], { id: held ?? '' });
    const log = driver.send('Start', 0);
    expect(sends(log)).toEqual(['after']);
    expect(log).toContainEqual(expect.objectContaining({ kind: 'experiment', experiment: 'nudge', arm: null }));
    expect(driver.run().arms).toEqual({ nudge: null });
  });

  it('S11 two arms of one name are refused', () => {
    const arms = [
      { name: 'a', steps: [] },
      { name: 'a', steps: [] },
    ];
    const document = {
      id: 'test',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: { first: { steps: [{ experiment: 'x', arms }] } },
    };
    const compiled = compileJourney(document, 1, vocabulary());
    expect(compiled.ok ? [] : compiled.findings).toMatchObject([
      { code: 'arm-twice', pointer: '/stages/first/steps/0/arms/1/name' },
    ]);
  });
});

describe('what steps ask of the world', () => {
  const effectsOf = (steps: object[], properties = {}) =>
    makeDriver([withSteps(steps)]).send('Start', HOUR, properties);
  const keyed = (sequence: number) => ({ key: `test.1/${sequence}`, journey: 'test', run: 'test.1', at: HOUR });

  it('S12 an audience is joined and left', () => {
    const log = effectsOf([
      { audience: 'vip', do: 'add' },
      { audience: 'new', do: 'remove' },
    ]);
    expect(log.slice(1)).toEqual([
      { kind: 'audience', audience: 'vip', change: 'add', ...keyed(1) },
      { kind: 'audience', audience: 'new', change: 'remove', ...keyed(2) },
    ]);
  });

  it('S13 S19 a grant says what and how much, until when; an amount that errs is null', () => {
    const points = { grant: 'welcome', kind: 'points', amount: 'event.properties.total / 10.0', expires: 'P30D' };
    const log = effectsOf([points, { ...points, amount: 'event.properties.gone' }, { grant: 'gold', kind: 'level' }], {
      total: 50,
    });
    const of = { kind: 'grant', grant: 'welcome', of: 'points', expiresAt: HOUR + 30 * DAY };
    expect(log.filter(({ kind }) => kind === 'grant')).toEqual([
      { ...of, amount: 5, ...keyed(1) },
      { ...of, amount: null, ...keyed(2) },
      { kind: 'grant', grant: 'gold', of: 'level', amount: null, expiresAt: null, ...keyed(3) },
    ]);
    expect(errors(log)).toEqual([{ pointer: '/stages/first/steps/1/amount', detail: 'No such key: gone' }]);
  });

  it('S14 a task is due from now, and escalates from when it was due', () => {
    const task = {
      task: 'call-back',
      title: 'Call back',
      assignee: 'service',
      due: 'P1D',
      escalate: { after: 'PT4H', to: 'lead' },
    };
    expect(effectsOf([task, { task: 'look' }]).slice(1)).toEqual([
      {
        ...{ kind: 'task', task: 'call-back', title: 'Call back', assignee: 'service', dueAt: HOUR + DAY },
        ...{ escalate: { at: HOUR + DAY + 4 * HOUR, to: 'lead' }, ...keyed(1) },
      },
      { kind: 'task', task: 'look', title: null, assignee: null, dueAt: null, escalate: null, ...keyed(2) },
    ]);
  });
});
