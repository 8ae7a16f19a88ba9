// Draws that follow from a seed alone: the same seed gives the same population on every machine. Not for secrets.

/** A number in [0, 1). */
export type Draw = () => number;

/** The generator mulberry32 over a seed of any text; 32 bits of state are plenty for one customer's life. */
export function drawsOf(seed: string): Draw {
  let state = hashOf(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** FNV-1a with a final mix, 32 bits. */
export function hashOf(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/** A whole number from 0 to below `bound`. */
export const below = (draw: Draw, bound: number): number => Math.floor(draw() * bound);

/** One of a list that is not empty. */
export function pick<T>(draw: Draw, list: readonly T[]): T {
  const picked = list[below(draw, list.length)];
  if (picked === undefined) throw new Error('broken invariant: nothing to pick from');
  return picked;
}

/** Exponentially distributed with this mean: the time to the next of things that happen at random. */
export const exponential = (draw: Draw, mean: number): number => -Math.log(1 - draw()) * mean;
