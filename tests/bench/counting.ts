// Our worker, unchanged, in an isolate where everything that is paid for is counted: the platform's own prototypes are
// wrapped, so nothing in workers/ knows of it. GET /bench/counts answers the counts and begins anew; that request is not
// counted. Only for `npm run bench -- cost`, whose throughput is never reported.
// An object counts as active from when it is called until its caller has the answer, commit included, and until the work
// it put off is over: that is longer than it runs.

import worker, { Customer as Measured } from '../../workers/index.ts';
import { type Counts, noCounts } from './counts.ts';

type Method = (this: object, ...args: unknown[]) => unknown;
type Env = ConstructorParameters<typeof Measured>[1];
type Methods = Record<string | symbol, Method>;

const MESSAGE_BYTES = 64_000;
/** What the platform adds to a message, by its pricing page. */
const METADATA_BYTES = 100;

let counts: Counts = noCounts();
/** Per object: what keeps it active, and since when. */
const active = new Map<string, { things: number; since: number }>();

function begin(name: string): void {
  const entry = active.get(name);
  if (entry === undefined) active.set(name, { things: 1, since: Date.now() });
  else entry.things += 1;
}

function end(name: string): void {
  const entry = active.get(name);
  if (entry === undefined) return;
  entry.things -= 1;
  if (entry.things > 0) return;
  counts.objectActiveMs += Date.now() - entry.since;
  active.delete(name);
}

/** Replaces a method on the prototype of `instance`, once. */
const wrapped = new WeakMap<object, Set<string | symbol>>();
function wrap(instance: object, name: string | symbol, make: (original: Method) => Method): void {
  const prototype: Methods = Object.getPrototypeOf(instance);
  const names = wrapped.get(prototype) ?? new Set();
  const original = prototype[name];
  if (names.has(name) || original === undefined) return;
  wrapped.set(prototype, names.add(name));
  prototype[name] = make(original);
}

interface Cursor {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}
interface Result {
  meta: { rows_read?: number; rows_written?: number };
  results: Record<string, unknown>[];
}

/** A cursor goes on reading while it is consumed, so what it read is counted when it is made and after each use. */
function watchCursor(cursor: Cursor): void {
  let read = cursor.rowsRead;
  counts.objectRowsRead += read;
  counts.objectRowsWritten += cursor.rowsWritten;
  const catchUp = (): void => {
    counts.objectRowsRead += cursor.rowsRead - read;
    read = cursor.rowsRead;
  };
  uses.set(cursor, catchUp);
}
const uses = new WeakMap<object, () => void>();

function watchStorage({ storage }: DurableObjectState): void {
  wrap(
    storage.sql,
    'exec',
    (exec) =>
      function (...args) {
        // SQLite's figures are those of the last statement, so several, each ended by a line's end, are run one by one.
        const [text, ...bindings] = args;
        const statements = String(text)
          .split(/;\s*\n/)
          .filter((part) => part.trim() !== '');
        for (const statement of statements.slice(0, -1)) watchCursor(exec.call(this, statement) as Cursor);
        const cursor = exec.call(this, statements.at(-1), ...bindings) as Cursor;
        for (const name of ['toArray', 'one', 'next'])
          wrap(
            cursor,
            name,
            (use) =>
              function (...given) {
                const value = use.apply(this, given);
                uses.get(this)?.();
                return value;
              },
          );
        watchCursor(cursor);
        return cursor;
      },
  );
  for (const name of ['setAlarm', 'deleteAlarm'])
    wrap(
      storage,
      name,
      (set) =>
        function (...args) {
          counts.alarmsSet += 1;
          counts.objectRowsWritten += 1;
          return set.apply(this, args);
        },
    );
}

function watchAfterwards(ctx: DurableObjectState): void {
  wrap(
    ctx,
    'waitUntil',
    (waitUntil) =>
      function (work) {
        const name = (this as DurableObjectState).id.name ?? '';
        begin(name);
        return waitUntil.call(
          this,
          Promise.resolve(work).finally(() => end(name)),
        );
      },
  );
}

function watchDatabase(db: D1Database): void {
  const add = ({ meta }: Result): void => {
    counts.databaseRowsRead += meta.rows_read ?? 0;
    counts.databaseRowsWritten += meta.rows_written ?? 0;
  };
  wrap(
    db,
    'batch',
    (batch) =>
      async function (...args) {
        const results = (await batch.apply(this, args)) as Result[];
        for (const result of results) add(result);
        return results;
      },
  );
  const statement = db.prepare('SELECT 1');
  for (const name of ['all', 'run'])
    wrap(
      statement,
      name,
      (ask) =>
        async function (...args) {
          const result = (await ask.apply(this, args)) as Result;
          add(result);
          return result;
        },
    );
  // These two answer without the figures: the first asks again through `all`, of the other the rows it gives are counted.
  wrap(
    statement,
    'first',
    () =>
      async function (column) {
        const { results } = await (this as D1PreparedStatement).all();
        const row = results[0] ?? null;
        return row !== null && typeof column === 'string' ? row[column] : row;
      },
  );
  wrap(
    statement,
    'raw',
    (raw) =>
      async function (...args) {
        const rows = (await raw.apply(this, args)) as unknown[];
        counts.databaseRowsRead += rows.length;
        return rows;
      },
  );
}

const operationsOf = (body: unknown): number =>
  Math.ceil((JSON.stringify(body).length + METADATA_BYTES) / MESSAGE_BYTES);

/** A message is written and deleted once; it is read as often as it is delivered. */
function watchQueue(queue: object): void {
  wrap(
    queue,
    'send',
    (send) =>
      function (body, ...args) {
        counts.queueOperations += 2 * operationsOf(body);
        return send.call(this, body, ...args);
      },
  );
}

function watchCalls(namespace: object): void {
  wrap(
    namespace,
    'getByName',
    (getByName) =>
      function (...args) {
        const name = String(args[0]);
        return new Proxy(getByName.apply(this, args) as Methods, {
          get:
            (stub, method) =>
            async (...given: unknown[]): Promise<unknown> => {
              counts.objectRequests += 1;
              begin(name);
              try {
                return await stub[method]?.(...given);
              } finally {
                end(name);
              }
            },
        });
      },
  );
}

function watchBindings(env: Env): void {
  watchDatabase(env.DB);
  watchQueue(env.PROJECTIONS);
  watchCalls(env.CUSTOMER);
}

export class Customer extends Measured {
  constructor(ctx: DurableObjectState, env: Env) {
    watchStorage(ctx);
    watchAfterwards(ctx);
    watchBindings(env);
    super(ctx, env);
  }

  override async alarm(): Promise<void> {
    const name = this.ctx.id.name ?? '';
    counts.objectRequests += 1;
    begin(name);
    try {
      await super.alarm();
    } finally {
      end(name);
    }
  }
}

export default {
  async fetch(request, env, ctx): Promise<Response> {
    if (new URL(request.url).pathname === '/bench/counts') {
      const answer = Response.json(counts);
      counts = noCounts();
      return answer;
    }
    watchBindings(env);
    counts.workerRequests += 1;
    return worker.fetch(request, env, ctx);
  },
  async queue(batch, env): Promise<void> {
    watchBindings(env);
    counts.workerRequests += 1;
    for (const { body } of batch.messages) counts.queueOperations += operationsOf(body);
    await worker.queue(batch, env);
  },
} satisfies Required<Pick<typeof worker, 'fetch' | 'queue'>>;
