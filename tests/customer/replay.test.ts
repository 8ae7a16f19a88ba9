// The object's own histories: random journeys, random inputs. Two objects get the same; one is thrown out of memory between
// any two inputs. Both end the same, and replay rebuilds from the record what is stored, byte for byte.

import { beforeAll, describe, expect, it } from 'vitest';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import type { Draft } from '../../workers/catalog/publish.ts';
import type { IncomingEvent } from '../../workers/customer/messages.ts';
import { below, type Draw, drawsOf, pick } from '../../workers/simulate/random.ts';
import { RecordedHistory } from '../../workers/simulate/record.ts';
import { replay } from '../../workers/simulate/replay.ts';
import { often } from '../prove.ts';
import { drawJourney, EVENTS, words } from '../simulation/journeys.ts';
import {
  d1,
  describeOf,
  evict,
  findingsOf,
  fireAlarm,
  freshName,
  HOUR,
  ingest,
  objectOf,
  prepare,
  publishDrafts,
  START,
  setClock,
  timelineOf,
} from './object.ts';

const SEQUENCES = often(12, 1_000);
/** Sequences between two publishes. */
const EACH = 3;
const INPUTS = 20;
const GAPS = [0, 1_000, HOUR, 5 * HOUR, 26 * HOUR, 70 * HOUR] as const;

beforeAll(async () => {
  // A contact is overdue two days after the first event of each, for a yes is not needed here.
  await prepare([
    {
      ...{ id: 'overdue', entry: [{ event: 'Contact Overdue' }], initial: 'told' },
      stages: {
        told: {
          steps: [{ emit: 'Go', properties: { n: "count('Contact Overdue')" } }],
          on: [{ event: 'Stop', to: 'over' }],
        },
        over: { final: true },
      },
    },
  ]);
  const least = [{ id: 'days', purpose: 'service', channel: 'email', within: 'P2D' }];
  await publishDrafts([
    { kind: 'events', id: 'events', document: { ...words.declarations } },
    { kind: 'policies', id: 'policies', document: { pressure: { rules: [], least } } },
  ]);
});

/** The whole record, over several pages, as it would arrive by HTTP. */
async function recordOf(id: string): Promise<RecordedHistory> {
  const rows = await d1("SELECT id, version, published_at, from_version, body FROM documents WHERE kind = 'journey'");
  const journeys = rows.map((row) => ({
    id: String(row['id']),
    version: Number(row['version']),
    publishedAt: Number(row['published_at']),
    catalogVersion: Number(row['from_version']),
    journey: JSON.parse(String(row['body'])),
    declarations: 0,
  }));
  const others = await d1("SELECT * FROM documents WHERE kind IN ('events', 'segment') ORDER BY from_version, id");
  const documents = others.map((row) => ({
    ...{ kind: row['kind'], id: row['id'], fromVersion: row['from_version'], toVersion: row['to_version'] },
    publishedAt: row['published_at'],
    document: JSON.parse(String(row['body'])),
  }));
  const entries: RecordedHistory['entries'] = [];
  for (;;) {
    const page = await objectOf(id).recorded(entries.at(-1)?.seq ?? 0, 30);
    if (page?.kind !== 'done') throw new Error(`no record: ${JSON.stringify(page)}`);
    entries.push(...page.entries);
    if (page.entries.length === 30) continue;
    const { customer, runs } = page;
    const record = { customer, runs, entries, journeys, declarations: [words.declarations], documents };
    return RecordedHistory.parse(JSON.parse(JSON.stringify(record)));
  }
}

const DAYS = Array.from({ length: 60 }, (_, day) => new Date(START + day * 24 * HOUR).toISOString().slice(0, 10));

function drawEvent(draw: Draw, input: number, at: number): IncomingEvent {
  const messageId = `m${draw() < 0.05 ? below(draw, input + 1) : input}`;
  const said = (name: string, members: JsonObject, type = 'track'): IncomingEvent => ({
    ...{ messageId, name, type, at, merges: null },
    body: JSON.stringify({ type, messageId, ...(type === 'track' ? { event: name } : {}), ...members }),
  });
  const kind = draw();
  if (kind < 0.1) return said('identify', { traits: { seen: below(draw, 9), born: pick(draw, DAYS) } }, 'identify');
  if (kind < 0.15) return said('Audience Joined', { properties: { audience: 'regulars' } });
  if (kind < 0.2) return said('Journey Requested', { properties: { journey: pick(draw, ['alpha', 'beta']) } });
  const properties: JsonObject = { n: below(draw, 10), due: pick(draw, DAYS), cart: pick(draw, ['a', 'b']) };
  return said(pick(draw, EVENTS), { properties });
}

/** What can be seen of a customer, without the name. */
async function seen(id: string): Promise<string> {
  const described = await describeOf(id);
  const timeline = await timelineOf(id);
  return JSON.stringify([{ ...described, id: '', identifiers: {} }, timeline]).replaceAll(id, 'the customer');
}

