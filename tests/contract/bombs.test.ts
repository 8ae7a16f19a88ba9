// Bodies made to cost much: a gzip bomb, an array a million deep, members named __proto__. On every route of the document
// that takes a body they are refused, and soon: the best of several tries is held against a plain call of the same run.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isObject, type Json } from '../../schema/json.ts';
import { type Answer, useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import {
  type Body,
  type Document,
  examplesOf,
  faultOf,
  keyOf,
  type Operation,
  pathOf,
  queryOf,
  readDocument,
} from './document.ts';

const server = useServer();
const TRIES = 5;
/** What a refusal may cost more than a plain call does at its best. */
const COST_MS_MAX = often(250, 50);

const DEEP = 1_000_000;
const deep = '['.repeat(DEEP) + ']'.repeat(DEEP);
const BOMBS: readonly (readonly [string, string | Uint8Array<ArrayBuffer>])[] = [
  ['gzip of 100 MB of blanks', Uint8Array.from(gzipSync(Buffer.alloc(100 * 1024 * 1024, 0x20)))],
  ['an array a million deep', deep],
  ['an array a million deep, as gzip', Uint8Array.from(gzipSync(deep))],
  ['an array as deep as a body is long', '['.repeat(250_000) + ']'.repeat(250_000)],
  ['a member as deep as a body is long', `${'{"a":'.repeat(80_000)}1${'}'.repeat(80_000)}`],
];

interface Target {
  readonly operation: Operation;
  readonly body: Body;
  readonly send: (body: string | Uint8Array<ArrayBuffer>) => Promise<Answer<Json>>;
}

const targetsOf = ({ operations }: Document): Target[] =>
  operations.flatMap((operation) =>
    operation.bodies.map((body) => ({
      operation,
      body,
      send: (sent) =>
        server.call<Json>(
          operation.method,
          pathOf(operation.path, examplesOf(operation, 'path', operations)) +
            queryOf(examplesOf(operation, 'query', operations)),
          {
            headers: {
              ...keyOf(operation),
              ...examplesOf(operation, 'header', operations),
              'content-type': body.type,
            },
            body: sent,
          },
        ),
    })),
  );

/** Refused whole, or every part of it by its place. */
function isRefused({ status, body }: Answer<Json>): boolean {
  if (status >= 400 && status < 500) return true;
  if (status !== 200 || !isObject(body)) return false;
  const { rejected, results } = body;
  if (Array.isArray(rejected)) return rejected.length > 0;
  return Array.isArray(results) && results.some((result) => isObject(result) && result['status'] === 'rejected');
}

/** The shortest of several tries; no more of them once one is short enough. */
async function bestMs(work: () => Promise<unknown>, enoughMs = 0): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at < TRIES && best > enoughMs; at++) {
    const startedAt = performance.now();
    await work();
    best = Math.min(best, performance.now() - startedAt);
  }
  return best;
}

test('bombs are refused on every route that takes a body, and soon', async () => {
  const document = await readDocument(server);
  const targets = targetsOf(document);
  expect(targets.length).toBeGreaterThan(15);
  const plainMs = await bestMs(() =>
    server.call('GET', '/admin/journeys', { headers: { authorization: 'Bearer sk_local' } }),
  );
  const faults: string[] = [];
  for (const { operation, body, send } of targets)
    for (const [what, bomb] of BOMBS) {
      const said = `${operation.id} (${body.type}), ${what}`;
      const ms = await bestMs(async () => {
        const answer = await send(bomb);
        const fault = faultOf(document, operation, answer);
        if (fault !== null) faults.push(`${said}: ${fault}`);
        if (!isRefused(answer) || (what.startsWith('gzip') && answer.status !== 413))
          faults.push(`${said}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }, plainMs + COST_MS_MAX);
      if (ms - plainMs > COST_MS_MAX) faults.push(`${said}: ${ms} ms, a plain call ${plainMs} ms`);
    }
  expect(faults).toEqual([]);
});

/** The value once for each object in it, with a member __proto__ in that one. */
function poisoned(value: Json): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.entries(value).flatMap(([name, inner]) =>
    poisoned(inner).map((other) =>
      Array.isArray(value) ? value.with(Number(name), other) : { ...value, [name]: other },
    ),
  );
  if (Array.isArray(value)) return inside;
  const here = { ...value };
  Object.defineProperty(here, '__proto__', { value: { polluted: 1 }, enumerable: true });
  return [here, ...inside];
}

test('a member named __proto__ is refused in every object of every body', async () => {
  const document = await readDocument(server);
  const faults: string[] = [];
  let sent = 0;
  for (const { operation, body, send } of targetsOf(document)) {
    const lines = body.type === 'application/x-ndjson';
    const [first = ''] = lines ? String(body.example).split('\n') : [];
    for (const bad of poisoned(lines ? JSON.parse(first) : body.example)) {
      const text = JSON.stringify(bad);
      const answer = await send(text);
      sent++;
      const fault = faultOf(document, operation, answer);
      if (fault !== null) faults.push(fault);
      else if (!isRefused(answer)) faults.push(`${operation.id} took ${text} with ${answer.status}`);
    }
  }
  expect(faults).toEqual([]);
  expect(sent).toBeGreaterThan(50);
  for (const path of [
    '/admin/customers/u%3Acustomer-1/timeline',
    '/admin/content',
    '/admin/journeys/welcome',
    '/admin/events',
  ])
    expect((await server.call('GET', path, { headers: { authorization: 'Bearer sk_local' } })).text).not.toContain(
      'polluted',
    );
});
