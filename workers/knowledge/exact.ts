// Sums of doubles that do not depend on the order: kept as parts that do not overlap, whose exact sum is rounded once.
// After Shewchuk, "Adaptive Precision Floating-Point Arithmetic" (1997), grow-expansion. Taking back is adding the negative.

/** Parts of an exact sum, the smallest first; empty for zero. */
export type Exact = readonly number[];

/** @param value below 1e300 in size: larger ones could leave the doubles on the way */
export function plus(parts: Exact, value: number): Exact {
  const next: number[] = [];
  let carried = value;
  for (const part of parts) {
    const [large, small] = Math.abs(carried) < Math.abs(part) ? [part, carried] : [carried, part];
    const sum = large + small;
    const rest = small - (sum - large);
    if (rest !== 0) next.push(rest);
    carried = sum;
  }
  if (carried !== 0) next.push(carried);
  return next;
}

/** The sum, rounded once to the nearest double, halves to even. */
export function rounded(parts: Exact): number {
  let index = parts.length - 1;
  if (index < 0) return 0;
  let high = parts[index] ?? 0;
  let low = 0;
  while (index > 0) {
    const before = high;
    const part = parts[--index] ?? 0;
    high = before + part;
    low = part - (high - before);
    if (low !== 0) break;
  }
  // The parts below decide a half that rounding to even would take the wrong way.
  const below = parts[index - 1] ?? 0;
  if (index > 0 && low !== 0 && below !== 0 && low < 0 === below < 0) {
    const twice = low * 2;
    const there = high + twice;
    if (twice === there - high) high = there;
  }
  return high;
}
