// The name somebody most likely meant: the nearest by Levenshtein's distance (1965), where it is near at all.

/** Names longer than this are not compared. */
const CHARS_MAX = 60;

/** @returns `Did you mean …? ` or nothing */
export function nearest(written: string, names: Iterable<string>): string {
  let best: { name: string; distance: number } | null = null;
  for (const name of names) {
    const distance = distanceOf(written.toLowerCase(), name.toLowerCase());
    if (distance <= Math.max(1, written.length / 3) && (best === null || distance < best.distance))
      best = { name, distance };
  }
  return best ? `Did you mean ${best.name}? ` : '';
}

function distanceOf(a: string, b: string): number {
  if (Math.max(a.length, b.length) > CHARS_MAX) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries())
      next.push(
        Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === other ? 0 : 1)),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}
