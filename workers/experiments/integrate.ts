// Numerical integration over pieces that the caller chooses where the integrand is narrow: Gauss and Legendre's rule in
// each. Pure. Not adaptive: its callers know where their integrands live.

/** Points of one piece: exact for polynomials of degree 31. */
const POINTS = 16;

interface Node {
  /** On the interval from -1 to 1. */
  readonly at: number;
  readonly weight: number;
}

/** The zeros of the Legendre polynomial by Newton's method, and their weights. */
function legendre(points: number): readonly Node[] {
  return Array.from({ length: points }, (_, index) => {
    let at = Math.cos((Math.PI * (index + 0.75)) / (points + 0.5));
    let slope = 1;
    for (let round = 0; round < 100; round++) {
      let before = 1;
      let value = at;
      for (let degree = 2; degree <= points; degree++)
        [before, value] = [value, ((2 * degree - 1) * at * value - (degree - 1) * before) / degree];
      slope = (points * (at * value - before)) / (at * at - 1);
      const step = value / slope;
      at -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    return { at, weight: 2 / ((1 - at * at) * slope * slope) };
  });
}

const NODES = legendre(POINTS);

/** Points and weights over the pieces between the cuts that lie from `from` to `to`. */
export function nodesBetween(from: number, to: number, cuts: readonly number[]): Node[] {
  const edges = [from, ...cuts.filter((cut) => cut > from && cut < to).sort((a, b) => a - b), to];
  const nodes: Node[] = [];
  for (let piece = 1; piece < edges.length; piece++) {
    const [left, right] = [edges[piece - 1] ?? from, edges[piece] ?? to];
    const half = (right - left) / 2;
    if (half > 0) for (const { at, weight } of NODES) nodes.push({ at: left + half * (1 + at), weight: weight * half });
  }
  return nodes;
}
