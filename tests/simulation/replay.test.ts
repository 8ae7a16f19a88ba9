// Replay over random lives of the simulator's own customers, journeys published on the way; and that it sees what differs.
// The objects' own histories: tests/customer/replay.test.ts.

import { describe, expect, it } from 'vitest';
import { compileJourney } from '../../workers/engine/compile.ts';
import type { Machine } from '../../workers/engine/machine.ts';
import { openingsOf } from '../../workers/engine/traveller.ts';
import { applyEvent, newCustomer, passTime } from '../../workers/simulate/customer.ts';
import { type Draw, drawsOf, pick } from '../../workers/simulate/random.ts';
import { type RecordedEntry, RecordedHistory } from '../../workers/simulate/record.ts';
import { replay } from '../../workers/simulate/replay.ts';
import { settingOf } from '../../workers/simulate/setting.ts';
import { often, PROVE } from '../prove.ts';
import { drawJourney, words } from './journeys.ts';
import { BEGIN, drawInput, GAPS } from './life.ts';

const HISTORIES = often(40, 10_000);
const INPUTS = 60;
/** Histories of one set of versions, because compiling costs more than a life. */
const LIVES_EACH = 10;

interface Version {
  readonly at: number;
  readonly catalog: number;
  readonly document: object;
  readonly machine: Machine;
}

/** Two versions of each of two journeys, the second ones published while the customer is on the way. */
function drawVersions(draw: Draw): Version[] {
  return [0, 1].flatMap((round) =>
    ['alpha', 'beta'].map((id) => {
      const document = drawJourney(draw, id, new Map());
      const compiled = compileJourney(document, round + 1, words);
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
      return { at: BEGIN + round * 9 * 86_400_000 - 1, catalog: round + 1, document, machine: compiled.machine };
    }),
  );
}

/** Lives as an object would, and keeps what an object keeps. */
function recordLife(versions: readonly Version[], seed: string): RecordedHistory {
  const draw = drawsOf(seed);
  const entries: RecordedEntry[] = [];
  const write = (entry: Omit<RecordedEntry, 'seq'>) => entries.push({ seq: entries.length + 1, ...entry });
  const byVersion = new Map(versions.map(({ machine }) => [`${machine.id}@${machine.version}`, machine]));
  const customer = newCustomer(
    settingOf([], new Map(), 'en'),
    'u:one',
    BEGIN,
    ({ kind, at, appliedAt, body }) =>
      write({ kind, at, appliedAt, name: null, messageId: null, body: JSON.stringify(body) }),
    ({ journey, version }) => {
      const machine = byVersion.get(`${journey}@${version}`);
      if (!machine) throw new Error(`no ${journey} ${version}`);
      return machine;
    },
  );
  const met: NonNullable<RecordedHistory['customer']['met']> = [];
  const publish = (at: number) => {
    const current = new Map(
      versions.filter((version) => version.at <= at).map((version) => [version.machine.id, version]),
    );
    const machines = [...current.values()].map(({ machine }) => machine);
    const catalog = Math.max(...[...current.values()].map((version) => version.catalog));
    if (met.at(-1)?.version !== catalog)
      met.push({ version: catalog, fromSeq: entries.length + 1, after: met.length === 0 ? null : at - 1 });
    customer.openings = openingsOf(machines, ({ id }) => current.get(id)?.at ?? 0);
  };
  const passUntil = (until: number) => {
    for (const { at } of versions)
      if (at > customer.state.lastInputAt && at <= until) {
        passTime(customer, at - 1);
        publish(at);
      }
    passTime(customer, until);
  };
  let now = BEGIN;
  publish(now);
  for (let input = 0; input < INPUTS; input++) {
    const at = now + pick(draw, GAPS);
    now = Math.max(now, at);
    const applied = Math.max(at, customer.state.lastInputAt);
    if (input > 0) passUntil(applied);
    const said = drawInput(draw, customer, input);
    if (!said) continue;
    const { name, messageId, message } = said;
    // An object writes the event before what comes of it, and nothing for one it has already.
    if (customer.history.byMessage(messageId) === null)
      write({ kind: 'event', at, appliedAt: applied, name, messageId, body: JSON.stringify(message) });
    applyEvent(customer, { ...said, at }, applied);
  }
  const asOf = now + 30 * 86_400_000;
  passUntil(asOf);
  const { id, runsStarted, traits, runs } = customer.state;
  return {
    customer: { id, createdAt: BEGIN, asOf, runsStarted, traits, met },
    runs: [...runs.values()],
    entries,
    journeys: versions.map(({ at, catalog, document, machine }) => ({
      id: machine.id,
      version: machine.version,
      publishedAt: at,
      catalogVersion: catalog,
      journey: document,
      declarations: 0,
    })),
    declarations: [words.declarations],
  };
}

const through = (history: RecordedHistory): RecordedHistory =>
  RecordedHistory.parse(JSON.parse(JSON.stringify(history)));

describe('replay', () => {
  it(`I5 ${HISTORIES} random histories come out identical`, () => {
    const total = { events: 0, lines: 0, runs: 0 };
    const started = performance.now();
    for (let number = 0; number < HISTORIES; number += LIVES_EACH) {
      const versions = drawVersions(drawsOf(`replay/${number}`));
      for (let life = number; life < number + LIVES_EACH; life++) {
        const result = replay(through(recordLife(versions, `replay/${life}`)));
        expect([life, result.outcome, result.differences]).toEqual([life, 'identical', []]);
        for (const count of ['events', 'lines', 'runs'] as const) total[count] += result[count];
      }
    }
    if (PROVE) console.info(JSON.stringify({ ...total, seconds: (performance.now() - started) / 1_000 }));
    expect(total.events / HISTORIES).toBeGreaterThan(INPUTS / 2);
    expect(total.lines / HISTORIES).toBeGreaterThan(10);
  });

  const history = recordLife(drawVersions(drawsOf('seen')), 'seen');

  it('a change of anything that follows from the inputs is seen', () => {
    expect(replay(history).outcome).toBe('identical');
    const changes: ((copy: RecordedHistory) => void)[] = [
      (copy) => copy.runs.pop(),
      (copy) => Object.assign(copy.runs[0] ?? {}, { enteredAt: 0 }),
      (copy) =>
        copy.entries.splice(
          copy.entries.findIndex(({ kind }) => kind === 'transition'),
          1,
        ),
      (copy) => Object.assign(copy.entries.find(({ kind }) => kind === 'transition') ?? {}, { at: 1 }),
      (copy) => Object.assign(copy.customer, { runsStarted: 999 }),
      (copy) => Object.assign(copy.customer.traits, { more: true }),
      (copy) => Object.assign(copy.journeys[0] ?? {}, { journey: { id: 'alpha' } }),
    ];
    for (const change of changes) {
      const copy = through(history);
      change(copy);
      const { outcome, differences } = replay(copy);
      expect([change.toString(), outcome]).toEqual([change.toString(), 'different']);
      expect(differences.length).toBeGreaterThan(0);
    }
  });

  it('a customer who took over another one is told apart: its own inputs do not tell all', () => {
    const [first] = history.entries;
    if (!first) throw new Error('an empty history');
    const merged = { ...first, seq: 999, kind: 'merged', messageId: null, body: '{"from":"a:x"}' };
    expect(replay({ ...history, entries: [...history.entries, merged] }).outcome).toBe('merged');
  });
});
