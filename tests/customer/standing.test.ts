// The short way of asking where a customer stands: it says what the long way says, or that the long way is to be taken.

import { beforeAll, expect, it } from 'vitest';
import { CUSTOMER_RATE } from '../../schema/limits.ts';
import { ASK_BY_RPC, questionUrl, readQuestionUrl, standingBody } from '../../workers/customer/standing.ts';
import { known } from './merging.ts';
import { catalogVersion, eventOf, evict, freshName, ingest, objectOf, passTime, prepare, send } from './object.ts';

beforeAll(() =>
  prepare([
    {
      id: 'shop',
      entry: [{ event: 'Start' }],
      initial: 'first',
      stages: { first: { after: [{ delay: 'PT1H', to: 'second' }] }, second: {} },
    },
  ]),
);

const ask = (id: string, version = catalogVersion()): Promise<Response> => {
  const question = { catalogVersion: version, proven: true, startedAt: Date.now(), requestId: 'r-1', decide: null };
  return objectOf(id).fetch(questionUrl(question) ?? '');
};

const bothWays = async (id: string): Promise<readonly unknown[]> => {
  const response = await ask(id);
  return [response.status, await response.text(), await objectOf(id).standing(catalogVersion(), true)];
};

it('says the same as the long way, and fires first what fell due', async () => {
  const id = freshName();
  await send(id, 'Start');
  const first = JSON.stringify({ id, stages: { shop: 'first' } });
  expect(await bothWays(id)).toEqual([200, standingBody(first), first]);
  passTime(3_600_000);
  const second = JSON.stringify({ id, stages: { shop: 'second' } });
  expect(await bothWays(id)).toEqual([200, standingBody(second), second]);
});

it('carries the timing and the id of the request', async () => {
  const id = freshName();
  await send(id, 'Start');
  const { headers } = await ask(id);
  expect(headers.get('x-request-id')).toBe('r-1');
  expect(headers.get('server-timing')).toBe('total;dur=0');
  expect(headers.get('content-type')).toBe('application/json');
});

it('refers to the long way after an eviction, after a merge, and for a catalog nobody here has seen', async () => {
  const id = freshName();
  await send(id, 'Start');
  expect((await ask(id, 1_000_000)).status).toBe(ASK_BY_RPC);
  await evict(id);
  expect((await ask(id)).status).toBe(ASK_BY_RPC);
  await objectOf(id).standing(catalogVersion(), true);
  expect((await ask(id)).status).toBe(200);

  const visitor = freshName('a');
  await send(visitor, 'Start');
  await ingest(id, [known(visitor)]);
  expect((await ask(visitor)).status).toBe(ASK_BY_RPC);
});

it('writes nothing, and an unknown customer stays unknown', async () => {
  const id = freshName();
  await objectOf(id).standing(catalogVersion(), true);
  expect(await (await ask(id)).text()).toBe(standingBody(JSON.stringify({ id, stages: {} })));
  expect(await objectOf(id).describe()).toBeNull();
});

it('refuses a flood, and any other address', async () => {
  const id = freshName();
  for (let left = CUSTOMER_RATE.burstEvents; left > 0; left -= 500)
    await ingest(
      id,
      Array.from({ length: Math.min(500, left) }, () => eventOf('Start', { messageId: 'same' })),
    );
  expect((await ask(id)).status).toBe(503);
  expect((await objectOf(id).fetch('https://customer/standing/1')).status).toBe(404);
});

it('an address and its question are one', () => {
  const question = { catalogVersion: 3, proven: false, startedAt: 5, requestId: 'a/b+c=_.d' };
  const wording = { origin: 'https://shop.example', evidence: true };
  const request = {
    placements: ['a/b', 'ü?#%'],
    context: { locale: 'de' },
    locales: ['de'],
    record: 'nothing' as const,
  };
  for (const decide of [null, { request, wording }])
    expect(readQuestionUrl(questionUrl({ ...question, decide }) ?? '')).toEqual({ ...question, decide });
  const long = { request: { ...request, context: { text: 'x'.repeat(5_000) } }, wording };
  expect(questionUrl({ ...question, decide: long })).toBeNull();
  expect(readQuestionUrl('https://customer/other/1/1/1')).toBeNull();
  expect(readQuestionUrl('https://other/1/1/1/1/')).toBeNull();
});
