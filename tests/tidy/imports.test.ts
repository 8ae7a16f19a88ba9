// Which part may know which: dependencies point one way, the cores know nothing but the schema, and what runs in
// production cannot reach the local mode.

import { describe, expect, it } from 'vitest';
import { codeBelow, importsOf, packageOf, reachableFrom, readText } from './source.ts';

/** index -> api, delivery -> customer -> catalog -> decide, engine, knowledge -> schema. */
const POLICY_CORES = ['policies', 'accounts', 'consent', 'identity', 'pressure', 'privacy'];
const BELOW: Record<string, readonly string[]> = {
  schema: [],
  // The one place that reads the clock.
  clock: [],
  engine: ['schema'],
  // Traits and segments have conditions of the engine.
  knowledge: ['engine', 'schema'],
  // What holds for every customer, one core a subject; policies puts their sections together.
  accounts: ['engine', 'schema'],
  consent: ['engine', 'schema'],
  identity: ['engine', 'schema'],
  pressure: ['engine', 'schema'],
  // What proves a consent is kept, and what erasing goes by.
  privacy: ['accounts', 'consent', 'engine', 'schema'],
  policies: ['accounts', 'consent', 'identity', 'pressure', 'privacy', 'engine', 'schema'],
  // Audiences and goals are conditions of the engine; arms are drawn by its hash.
  experiments: ['engine', 'schema'],
  // Audiences and eligibility are conditions of the engine.
  decide: ['consent', 'experiments', 'engine', 'knowledge', 'schema'],
  // What can be said of journeys without running them, or by running them on paper.
  check: [...POLICY_CORES, 'decide', 'experiments', 'engine', 'knowledge', 'schema'],
  export: ['engine', 'schema'],
  simulate: [...POLICY_CORES, 'decide', 'engine', 'knowledge', 'schema'],
  cases: [...POLICY_CORES, 'export', 'simulate', 'decide', 'engine', 'schema'],
  catalog: [...POLICY_CORES, 'check', 'decide', 'experiments', 'engine', 'knowledge', 'schema'],
  totals: ['clock', 'schema'],
  customer: [...POLICY_CORES, 'clock', 'totals', 'catalog', 'decide', 'experiments', 'engine', 'knowledge', 'schema'],
  delivery: [...POLICY_CORES, 'clock', 'customer', 'catalog', 'decide', 'experiments', 'engine', 'knowledge', 'schema'],
  // The finish of an import folds projections as the queue's consumer does.
  api: [
    ...POLICY_CORES,
    // The script it serves, as it was built.
    'browser',
    'simulate',
    'check',
    'delivery',
    'clock',
    'totals',
    'customer',
    'catalog',
    'decide',
    'experiments',
    'engine',
    'knowledge',
    'schema',
  ],
  index: [
    ...POLICY_CORES,
    'api',
    'totals',
    'simulate',
    'check',
    'delivery',
    'customer',
    'catalog',
    'decide',
    'engine',
    'knowledge',
    'schema',
  ],
  local: [
    ...POLICY_CORES,
    'api',
    'clock',
    'totals',
    'simulate',
    'check',
    'delivery',
    'customer',
    'catalog',
    'decide',
    'engine',
    'knowledge',
    'schema',
  ],
  cli: [
    ...POLICY_CORES,
    'local',
    'cases',
    'check',
    'export',
    'simulate',
    'catalog',
    'decide',
    'engine',
    'knowledge',
    'schema',
  ],
  console: ['decide', 'engine', 'knowledge', 'schema'],
  browser: ['schema'],
  // Shows the same markup as the snippet, before the page is sent.
  render: ['browser', 'schema'],
};
const CORES = [...POLICY_CORES, 'engine', 'decide', 'experiments', 'knowledge', 'check', 'export', 'simulate', 'cases'];
const PURE_LIBRARIES = ['@marcbachmann/cel-js', 'liquidjs', 'rrule-temporal', 'temporal-polyfill', 'zod'];

