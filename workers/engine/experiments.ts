// Which arm of an experiment a customer has (S11): drawn by a hash of the two ids, so that the same customer has the same
// arm in every journey, at every replay, on every machine. Pure; nothing is random here.

/** A number from 0 up to 1, the same for the same text and evenly spread over texts: FNV-1a, then the last rounds of MurmurHash3. */
export function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

export interface Arm {
  readonly name: string;
  readonly weight: number;
}

/** The arm's name; null where the customer is held out. `holdout` is a share from 0 up to 1. */
export function armOf(customerId: string, experiment: string, holdout: number, arms: readonly Arm[]): string | null {
  const share = shareOf(`${experiment}:${customerId}`);
  if (share < holdout) return null;
  const total = arms.reduce((sum, { weight }) => sum + weight, 0);
  let left = ((share - holdout) / (1 - holdout)) * total;
  for (const { name, weight } of arms) {
    if (left < weight) return name;
    left -= weight;
  }
  return arms.at(-1)?.name ?? null;
}
