// What experiments have shown so far. Documents are written by admin-catalog.ts; figures come from what projections have
// counted in D1, at most 5 s behind, and what they mean stands in workers/experiments/SPEC.md.

import { Hono } from 'hono';
import { z } from 'zod';
import { EXPERIMENT_LEVELS, Experiment } from '../../schema/experiment.ts';
import { readCells, readSnapshot } from '../catalog/snapshots.ts';
import { now } from '../clock.ts';
import { resultsOf, stateOf } from '../experiments/results.ts';
import type { AdminEnv } from './admin.ts';
import { json, problem } from './context.ts';

const iso = (at: number): string => new Date(at).toISOString();

const count = z.int().min(0);
const State = z
  .enum(['planned', 'running', 'decided', 'ended'])
  .describe('decided: an arm has won and the experiment still runs.');
const version = z.int().min(1);
const winner = z.string().nullable().describe('The arm that is better than each other one; null while none is.');

export const ExperimentSummary = z.object({
  id: z.string(),
  version,
  name: z.string().nullable(),
  level: z.enum(EXPERIMENT_LEVELS),
  allocation: z.enum(['fixed', 'thompson']),
  state: State,
  winner: winner.describe('What the last snapshot says, where the document asks for an automatic winner.'),
});

const Interval = z.object({ low: z.number(), high: z.number() });
const Counts = z.object({ exposures: count, conversions: count });

const ArmResult = z.object({
  arm: z.string().describe('holdout for those who got none.'),
  ...Counts.shape,
  mature: Counts.describe('Of these the ones whose window for the goal is over; what follows is computed from them.'),
  rate: z.number().nullable(),
  interval: Interval.describe('Covers the rate at every moment at once.'),
  lift: z
    .object({
      against: z.string(),
      lift: z.number().nullable().describe('The rate over that of the other, less one; null while it cannot be said.'),
      low: z.number(),
      high: z.number().nullable().describe('null: not bounded yet.'),
      p: z.number().min(0).max(1).describe('Always valid: stopping when it is small does no harm.'),
    })
    .nullable()
    .describe('null for the arm the others are compared with.'),
  propensity: z
    .object({ min: z.number(), effective: z.number(), weightsOverCustomers: z.number().nullable() })
    .describe(
      'The smallest share it was given with, the effective number of exposures, and weights over customers: about 1.',
    ),
});

export const ExperimentResults = z.object({
  id: z.string(),
  version,
  experiment: Experiment,
  at: z.iso.datetime().describe('When this was computed.'),
  state: State,
  winner,
  level: z.number().describe('Of the intervals.'),
  method: z.enum(['beta-mixture', 'inverse-propensity']),
  arms: z.array(ArmResult),
  mismatch: z
    .object({ p: z.number().min(0).max(1), found: z.boolean() })
    .describe('Whether exposures fit the shares that arms were given with; always valid.'),
  contexts: z.array(z.object({ context: z.string(), arms: z.record(z.string(), Counts) })),
  snapshot: z
    .object({
      version,
      madeAt: z.iso.datetime(),
      shares: z.record(z.string(), z.record(z.string(), z.number())).describe('By context.'),
    })
    .nullable()
    .describe('What shares are drawn with now; null: by weight.'),
});

export function adminExperimentRoutes(): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();

  app.get('/experiments', (c) => {
    const { trials, snapshots, documents } = c.var.catalog;
    const experiments = [...trials.byId.values()].map((trial): z.infer<typeof ExperimentSummary> => {
      const document = parsedOf(documents, trial.id);
      const won = snapshots.get(trial.id)?.winner ?? null;
      const { id, version, level, allocation } = trial;
      const state = stateOf(trial, won, now());
      return { id, version, name: document?.name ?? null, level, allocation: allocation.kind, state, winner: won };
    });
    return json({ experiments });
  });

  app.get('/experiments/:id', async (c) => {
    const trial = c.var.catalog.trials.byId.get(c.req.param('id'));
    const experiment = trial && parsedOf(c.var.catalog.documents, trial.id);
    if (!trial || !experiment)
      return problem({ kind: 'not-found', detail: 'There is no such document of kind experiment.' });
    const [cells, snapshot] = await Promise.all([readCells(c.env.DB, trial.id), readSnapshot(c.env.DB, trial.id)]);
    const at = now();
    const learned = snapshot && { version: snapshot.version, madeAt: iso(snapshot.madeAt), shares: snapshot.shares };
    const results = resultsOf(trial, cells, snapshot?.winner ?? null, at);
    return json({ id: trial.id, version: trial.version, experiment, at: iso(at), ...results, snapshot: learned });
  });

  return app;
}

/** The document as it was published. */
function parsedOf(documents: AdminEnv['Variables']['catalog']['documents'], id: string): Experiment | undefined {
  const row = documents.find((candidate) => candidate.kind === 'experiment' && candidate.id === id);
  return row && (JSON.parse(row.body) as Experiment);
}
