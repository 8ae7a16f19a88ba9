// The real system as `npm start` runs it, for tests over HTTP: a child in a process group of its own, on a fresh folder
// and a free port of 127.0.0.1. Can be killed the hard way and started again on what it left. Nothing here waits for the
// system's state; the two waits there are (start-up, the end of a process) are bounded.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Decisions, Described, EventStatus } from '../../workers/customer/messages.ts';
import {
  childrenOf,
  END_MS_MAX,
  freePort,
  hasEnded,
  type Process,
  RETRY_MS,
  START_MS_MAX,
  spawnStart,
} from './process.ts';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; null where it is not JSON. */
  readonly body: T;
}

export interface Call {
  /** A string or bytes travel as they are, everything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly findings?: readonly {
    readonly code: string;
    readonly pointer: string;
    readonly message: string;
    readonly remedy: string;
  }[];
}

export interface Ingested {
  readonly results: readonly {
    readonly messageId: string | null;
    readonly status: EventStatus | 'rejected';
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  }[];
  readonly customer: { readonly id: string; readonly stages: Readonly<Record<string, string>> };
  readonly decisions?: Decisions;
  readonly degraded: boolean;
}

export interface Decided {
  readonly customer: { readonly id: string; readonly stages: Readonly<Record<string, string>> };
  readonly decisions: Decisions;
  readonly degraded: boolean;
}

export interface Moved {
  readonly now: string;
  readonly timersFired: number;
}

export interface TimelineEntry {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly [member: string]: unknown;
}

export interface TimelinePage {
  readonly entries: readonly TimelineEntry[];
  readonly next: number | null;
}

export interface Transition {
  readonly from: string | null;
  readonly to: string | null;
  readonly at: string;
}

export interface Who {
  readonly userId?: string;
  readonly anonymousId?: string;
}

export type Funnel = Readonly<Record<string, Readonly<Record<string, number>>>>;

const ADMIN = { authorization: 'Bearer sk_local' };
const WRITE = { authorization: `Basic ${btoa('wk_local:')}` };

export interface Server {
  readonly state: string;
  readonly address: () => string;
  /** Node's process; its workerd is a child of it. */
  readonly pid: () => number;
  /** Its processes below Node's. */
  readonly children: () => number[];
  /** What it has printed since it was started. */
  readonly said: () => string;
  /** Resolves once it has printed this text. */
  readonly hears: (text: string) => Promise<void>;

  readonly start: () => Promise<void>;
  /** kill -9 of Node, workerd and everything else in the group. */
  readonly kill9: () => Promise<void>;
  /** kill -9 of Node alone. @returns the processes it leaves behind, which have to end by themselves */
  readonly killOnly: () => Promise<number[]>;
  /** On the same folder and port; what still runs is killed first. */
  readonly restart: () => Promise<void>;
  /** Ends as an operator ends it. @returns the exit code; null when a signal had to do it */
  readonly stop: (signal?: 'SIGTERM' | 'SIGINT') => Promise<number | null>;
  /** Ends the server and removes its folder. */
  readonly remove: () => Promise<void>;

  /** One call as it is, with no key of its own. */
  readonly call: <T>(method: string, path: string, call?: Call) => Promise<Answer<T>>;
  /** A POST with the write key. */
  readonly site: <T>(path: string, body: unknown) => Promise<Answer<T>>;
  readonly admin: <T>(method: string, path: string, body?: unknown) => Promise<Answer<T>>;
  /** POST /v1/events; the call has to be taken. */
  readonly ingest: (events: readonly object[], more?: object) => Promise<Ingested>;
  readonly decide: (who: Who, placements: readonly string[], locale?: string) => Promise<Decided>;
  /** Moves the clock; answers when everything due has fired and the index is up to date. */
  readonly advance: (duration: string) => Promise<Moved>;
  /** Milliseconds. */
  readonly now: () => Promise<number>;
  readonly describe: (id: string) => Promise<Described>;
  /** The whole timeline, oldest first. */
  readonly timeline: (id: string) => Promise<TimelineEntry[]>;
  /** Message ids of the events in the timeline, oldest first. */
  readonly messageIds: (id: string) => Promise<string[]>;
  readonly transitions: (id: string, journey?: string) => Promise<Transition[]>;
  /** Brings the index up to date, then counts. */
  readonly funnel: () => Promise<Funnel>;
  /** @returns the version it got */
  readonly publish: (journey: object) => Promise<number>;
}

