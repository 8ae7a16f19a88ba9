// Builds the snippet to one file. Run it (`npm run generate`) after a change of workers/browser: what is served is the text it
// leaves in built.json, so that a deployment needs no step of its own. tests/site holds the two equal.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { SNIPPET } from '../../schema/limits.ts';

export const VERSION = '1.0.0';

export interface Built {
  readonly version: string;
  /** Of the text, SHA-256 as hex: names the file that never changes. */
  readonly hash: string;
  /** For the attribute `integrity` of a page that pins it. */
  readonly integrity: string;
  readonly text: string;
}

export async function buildSnippet(): Promise<Built> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'waymark.ts')],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    target: 'es2022',
    platform: 'browser',
    charset: 'utf8',
    tsconfigRaw: {},
    define: {
      VERSION: JSON.stringify(VERSION),
      ...Object.fromEntries(Object.entries(SNIPPET).map(([name, figure]) => [`LIMIT.${name}`, String(figure)])),
    },
  });
  const text = outputFiles[0]?.text ?? '';
  const digest = createHash('sha256').update(text).digest();
  return {
    version: VERSION,
    hash: digest.toString('hex').slice(0, 16),
    integrity: `sha256-${digest.toString('base64')}`,
    text,
  };
}

if (import.meta.main) {
  const built = await buildSnippet();
  writeFileSync(join(import.meta.dirname, 'built.json'), `${JSON.stringify(built, null, 2)}\n`);
  console.log(`waymark.js ${built.version}: ${gzipSync(built.text, { level: 9 }).length} bytes gzipped`);
}