describe('random histories of objects', () => {
  it(`${SEQUENCES} are the same with an eviction between any two inputs, and replay rebuilds them`, async () => {
    let at = START;
    const total = { lines: 0, runs: 0, joined: 0, overdue: 0 };
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      const draw = drawsOf(`objects/${sequence}`);
      setClock(at);
      if (sequence % EACH === 0) await publish(draw);
      const ids = { evicted: freshName(), kept: freshName() };
      at += HOUR;
      for (let input = 0; input < INPUTS; input++) {
        at += pick(draw, GAPS);
        setClock(at);
        const alarm = draw() < 0.3;
        const events = Array.from({ length: 1 + below(draw, 2) }, (_, n) => drawEvent(draw, 2 * input + n, at));
        for (const id of Object.values(ids)) {
          if (alarm) await fireAlarm(id);
          else await ingest(id, events);
        }
        await evict(ids.evicted);
        // A version that is published in the middle of a life begins only what begins after it.
        if (input === INPUTS / 2 && sequence % EACH === 1) await publish(draw);
      }
      if (!(await objectOf(ids.kept).describe())) continue;
      for (const id of Object.values(ids)) {
        const result = replay(await recordOf(id));
        expect([sequence, result.outcome, result.differences]).toEqual([sequence, 'identical', []]);
        total.overdue += (await timelineOf(id)).filter(({ name }) => name === 'Contact Overdue').length;
        total.lines += result.lines;
        total.runs += result.runs;
        total.joined += (await timelineOf(id)).filter(
          ({ kind, name }) => kind === 'emitted' && name === 'Audience Joined',
        ).length;
      }
      // Members of `stages` stand in the order in which runs came into memory, which is no matter.
      expect(JSON.parse(await seen(ids.evicted))).toEqual(JSON.parse(await seen(ids.kept)));
    }
    expect(total.lines).toBeGreaterThan(SEQUENCES * 5);
    expect(total.joined).toBeGreaterThan(SEQUENCES);
    expect(total.runs).toBeGreaterThan(SEQUENCES / 2);
    expect(total.overdue).toBeGreaterThan(SEQUENCES);
  });

  it('an import is rebuilt too, from before the object and the journeys were there', async () => {
    const draw = drawsOf('import');
    setClock(START + 4_000 * 24 * HOUR);
    await publish(draw);
    const id = freshName();
    for (let input = 0; input < 30; input++) {
      const event = drawEvent(draw, input, START - 400 * 24 * HOUR + input * 9 * HOUR);
      await objectOf(id).importEvents(0, [event]);
      if (input % 7 === 0) await evict(id);
    }
    const before = replay(await recordOf(id));
    expect([before.outcome, before.differences]).toEqual(['identical', []]);
    await objectOf(id).finishImport(0);
    const after = replay(await recordOf(id));
    expect([after.outcome, after.differences]).toEqual(['identical', []]);
    expect(after.lines).toBeGreaterThan(5);
  });

  it('PV13 what is left of a history after lines went is rebuilt from where the customer stood then', async () => {
    let at = START + 5_000 * 24 * HOUR;
    setClock(at);
    const retention = { default: 'P12D', events: { Go: 'P8D', Ping: 'P30D' } };
    await publishDrafts([{ kind: 'policies', id: 'policies', document: { privacy: { retention } } }]);
    const total = { lines: 0, gone: 0, checkpoints: 0 };
    for (let life = 0; life < often(6, 100); life++) {
      const draw = drawsOf(`retention/${life}`);
      await publish(draw);
      const ids = { evicted: freshName(), kept: freshName() };
      for (let input = 0; input < 30; input++) {
        at += 2 * pick(draw, GAPS);
        setClock(at);
        const late = draw() < 0.1 ? below(draw, 200) * HOUR : 0;
        const event = drawEvent(draw, input, at - late);
        const alarm = draw() < 0.4;
        for (const id of Object.values(ids)) {
          if (alarm) await fireAlarm(id);
          else await ingest(id, [event]);
        }
        await evict(ids.evicted);
        if (input === 20 && life % 2 === 0) await publish(draw);
      }
      if (!(await objectOf(ids.kept).describe())) continue;
      for (const id of Object.values(ids)) {
        const record = await recordOf(id);
        const { outcome, differences, lines } = replay(record);
        expect([life, outcome, differences]).toEqual([life, 'identical', []]);
        total.lines += lines;
        if (record.customer.checkpoint) total.checkpoints++;
        for (const { kind, body } of record.entries) if (kind === 'expired') total.gone += JSON.parse(body).lines;
      }
      expect(JSON.parse(await seen(ids.evicted))).toEqual(JSON.parse(await seen(ids.kept)));
    }
    expect(Math.min(total.lines, total.gone, total.checkpoints)).toBeGreaterThan(often(3, 50));
  });
});

const SEGMENTS: JsonObject = {
  often: ["count('Go', 'P2D') >= 2", 'traits.goes >= 2', "stages.alpha == 'second'"],
  away: ["daysSince('Back') >= 1.5", "daysSince('Go') > 2 && traits.seen > 3", "count('Ping') == 0"],
};

/** Random segments, each there or not. */
const drawSegments = (draw: Draw): Draft[] =>
  Object.entries(SEGMENTS).map(([id, conditions]) => {
    const condition = Array.isArray(conditions) ? pick(draw, conditions) : null;
    return { kind: 'segment', id, document: draw() < 0.8 ? { id, if: condition } : null };
  });

/** Random journeys, drawn again where they would lead round for ever: only that may be refused. */
async function publish(draw: Draw): Promise<void> {
  await publishDrafts(drawSegments(draw));
  const ids = ['alpha', 'beta', 'gamma'].slice(0, 1 + below(draw, 3));
  for (;;) {
    const findings = await findingsOf(
      ids.map((id) => ({ kind: 'journey', id, document: withOneArm(drawJourney(draw, id, new Map())) })),
    );
    if (findings.length === 0) return;
    expect(findings.filter(({ code }) => code !== 'loop-without-wait')).toEqual([]);
  }
}

/** Which arm a customer has follows from its id, and the two that are compared have different ones. */
const withOneArm = (document: JsonObject): JsonObject =>
  JSON.parse(
    JSON.stringify(document, (_, value: Json) =>
      isObject(value) && Array.isArray(value['arms'])
        ? { experiment: value['experiment'], arms: value['arms'].slice(0, 1) }
        : value,
    ),
  );
