// How much of the long proofs runs: a seeded fraction with `npm test`, all of it with `npm run prove`.

export const PROVE = process.env['WAYMARK_PROVE'] === '1';

/** `quick` with `npm test`, `whole` with `npm run prove`. */
export const often = (quick: number, whole: number): number => (PROVE ? whole : quick);
