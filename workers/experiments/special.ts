// The logarithm of the gamma and beta functions and the incomplete beta function, to about fourteen digits also where the
// arguments are millions. Formulas: NIST Digital Library of Mathematical Functions, sections 5.11 and 8.17. Pure.

const HALF_LOG_TWO_PI = 0.9189385332046728;
/** From here on the asymptotic series below is good to the last digit. */
const LARGE = 15;

/** What Stirling's formula leaves of the logarithm of the gamma function (DLMF 5.11.1), for x of at least 15. */
function stirlingRest(x: number): number {
  const square = 1 / (x * x);
  const series = 1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360_360))));
  return (1 / 12 - square * series) / x;
}

/** ln Γ(x) for x above zero. */
export function logGamma(x: number): number {
  let product = 1;
  let shifted = x;
  for (; shifted < LARGE; shifted++) product *= shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LOG_TWO_PI + stirlingRest(shifted) - Math.log(product);
}

/** ln B(a, b) for a and b above zero, without the cancellation of three large logarithms. */
export function logBeta(a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a];
  if (large < LARGE) return logGamma(small) + logGamma(large) - logGamma(small + large);
  const sum = small + large;
  if (small < LARGE) {
    const ratio = (0.5 - large) * Math.log1p(small / large) - small * Math.log(sum) + small;
    return logGamma(small) + ratio + stirlingRest(large) - stirlingRest(sum);
  }
  return (
    (small - 0.5) * Math.log(small / sum) -
    (large - 0.5) * Math.log1p(small / large) -
    0.5 * Math.log(sum) +
    HALF_LOG_TWO_PI +
    stirlingRest(small) +
    stirlingRest(large) -
    stirlingRest(sum)
  );
}

/** ln of the density of Beta(a, b) at x, between zero and one. */
export const logBetaDensity = (x: number, a: number, b: number): number =>
  (a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) - logBeta(a, b);

const TINY = 1e-300;
const PRECISION = 1e-16;
/** The fraction converges in about the square root of the larger argument. */
const TERMS_MAX = 100_000;

/** The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method; x below its mean. */
function fraction(x: number, a: number, b: number): number {
  const away = (value: number) => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= TERMS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    result *= d * c;
    if (Math.abs(d * c - 1) < PRECISION) break;
  }
  return result;
}

/** The probability that a Beta(a, b) is at most x. */
export function betaBelow(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const scale = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  return x < (a + 1) / (a + b + 2) ? (scale * fraction(x, a, b)) / a : 1 - (scale * fraction(1 - x, b, a)) / b;
}
