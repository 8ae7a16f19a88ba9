// A network of made-up customers who become each other by the rules of workers/identity/merge.ts. Every step between two
// awaits of the objects is one step here: calls are delivered late, in any order, their answers are lost, objects are
// thrown out of memory in the middle. What an object holds is a list of entries, so that one taken twice is seen.
// Not the objects themselves: tests/customer/merge-graphs.test.ts drives those.

import { afterAnswer, type Grant, granted, isAnonymous, outweighs } from '../../workers/identity/merge.ts';

interface Move {
  cursor: number;
  done: boolean;
  turned?: boolean;
}

export interface Node {
  readonly id: string;
  movedTo: string | null;
  released: boolean;
  entries: string[];
  readonly moves: Map<string, Move>;
  readonly outbox: Set<string>;
}

type Call =
  | {
      readonly method: 'ingest';
      readonly events: readonly string[];
      readonly merges: readonly string[];
      readonly via: string | null;
    }
  | {
      readonly method: 'handOver';
      readonly target: string;
      readonly cursor: number;
      readonly instead: readonly string[];
      readonly turns: boolean;
    }
  | { readonly method: 'release'; readonly target: string; readonly instead: readonly string[] }
  | { readonly method: 'turned' | 'adopt'; readonly source: string }
  | { readonly method: 'wake' };

interface Page {
  readonly kind: 'page';
  readonly entries: readonly string[];
  readonly cursor: number;
  readonly rest: readonly (readonly [string, Move])[] | null;
}
type Answer =
  | Exclude<Grant, { kind: 'give' | 'turn' | 'point' }>
  | Page
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'again' };

interface Ask {
  readonly to: string;
  readonly call: Call;
}
type Steps = Generator<Ask, Answer, Answer>;

interface Process {
  readonly node: Node;
  readonly steps: Steps;
  readonly answerTo: ((answer: Answer | null) => void) | null;
  /** What it goes on with; undefined while it waits. */
  next: { readonly answer: Answer | null } | undefined;
}

const PAGE = 2;
const OVER: Answer = { kind: 'done', id: '' };
const AGAIN: Answer = { kind: 'again' };

class Lost extends Error {}

/** An entry is an event and the how-manieth time anything was applied. */
export const eventOf = (entry: string): string => entry.split('#')[0] ?? '';

export interface Network {
  readonly nodes: ReadonlyMap<string, Node>;
  /** Sends a call from outside; the answer, or null where it was lost. */
  readonly send: (to: string, call: Call, answered: (answer: Answer | null) => void) => void;
  /** One step of something, by `draw`, which gives a whole number below its argument. @returns false where nothing is left */
  readonly step: (draw: (below: number) => number) => boolean;
  /** Throws an object out of memory: what it did is as far as it came, what it had sent is on its way. */
  readonly crash: (id: string) => void;
  /** Objects whose alarm is set. */
  readonly waking: () => string[];
  readonly steps: () => number;
}

