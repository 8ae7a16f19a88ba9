// What a random sample says of all: the share and an interval that covers it. Pure.

/** The normal quantile of 97.5%: both tails of a 95% interval. */
const Z = 1.959963984540054;

export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** SG11: the score interval of E. B. Wilson, "Probable Inference" (1927), of `matched` out of `asked` (more than 0). */
export function wilson(matched: number, asked: number): Share {
  const share = matched / asked;
  const weight = Z ** 2 / asked;
  const middle = (share + weight / 2) / (1 + weight);
  const half = (Z * Math.sqrt((share * (1 - share)) / asked + weight / (4 * asked))) / (1 + weight);
  // At both ends the bound is exact; roundings would leave a trace of the other one.
  return { share, low: matched === 0 ? 0 : middle - half, high: matched === asked ? 1 : middle + half };
}
