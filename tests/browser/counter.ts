// Counts different things as they happen, and lets a test wait until there are so many: no polling.

export interface Counter {
  readonly count: () => number;
  /** A thing that was counted before counts no more. */
  readonly add: (thing: unknown) => void;
  readonly reached: (wanted: number) => Promise<void>;
}

export function newCounter(): Counter {
  const things = new Set<unknown>();
  const waiting: { wanted: number; resolve: () => void }[] = [];
  return {
    count: () => things.size,
    add: (thing) => {
      things.add(thing);
      for (const { wanted, resolve } of waiting) if (things.size >= wanted) resolve();
    },
    reached: (wanted) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ wanted, resolve });
      if (things.size >= wanted) resolve();
      return promise;
    },
  };
}