/** `workers/engine/step.ts` belongs to engine, `workers/index.ts` to index, `workers/local.ts` to local. */
const partOf = (file: string): string =>
  file.startsWith('schema/') ? 'schema' : (/^workers\/([a-z]+)/.exec(file)?.[1] ?? file);

const files = codeBelow('workers', 'schema');

describe('imports', () => {
  it('there are files, and every part is known', () => {
    expect(files.length).toBeGreaterThan(30);
    for (const file of files) expect(Object.keys(BELOW)).toContain(partOf(file));
  });

  it('the reader sees every kind of import', () => {
    expect(importsOf('workers/engine/step.ts').map(({ from }) => from)).toContain('./machine.ts');
    expect(importsOf('workers/engine/step.ts').find(({ from }) => from === './machine.ts')?.typeOnly).toBe(true);
    expect(importsOf('workers/engine/step.ts').find(({ from }) => from === '../../schema/limits.ts')).toEqual({
      from: '../../schema/limits.ts',
      file: 'schema/limits.ts',
      typeOnly: false,
    });
    for (const file of files) {
      const statements = readText(file).match(/\bfrom '[^']+'(?: with \{.*\})?;$|^import '|\bimport\('/gm) ?? [];
      expect([file, importsOf(file).length]).toEqual([file, statements.length]);
    }
  });

  it('point one way', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => imported.file !== null)
        .map((imported) => ({ from: partOf(file), to: partOf(imported.file ?? ''), file, imported: imported.from }))
        .filter(({ from, to }) => from !== to && !BELOW[from]?.includes(to)),
    );
    expect(wrong).toEqual([]);
  });

  it('never go round', () => {
    const state = new Map<string, 'open' | 'done'>();
    const rounds: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (state.get(file) === 'open') rounds.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (state.has(file)) return;
      state.set(file, 'open');
      for (const imported of importsOf(file))
        if (imported.file !== null && !imported.typeOnly) visit(imported.file, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(rounds).toEqual([]);
  });

  it('name the file with its ending', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file).filter((imported) => imported.file !== null && !/\.(tsx?|json|css)$/.test(imported.from)),
    );
    expect(wrong).toEqual([]);
  });

  it('of the cores go to the schema and to pure libraries alone', () => {
    const wrong = codeBelow(...CORES.map((core) => `workers/${core}`)).flatMap((file) =>
      importsOf(file)
        .filter(({ from, file: path }) => path === null && !PURE_LIBRARIES.includes(packageOf(from)))
        .map(({ from }) => `${file}: ${from}`),
    );
    expect(wrong).toEqual([]);
  });

  it('of the cores never reach node, the platform or the network', () => {
    for (const file of codeBelow(...CORES.map((core) => `workers/${core}`)))
      for (const reached of reachableFrom(file))
        for (const { from } of importsOf(reached))
          expect([file, from]).not.toEqual([file, expect.stringMatching(/^(node|cloudflare):/)]);
  });
});

describe('what runs in production', () => {
  const production = reachableFrom('workers/index.ts');
  const { dependencies } = JSON.parse(readText('package.json'));

  it('never reaches the local mode or the command line', () => {
    expect([...production].filter((file) => ['local', 'cli'].includes(partOf(file)))).toEqual([]);
    expect(production.size).toBeGreaterThan(20);
  });

  it('imports what package.json lists as dependencies', () => {
    const wrong = [...production].flatMap((file) =>
      importsOf(file)
        .filter(({ from, file: path, typeOnly }) => path === null && !typeOnly && !/^(node|cloudflare):/.test(from))
        .filter(({ from }) => !Object.hasOwn(dependencies, packageOf(from)))
        .map(({ from }) => `${file}: ${from}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no local key in its configuration or its code', () => {
    for (const file of ['wrangler.toml', ...production])
      expect([file, /\b[ws]k_local/.test(readText(file))]).toEqual([file, false]);
  });
});
