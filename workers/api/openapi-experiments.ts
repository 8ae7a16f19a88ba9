// The routes of experiments as OpenAPI has to know them. The routes themselves: admin-experiments.ts, and admin-catalog.ts
// for what is written.

import { z } from 'zod';
import { experiment } from './openapi-examples.ts';
import type { Route } from './openapi-route.ts';

const id = z.object({ id: z.string().describe('The id of the experiment.').meta({ example: experiment.id }) });
const dryRun = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('true checks and answers as if it were written, and writes nothing.'),
});

export const EXPERIMENT_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/admin/experiments',
    id: 'listExperiments',
    tag: 'experiments',
    summary: 'The published experiments and where they stand',
    answers: { 200: { schema: 'ExperimentList', words: 'Each experiment with its newest version.' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/admin/experiments/{id}',
    id: 'getExperiment',
    tag: 'experiments',
    summary: 'What an experiment has shown so far',
    description:
      'Rates, lifts and p hold at every moment at once: they may be looked at any time, and the experiment stopped when they are clear. Counts are at most 5 s behind.',
    params: id,
    answers: { 200: { schema: 'ExperimentResults', words: 'The document and its results.' } },
    problems: [404],
  },
  {
    method: 'put',
    path: '/admin/experiments/{id}',
    id: 'putExperiment',
    tag: 'experiments',
    summary: 'Write an experiment as its next version',
    description: 'Nobody who has an arm is given another one. A document that did not change keeps its version.',
    params: id,
    query: dryRun,
    body: { schema: 'ExperimentDraft', example: experiment },
    answers: { 200: { schema: 'Published', words: 'Written; with dryRun, the version it would get.' } },
    problems: [400, 413, 422],
  },
  {
    method: 'delete',
    path: '/admin/experiments/{id}',
    id: 'deleteExperiment',
    tag: 'experiments',
    summary: 'Take an experiment out of the catalog',
    description: 'What was under test is shown to everyone again. What was counted is kept.',
    params: id,
    answers: { 200: { schema: 'Deleted', words: 'It concerns nobody any more.' } },
    problems: [404],
  },
];
