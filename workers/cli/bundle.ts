// The script a subject runs as: bundled as wrangler does when it deploys, by the same bundler, so that what is measured
// is what would be served.

import { builtinModules } from 'node:module';
import { build } from 'esbuild';

/** One ES module with every import but the runtime's own inside; conditions and loaders are wrangler's. */
export async function bundleWorker(entryPath: string): Promise<string> {
  const bundle = await build({
    entryPoints: [entryPath],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.txt': 'text', '.html': 'text', '.sql': 'text', '.bin': 'binary' },
    external: ['cloudflare:*', 'node:*'],
    alias: Object.fromEntries(
      builtinModules.filter((name) => !name.includes(':')).map((name) => [name, `node:${name}`]),
    ),
  });
  const [output] = bundle.outputFiles;
  if (output === undefined) throw new Error(`${entryPath} made no bundle`);
  return output.text;
}
