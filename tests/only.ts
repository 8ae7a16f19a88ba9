// Stand-ins for what a test's worker meets, of which only what the test gives may be asked for.

/** A `T` with these members: asking for any other is a fault of the test, and says so. */
export const only = <T extends object>(members: { readonly [name in keyof T]?: unknown }): T =>
  new Proxy(members as T, {
    get: (target, name) => {
      // What a promise is told by.
      if (name === 'then' || typeof name === 'symbol') return undefined;
      if (!Reflect.has(target, name)) throw new Error(`the test's stand-in has no ${name}`);
      return Reflect.get(target, name);
    },
  });
