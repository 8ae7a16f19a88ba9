// The mix must be the same for both subjects and look like what sites send; the reference lifecycle must be right, for
// it is the judge of every run.

import { expect, test } from 'vitest';
import { parseAnswer } from './client.ts';
import { expectStage } from './lifecycle.ts';
import { makeMix, type ShopEvent } from './mix.ts';

const options = { seed: 7, customers: 200, eventsPerCustomer: 10, endsAtMs: Date.UTC(2026, 10, 20) };

test('a seed gives the same events, another seed others', () => {
  expect(makeMix(options)).toEqual(makeMix(options));
  expect(makeMix({ ...options, seed: 8 })).not.toEqual(makeMix(options));
});

test('events have 300 to 600 bytes and message ids of their own', () => {
  const events = makeMix(options).flatMap((shopper) => shopper.events);
  const sizes = events.map((event) => JSON.stringify(event).length);
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(300);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(600);
  expect(new Set(events.map(({ messageId }) => messageId)).size).toBe(events.length);
});

test('a run ends with customers in every stage that events alone can reach', () => {
  const stages = new Set(makeMix(options).map(({ events }) => expectStage(events)));
  expect(stages).toEqual(new Set(['awareness', 'decision', 'purchase']));
});

test.each([
  [['Products Searched'], undefined],
  [['page', 'Products Searched'], 'awareness'],
  [['Product Viewed', 'Product Viewed'], 'awareness'],
  [['Product Viewed', 'page', 'Product Viewed', 'Product Viewed'], 'decision'],
  [['Product Added'], 'decision'],
  [['Checkout Started', 'page'], 'decision'],
  [['Order Completed'], 'purchase'],
  [['Order Completed', 'Product Added', 'page'], 'purchase'],
] as const)('after %j a customer is in %s', (names, stage) => {
  expect(expectStage(names.map((name, index) => makeEvent(name, index * 60_000)))).toBe(stage);
});

test('a view seven days ago no longer counts', () => {
  const views = [0, 1, 7 * 24 * 60].map((minutes) => makeEvent('Product Viewed', minutes * 60_000));
  expect(expectStage(views)).toBe('awareness');
});

test('an answer is read whole, by length and in chunks, and not before', () => {
  const byLength = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"a"}';
  const chunked = 'HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n2\r\n"}\r\n0\r\n\r\n';
  expect(parseAnswer(byLength)).toEqual({ status: 200, body: '{"a"}' });
  expect(parseAnswer(chunked)).toEqual({ status: 503, body: '{"a"}' });
  for (const answer of [byLength, chunked]) {
    for (let end = 0; end < answer.length; end++) expect(parseAnswer(answer.slice(0, end))).toBeUndefined();
  }
});

function makeEvent(name: string, atMs: number): ShopEvent {
  const call = name === 'page' ? { type: 'page' as const } : { type: 'track' as const, event: name };
  const ids = { messageId: String(atMs), userId: 'ada', anonymousId: 'a-1' };
  return { ...call, ...ids, properties: {}, context: {}, timestamp: new Date(atMs).toISOString() };
}
