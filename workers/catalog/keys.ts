// How access keys are kept: as their SHA-256, so that what stands in D1 opens nothing. A key is 32 random bytes, which
// is why a fast hash is enough.

import { createHash } from 'node:crypto';

/** A text, or bytes, as SHA-256, hexadecimal. */
export const hashKey = (key: string | Uint8Array): string => createHash('sha256').update(key).digest('hex');