/** @param environment what its process gets beyond that of the tests */
export function newServer(environment: Readonly<Record<string, string>> = {}): Server {
  const state = mkdtempSync(join(tmpdir(), 'waymark-test-'));
  let port = 0;
  let running: Process | null = null;
  const address = () => `http://127.0.0.1:${port}`;

  const pid = (): number => {
    const id = running?.child.pid;
    if (id === undefined) throw new Error('the server is not running');
    return id;
  };

  async function start(): Promise<void> {
    port ||= await freePort();
    running = spawnStart(state, port, environment);
    for (const until = Date.now() + START_MS_MAX; ; await delay(RETRY_MS)) {
      const answer = await fetch(`${address()}/healthz`).catch(() => null);
      if (answer?.status === 200) return;
      if (hasEnded(running.child) || Date.now() > until)
        throw new Error(`the server did not start:\n${running.said()}`);
    }
  }

  async function end(kill: (pid: number) => void): Promise<ChildProcess | null> {
    const child = running?.child ?? null;
    running = null;
    if (!child?.pid || hasEnded(child)) return child;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(END_MS_MAX) });
    kill(child.pid);
    await ended;
    return child;
  }

  const kill9 = async (): Promise<void> => void (await end((id) => process.kill(-id, 'SIGKILL')));

  async function call<T>(method: string, path: string, { body, headers = {} }: Call = {}): Promise<Answer<T>> {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(address() + path, {
      redirect: 'manual',
      method,
      headers,
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    // A test says what it expects of a body; where that is not so, what it asserts fails.
    return { status: response.status, headers: response.headers, text, body: jsonOf(text) as T };
  }

  const site = <T>(path: string, body: unknown) => call<T>('POST', path, { body, headers: WRITE });
  const admin = <T>(method: string, path: string, body?: unknown) => call<T>(method, path, { body, headers: ADMIN });

  async function successful<T>(answer: Promise<Answer<T>>, status = 200): Promise<T> {
    const { status: got, text, body } = await answer;
    expect(got, text).toBe(status);
    return body;
  }

  const customer = (id: string) => `/admin/customers/${encodeURIComponent(id)}`;
  const advance = (duration: string) => successful(admin<Moved>('POST', '/admin/clock', { advance: duration }));

  async function timeline(id: string): Promise<TimelineEntry[]> {
    const entries: TimelineEntry[] = [];
    for (let cursor = ''; ; ) {
      const page = await successful(admin<TimelinePage>('GET', `${customer(id)}/timeline?limit=200${cursor}`));
      entries.push(...page.entries);
      if (page.next === null) return entries.reverse();
      cursor = `&cursor=${page.next}`;
    }
  }

  return {
    state,
    address,
    pid,
    said: () => running?.said() ?? '',
    hears: (text) => running?.hears(text) ?? Promise.reject(new Error('the server is not running')),
    start,
    kill9,
    children: () => childrenOf(pid()),
    killOnly: async () => {
      const children = childrenOf(pid());
      await end((id) => process.kill(id, 'SIGKILL'));
      return children;
    },
    restart: async () => {
      await kill9();
      await start();
    },
    stop: async (signal = 'SIGTERM') => (await end((id) => process.kill(id, signal)))?.exitCode ?? null,
    remove: async () => {
      await end((id) => process.kill(id, 'SIGTERM'));
      rmSync(state, { recursive: true, force: true });
    },
    call,
    site,
    admin,
    ingest: (events, more = {}) => successful(site<Ingested>('/v1/events', { events, ...more })),
    decide: (who, placements, locale) =>
      successful(
        site<Decided>('/v1/decide', { ...who, placements, ...(locale === undefined ? {} : { context: { locale } }) }),
      ),
    advance,
    now: async () => Date.parse((await successful(admin<Moved>('GET', '/admin/clock'))).now),
    describe: (id) => successful(admin<Described>('GET', customer(id))),
    timeline,
    messageIds: async (id) =>
      (await timeline(id)).filter(({ kind }) => kind === 'event').map(({ messageId }) => String(messageId)),
    transitions: async (id, journey = 'lifecycle') =>
      (await timeline(id))
        .filter((entry) => entry.kind === 'transition' && entry.journey === journey)
        .map(({ from, to, at }) => ({ from: textOrNull(from), to: textOrNull(to), at })),
    funnel: async () => {
      await advance('PT1S');
      return (await successful(admin<{ journeys: Funnel }>('GET', '/admin/funnel'))).journeys;
    },
    publish: async (journey) =>
      (await successful(admin<{ version: number }>('POST', '/admin/journeys/publish', { journey }), 201)).version,
  };
}

/** One server for a file's tests, which use a customer of their own each. */
export function useServer(environment: Readonly<Record<string, string>> = {}): Server {
  const server = newServer(environment);
  beforeAll(() => server.start());
  afterAll(() => server.remove());
  return server;
}

let names = 0;
/** A name nobody else in this file has. */
export const fresh = (prefix: string): string => `${prefix}-${++names}`;

export interface Message {
  readonly messageId: string;
  readonly type: string;
  readonly [member: string]: unknown;
}

export const message = (who: Who, type: string, more: object = {}): Message => ({
  messageId: fresh('m'),
  type,
  ...more,
  ...who,
});

export const track = (who: Who, event: string, properties: object = {}, more: object = {}): Message =>
  message(who, 'track', { event, properties, ...more });

/** D1 as the system keeps it on disk; it may run meanwhile. */
export function openD1(server: Server): DatabaseSync {
  const [file] = filesOf(server, 'd1');
  if (file === undefined) throw new Error('there is no D1 yet');
  return new DatabaseSync(file);
}

/** The databases of the objects below a folder of the state. */
export function filesOf(server: Server, folder: string): string[] {
  return readdirSync(join(server.state, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.sqlite') && !path.endsWith('metadata.sqlite'))
    .map((path) => join(server.state, folder, path));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Every call of a site that takes a body. */
export const SITE_ROUTES: readonly string[] = [
  'events',
  'decide',
  'batch',
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
  ...['t', 'i', 'p', 's', 'g', 'a', 'b'],
]
  .map((name) => `/v1/${name}`)
  .concat('/beacon/v1/batch');

/** An error as everyone gets it (RFC 9457), with no word about the inside. */
export function expectProblem(answer: Answer<Problem>, status: number | readonly number[]): Problem {
  const { body, text, headers } = answer;
  expect([status].flat(), text).toContain(answer.status);
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body).toMatchObject({
    type: expect.stringMatching(/^urn:waymark:problem:[a-z-]+$/),
    title: expect.stringMatching(/\w/),
    status: answer.status,
    detail: expect.stringMatching(/\w/),
  });
  expect(text).not.toMatch(/\.ts\b|\.js\b|\n\s*at |node_modules|D1_ERROR|SQLITE/);
  return body;
}
