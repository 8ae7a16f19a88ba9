// The limits of the snippet, of which the build puts in the figures alone (schema/limits.ts), and its version.

import type { SNIPPET } from '../../schema/limits.ts';

declare global {
  const LIMIT: typeof SNIPPET;
  const VERSION: string;
}