export function makeNetwork(): Network {
  const nodes = new Map<string, Node>();
  let processes: Process[] = [];
  let calls: { readonly ask: Ask; readonly answered: (answer: Answer | null) => void }[] = [];
  /** Sources an object takes over at the moment; memory. */
  const adopting = new Map<string, Set<string>>();
  let taken = 0;
  let applied = 0;

  const nodeOf = (id: string): Node => {
    const known = nodes.get(id);
    if (known) return known;
    const node: Node = { id, movedTo: null, released: false, entries: [], moves: new Map(), outbox: new Set() };
    nodes.set(id, node);
    return node;
  };

  function* handle(node: Node, call: Call): Steps {
    switch (call.method) {
      case 'ingest':
        return yield* ingest(node, call);
      case 'handOver':
        return yield* handOver(node, call);
      case 'release':
        release(node, call);
        return node.movedTo === null || node.movedTo === call.target ? OVER : { kind: 'taken', by: node.movedTo };
      case 'turned': {
        if (node.movedTo !== null) return yield { to: node.movedTo, call };
        const move = node.moves.get(call.source);
        if (move?.done) move.turned = true;
        return OVER;
      }
      case 'adopt': {
        if (call.source === node.id) {
          takeBack(node);
          return OVER;
        }
        if (node.movedTo !== null) return yield { to: node.movedTo, call };
        return yield* adoptSource(node, call.source, false);
      }
      case 'wake':
        return yield* wake(node);
    }
  }

  const takeBack = (node: Node): void => {
    if (node.movedTo !== null && !node.released) node.movedTo = null;
  };

  function* ingest(node: Node, call: Extract<Call, { method: 'ingest' }>): Steps {
    if (call.via === node.id) takeBack(node);
    const via = call.via ?? node.id;
    if (node.movedTo !== null) return yield { to: node.movedTo, call: { ...call, via } };
    if (call.via !== null) yield* adoptSource(node, call.via, false);
    for (const source of call.merges) if ((yield* adoptSource(node, source, true)).kind === 'again') return AGAIN;
    if (node.movedTo !== null) return yield { to: node.movedTo, call: { ...call, via } };
    for (const event of call.events)
      if (!node.entries.some((entry) => eventOf(entry) === event)) node.entries.push(`${event}#${++applied}`);
    return { kind: 'done', id: node.id };
  }

  function* handOver(node: Node, { target, cursor, instead, turns }: Extract<Call, { method: 'handOver' }>): Steps {
    const source = () => {
      const takesOver = [...node.moves].some(([id, { done }]) => !done && !isAnonymous(id));
      const isNew = node.entries.length === 0 && node.moves.size === 0 && node.movedTo === null;
      return isNew ? null : { id: node.id, movedTo: node.movedTo, released: node.released, takesOver };
    };
    let grant = granted(source(), { target, instead, turns });
    if (grant.kind === 'turn') {
      const { from } = grant;
      yield { to: from, call: { method: 'turned', source: node.id } };
      grant = granted(source(), { target, instead, turns });
      if (grant.kind === 'turn' && grant.from !== from) return { kind: 'busy' };
    }
    if (grant.kind !== 'give' && grant.kind !== 'turn' && grant.kind !== 'point') return grant;
    if (grant.kind !== 'give' || grant.redirect) node.movedTo = target;
    if (grant.kind !== 'give') return { kind: 'yours' };
    const entries = node.entries.slice(cursor, cursor + PAGE);
    const isLast = entries.length < PAGE;
    const rest = isLast ? [...node.moves].map(([id, move]) => [id, { ...move }] as const) : null;
    return { kind: 'page', entries, cursor: cursor + entries.length, rest };
  }

  const release = (node: Node, { target, instead }: Extract<Call, { method: 'release' }>): void => {
    if (node.movedTo === target) node.released = true;
    else if (node.movedTo !== null && instead.includes(node.movedTo)) {
      node.movedTo = target;
      node.released = true;
    }
  };

  const whole = (node: Node): string[] =>
    [...node.moves].filter(([id, { done }]) => done && !isAnonymous(id)).map(([id]) => id);

  function* adoptSource(node: Node, source: string, turns: boolean): Steps {
    const followed = new Set<string>();
    for (let next: string | null = source; next !== null && next !== node.id; ) {
      const under: Set<string> = adopting.get(node.id) ?? new Set();
      adopting.set(node.id, under);
      // The objects wait for the one that runs; whoever comes again finds it done.
      if (under.has(next)) return AGAIN;
      under.add(next);
      const answer: Answer = yield* adopt(node, next, turns);
      under.delete(next);
      if (answer.kind === 'again') return AGAIN;
      if (answer.kind !== 'taken') return OVER;
      if (followed.has(answer.by) || followed.size >= 8) return AGAIN;
      followed.add(answer.by);
      next = answer.by;
    }
    return OVER;
  }

  function* adopt(node: Node, source: string, turns: boolean): Steps {
    for (;;) {
      const before = node.moves.get(source);
      if (node.movedTo !== null || (before?.done && !before.turned)) return OVER;
      if (!before && !isAnonymous(source)) {
        node.moves.set(source, { cursor: 0, done: false });
        node.outbox.add(`adopt ${source}`);
      }
      const cursor = before?.cursor ?? 0;
      const page: Answer = yield {
        to: source,
        call: { method: 'handOver', target: node.id, cursor, instead: whole(node), turns },
      };
      if (page.kind !== 'page') {
        if (page.kind === 'done' || page.kind === 'again') throw new Error('no such answer');
        const next = afterAnswer(node.id, source, page);
        if (next.have && node.movedTo === null) have(node, source);
        else if (next.drop && node.movedTo === null) giveUp(node, source);
        if (next.again) return AGAIN;
        return next.follow === null ? OVER : { kind: 'taken', by: next.follow };
      }
      if (node.movedTo !== null) return OVER;
      const now = node.moves.get(source);
      if (now?.done || (now?.cursor ?? 0) !== cursor) continue;
      takePage(node, source, page);
      if (page.rest) return OVER;
    }
  }

  const giveUp = (node: Node, source: string): void => {
    const move = node.moves.get(source);
    if (move && !move.done && move.cursor === 0) node.moves.delete(source);
    node.outbox.delete(`adopt ${source}`);
  };

  const have = (node: Node, source: string): void => {
    node.moves.set(source, { cursor: node.moves.get(source)?.cursor ?? 0, done: true });
    node.outbox.delete(`adopt ${source}`);
  };

  const takePage = (node: Node, source: string, page: Page): void => {
    for (const entry of page.entries) {
      // An event that was sent twice is known by its message id. An entry that is taken twice is not, and stands there twice.
      const twin = node.entries.find((other) => eventOf(other) === eventOf(entry));
      if (twin === undefined || twin === entry) node.entries.push(entry);
    }
    taken += page.entries.length;
    node.moves.set(source, { cursor: page.cursor, done: page.rest !== null });
    if (!page.rest) return;
    node.outbox.delete(`adopt ${source}`);
    node.outbox.add(`release ${source}`);
    for (const [earlier, { cursor, done, turned = false }] of page.rest) {
      const own = node.moves.get(earlier);
      if (earlier === node.id || !outweighs({ cursor, done, turned }, own ?? null)) continue;
      node.moves.set(earlier, { cursor, done, turned });
      node.outbox.delete(`adopt ${earlier}`);
      node.outbox.add(`${done ? 'release' : 'adopt'} ${earlier}`);
    }
  };

  function* wake(node: Node): Steps {
    if (node.movedTo !== null && !node.released) yield { to: node.movedTo, call: { method: 'adopt', source: node.id } };
    for (const effect of [...node.outbox]) {
      const [kind = '', source = ''] = effect.split(' ');
      if (kind === 'release') {
        const answer: Answer = yield { to: source, call: { method: 'release', target: node.id, instead: whole(node) } };
        const move = node.moves.get(source);
        if (answer.kind === 'taken' && move?.done) move.turned = true;
        node.outbox.delete(effect);
      } else if (node.movedTo !== null || (yield* adoptSource(node, source, false)).kind !== 'again')
        node.outbox.delete(effect);
    }
    return OVER;
  }

  const advance = (process: Process): void => {
    const { next } = process;
    process.next = undefined;
    const end = (answer: Answer | null): void => {
      processes = processes.filter((other) => other !== process);
      process.answerTo?.(answer);
    };
    try {
      const result = next?.answer === null ? process.steps.throw(new Lost()) : process.steps.next(next?.answer ?? OVER);
      if (result.done) {
        end(result.value);
        return;
      }
      const answered = (answer: Answer | null): void => {
        process.next = { answer };
      };
      calls.push({ ask: result.value, answered });
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      adopting.delete(process.node.id);
      end(null);
    }
  };

  return {
    nodes,
    send: (to, call, answered) => void calls.push({ ask: { to, call }, answered }),
    step: (draw) => {
      const ready = processes.filter(({ next }) => next !== undefined);
      if (ready.length + calls.length === 0) return false;
      const chosen = draw(ready.length + calls.length);
      const process = ready[chosen];
      if (process) {
        advance(process);
        return true;
      }
      const call = calls[chosen - ready.length];
      calls = calls.filter((other) => other !== call);
      if (!call) return true;
      const node = nodeOf(call.ask.to);
      processes.push({ node, steps: handle(node, call.ask.call), answerTo: call.answered, next: { answer: OVER } });
      return true;
    },
    crash: (id) => {
      const dead = processes.filter(({ node }) => node.id === id);
      processes = processes.filter(({ node }) => node.id !== id);
      adopting.delete(id);
      for (const { answerTo } of dead) answerTo?.(null);
    },
    waking: () =>
      [...nodes.values()]
        .filter(({ movedTo, released, outbox }) => outbox.size > 0 || (movedTo !== null && !released))
        .map(({ id }) => id),
    steps: () => taken,
  };
}
