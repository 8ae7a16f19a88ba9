// Counts different things as they happen, and lets a test wait until there are so many: no polling, and with a bound, so
// that a thing that never comes is told by its count.

const WAIT_MS_MAX = 90_000;

export interface Counter {
  readonly count: () => number;
  /** A thing that was counted before counts no more. */
  readonly add: (thing: unknown) => void;
  readonly reached: (wanted: number) => Promise<void>;
}

export function newCounter(what: string): Counter {
  const things = new Set<unknown>();
  const waiting = new Set<() => void>();
  return {
    count: () => things.size,
    add: (thing) => {
      things.add(thing);
      for (const look of waiting) look();
    },
    reached: (wanted) =>
      new Promise((resolve, reject) => {
        const end = setTimeout(() => reject(new Error(`${what}: ${things.size} of ${wanted}`)), WAIT_MS_MAX);
        const look = () => {
          if (things.size < wanted) return;
          clearTimeout(end);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
