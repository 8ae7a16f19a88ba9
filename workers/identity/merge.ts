// How two customers' objects come to be one: what the source answers, what the target does with the answer. Pure: states
// and messages are data, so that a test can deliver, repeat, delay and lose them in any order. What is handed over and how
// it is kept is workers/customer/move.ts. Invariant: an object that was promised to another one is promised nothing, so
// redirects form no circle.

/** What an object knows of itself when it is asked to hand over. */
export interface Source {
  readonly id: string;
  readonly movedTo: string | null;
  /** Everything has been handed over to `movedTo`. */
  readonly released: boolean;
  /** It has begun to take over others that are known, and has not finished. */
  readonly takesOver: boolean;
}

export interface Ask {
  readonly target: string;
  /** Those the target has taken over whole: who forwards to one of them may as well forward to it. */
  readonly instead: readonly string[];
  /** Somebody has just identified (GM4): who merely goes on with a merge takes no visitor from another user. */
  readonly turns: boolean;
}

export type Grant =
  /** Nothing was ever recorded. */
  | { readonly kind: 'nothing' }
  /** The target has it all; what comes is forwarded to it. */
  | { readonly kind: 'yours' }
  | { readonly kind: 'taken'; readonly by: string }
  /** GM5: it takes over somebody itself; only who holds nothing open is given away. */
  | { readonly kind: 'busy' }
  /** A page; where `redirect` is set, from now on everything is forwarded to the target. */
  | { readonly kind: 'give'; readonly redirect: boolean }
  /** GM4: what came belongs to `from`; what comes goes to the target. `from` is told before. */
  | { readonly kind: 'turn'; readonly from: string }
  /** GM6: there is nothing left to give, but forwarding becomes shorter. */
  | { readonly kind: 'point' };

export const isAnonymous = (id: string): boolean => id.startsWith('a:');

/** What an object answers who asks for it (GM1 to GM6). Null: nothing was ever recorded under this id. */
export function granted(source: Source | null, { target, instead, turns }: Ask): Grant {
  if (!source || source.id === target) return { kind: 'nothing' };
  const { movedTo, released } = source;
  if (movedTo === null) return source.takesOver ? { kind: 'busy' } : { kind: 'give', redirect: true };
  if (movedTo === target) return released ? { kind: 'yours' } : { kind: 'give', redirect: false };
  if (instead.includes(movedTo)) return released ? { kind: 'point' } : { kind: 'give', redirect: true };
  if (turns && released && isAnonymous(source.id)) return { kind: 'turn', from: movedTo };
  return { kind: 'taken', by: movedTo };
}

/** What the target does with an answer that is no page. */
export interface Next {
  /** It has this one, and is who it forwards to: that is noted, so that whoever takes over the target knows. */
  readonly have: boolean;
  /** It no longer means to take this one over. */
  readonly drop: boolean;
  /** The one to take over instead: a merged customer's id stands for whom it became (GM3). */
  readonly follow: string | null;
  /** The caller is to come again. */
  readonly again: boolean;
}

const DONE: Next = { have: false, drop: true, follow: null, again: false };

export function afterAnswer(
  target: string,
  source: string,
  answer:
    | { readonly kind: 'nothing' | 'yours' }
    | { readonly kind: 'taken'; readonly by: string }
    | { readonly kind: 'busy' },
): Next {
  if (answer.kind === 'nothing') return DONE;
  if (answer.kind === 'yours') return { ...DONE, have: true };
  if (answer.kind === 'taken') {
    const follow = isAnonymous(source) || answer.by === target ? null : answer.by;
    return { ...DONE, follow };
  }
  // Of those who wait for each other in a circle one has a name that is greater than the next one's: it steps back.
  return { ...DONE, drop: target > source, again: true };
}

/** How far a target has come with a source. */
export interface Progress {
  readonly cursor: number;
  readonly done: boolean;
  readonly turned?: boolean;
}

/** GM3: whether what a customer who is taken over knows of an earlier source counts more than what the target knows. */
export function outweighs(brought: Progress, own: Progress | null): boolean {
  if (!own) return true;
  if (!own.done) return own.cursor === 0;
  return own.turned === true && brought.turned !== true;
}

/** How often a target follows from one merged customer to the next. */
export const FOLLOWED_MAX = 8;

/** Ranges of the numbers that entries were given here, ascending, with one more put to them. */
export function withRange(
  ranges: readonly (readonly [number, number])[],
  from: number,
  to: number,
): readonly (readonly [number, number])[] {
  if (to < from) return ranges;
  const last = ranges.at(-1);
  return last && last[1] + 1 === from ? [...ranges.slice(0, -1), [last[0], to]] : [...ranges, [from, to]];
}
