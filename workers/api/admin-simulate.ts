// A simulation for designers who have no command line: drafts, or what is published, with a small population on a virtual
// clock. No customer's object is asked and nothing is written.

import { Hono } from 'hono';
import { z } from 'zod';
import { Duration } from '../../schema/journey.ts';
import { type Json, pointerOf } from '../../schema/json.ts';
import { LIMITS, SIMULATION } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import { compileJourney } from '../engine/compile.ts';
import { durationMs } from '../engine/durations.ts';
import type { Machine } from '../engine/machine.ts';
import { livesOf } from '../simulate/recorded.ts';
import type { Report, Span } from '../simulate/report.ts';
import { learnerFor, settingOf } from '../simulate/setting.ts';
import { type Life, simulate, syntheticLives } from '../simulate/simulate.ts';
import { spokenIn } from '../simulate/vocabulary.ts';
import type { AdminEnv } from './admin.ts';
import { readJsonObject } from './body.ts';
import { json, problem } from './context.ts';
import type { Failure } from './problem.ts';

const DAY_MS = 86_400_000;

export const SimulateCall = z.object({
  customers: z.int().min(1).max(SIMULATION.customersMax).default(100).describe('How many synthetic customers.'),
  days: z
    .int()
    .min(0)
    .max(SIMULATION.daysMax)
    .default(30)
    .describe(
      `How long; with events, how long after the last one. Customers times days: ${SIMULATION.customerDaysMax}.`,
    ),
  seed: z.string().max(LIMITS.nameCharsMax).default('1').describe('The same seed gives the same answer.'),
  from: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('When the time begins; without it, at this midnight (UTC).'),
  stuck: Duration.default('P90D').describe('A run that stands longer than this in a stage is reported as stuck.'),
  journeys: z
    .array(z.unknown())
    .max(SIMULATION.journeysMax)
    .optional()
    .describe('Drafts to simulate; without them, what is published.'),
  events: z
    .array(z.unknown())
    .max(LIMITS.eventsPerCallMax)
    .optional()
    .describe('Recorded messages, each with a timestamp, in place of synthetic customers.'),
});
type SimulateCall = z.output<typeof SimulateCall>;

const count = z.int().min(0);
const time = z.iso.datetime();
const counts = z.record(z.string(), count);

export const Simulated = z.object({
  seed: z.string().nullable(),
  from: time,
  until: time,
  customers: count,
  events: count,
  timersFired: count,
  journeys: z.array(
    z.object({
      journey: z.string(),
      runs: count,
      ended: count,
      stages: z.array(
        z.object({
          stage: z.string(),
          customers: count.describe('Customers who were ever in it.'),
          entered: count,
          now: count.describe('Runs that stand in it at the end.'),
          hours: z.number().nullable().describe('Mean stay of those who left it.'),
        }),
      ),
    }),
  ),
  messages: z.object({
    sent: count,
    templates: counts,
    suppressed: counts.describe('By reason.'),
    perCustomerAndWeek: z.number(),
    weeks: z.array(z.object({ week: count, messages: count, customers: count, most: count })),
  }),
  outcomes: counts.describe('Other lines of the timelines, by kind.'),
  stuck: z.array(
    z.object({
      journey: z.string(),
      stage: z.string(),
      reason: z.enum(['no way on', 'too long']),
      customers: count,
      examples: z.array(z.object({ customer: z.string(), since: time })),
    }),
  ),
  faults: z.array(z.object({ journey: z.string(), pointer: z.string(), detail: z.string(), times: count })),
  digest: z.string().describe('Of every line of every timeline.'),
});

export function adminSimulateRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.post('/simulate', async (c) => {
    const read = await readJsonObject(c.req.raw, LIMITS.bodyBytesMax);
    if (!read.ok) return problem(read.failure);
    const call = SimulateCall.safeParse(read.value);
    if (!call.success)
      return problem({
        kind: 'invalid',
        errors: call.error.issues.map((issue) => ({ pointer: pointerOf(issue.path), detail: issue.message })),
      });
    const simulated = simulateCall(call.data, c.var.catalog, now());
    return simulated.ok ? json(simulated.report) : problem(simulated.failure);
  });

  return app;
}

type Outcome = { readonly ok: true; readonly report: Report } | { readonly ok: false; readonly failure: Failure };

const invalid = (pointer: string, detail: string): Outcome => ({
  ok: false,
  failure: { kind: 'invalid', errors: [{ pointer, detail }] },
});

function simulateCall(call: SimulateCall, catalog: Catalog, receivedAt: number): Outcome {
  const { declarations, resolve } = catalog.vocabulary;
  const drafts = compileDrafts(call.journeys ?? null, catalog);
  if (!drafts.ok) return drafts;
  const setting = settingOf(
    drafts.machines,
    catalog.messages,
    'en',
    catalog.policies,
    learnerFor(drafts.machines, catalog.vocabulary, [...catalog.segments.values()]),
  );
  const stuckAfterMs = durationMs(call.stuck);
  if (stuckAfterMs === null) return invalid('/stuck', 'is not a duration of fixed length');
  const from = call.from === undefined ? receivedAt - (receivedAt % DAY_MS) : Date.parse(call.from);
  let span: Span = { seed: call.seed, from, until: from + call.days * DAY_MS, stuckAfterMs };
  let lives: Iterable<Life>;
  if (call.events) {
    const recorded = livesOf(call.events as Json[], resolve);
    if (!recorded.ok) {
      const errors = recorded.faults.map(({ line, pointer, detail }) => ({
        pointer: `/events/${line - 1}${pointer}`,
        detail,
      }));
      return { ok: false, failure: { kind: 'invalid', errors } };
    }
    lives = recorded.lives;
    const [first, last] = [recorded.first ?? from, recorded.last ?? from];
    span = { ...span, seed: null, from: first, until: last + call.days * DAY_MS };
  } else {
    if (call.customers * call.days > SIMULATION.customerDaysMax)
      return invalid('/customers', `customers times days may be ${SIMULATION.customerDaysMax} at most`);
    const spoken = spokenIn(setting.machines.values(), resolve, declarations);
    lives = syntheticLives({ ...span, seed: call.seed, spoken, declarations }, call.customers);
  }
  return { ok: true, report: simulate(setting, lives, span, { inputsMax: SIMULATION.inputsMax }) };
}

type Drafts =
  | { readonly ok: true; readonly machines: readonly Machine[] }
  | { readonly ok: false; readonly failure: Failure };

function compileDrafts(journeys: readonly unknown[] | null, catalog: Catalog): Drafts {
  if (journeys === null) return { ok: true, machines: [...catalog.machines.values()] };
  const machines = new Map<string, Machine>();
  const findings: object[] = [];
  journeys.forEach((journey, index) => {
    const compiled = compileJourney(journey, 1, catalog.vocabulary);
    if (compiled.ok) machines.set(compiled.machine.id, compiled.machine);
    else findings.push(...compiled.findings.map((finding) => ({ ...finding, document: `journeys/${index}` })));
  });
  if (findings.length === 0) return { ok: true, machines: [...machines.values()] };
  const detail = 'Not every draft can be simulated. Each finding names its place and the remedy.';
  return { ok: false, failure: { kind: 'unprocessable', detail, findings } };
}
