// Computed traits from the whole history, each time anew and in the plainest way: what the tallies are held against.

import type { Json, JsonObject } from '../../schema/json.ts';

export interface Past {
  readonly name: string;
  readonly at: number;
  readonly properties: JsonObject;
}

export interface Asked {
  readonly measure: string;
  readonly event: string;
  readonly of?: string;
  readonly windowMs: number | null;
  readonly where?: (properties: JsonObject) => boolean;
}

/** @param past in order of arrival */
export function naive({ measure, event, of, windowMs, where }: Asked, past: readonly Past[], now: number): Json {
  const within = past
    .filter(({ name, at }) => name === event && at <= now && (windowMs === null || at > now - windowMs))
    .filter(({ properties }) => !where || where(properties))
    .map((each, arrival) => ({ ...each, arrival }))
    .sort((one, other) => one.at - other.at || one.arrival - other.arrival);
  const found = within.flatMap(({ at, properties }) =>
    valuesOf(properties, (of ?? '').split('.')).map((value) => ({ at, value })),
  );
  const numbers = found.flatMap(({ value }) => (typeof value === 'number' ? [value] : []));
  switch (measure) {
    case 'count':
      return within.length;
    case 'sum':
      return exactSum(numbers);
    case 'average':
      return numbers.length === 0 ? null : exactSum(numbers) / numbers.length;
    case 'distinct':
      return new Set(found.map(({ value }) => JSON.stringify(value))).size;
    case 'mostFrequent':
      return mostFrequent(found);
    case 'first':
    case 'last': {
      const order = measure === 'first' ? within : [...within].reverse();
      for (const { at, properties } of order) {
        if (of === undefined) return new Date(at).toISOString();
        const values = valuesOf(properties, of.split('.'));
        const value = measure === 'first' ? values[0] : values.at(-1);
        if (value !== undefined) return value;
      }
      return null;
    }
    case 'averageInterval': {
      const [first, last] = [within[0], within.at(-1)];
      if (!first || !last || within.length < 2) return null;
      return (last.at - first.at) / (within.length - 1) / 86_400_000;
    }
    default:
      throw new Error(measure);
  }
}

function mostFrequent(found: readonly { readonly at: number; readonly value: Json }[]): Json {
  const times = (value: Json) => found.filter((other) => other.value === value).length;
  const seen = (value: Json) => Math.max(...found.filter((other) => other.value === value).map(({ at }) => at));
  const ranked = [...new Set(found.map(({ value }) => value))].sort(
    (one, other) =>
      times(other) - times(one) || seen(other) - seen(one) || (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1),
  );
  return ranked[0] ?? null;
}

function valuesOf(value: Json | undefined, path: readonly string[]): Json[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesOf(each, path));
  const [name, ...rest] = path;
  if (name !== undefined)
    return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? valuesOf(value[name], rest) : [];
  if (typeof value === 'string') return value.length <= 200 ? [value] : [];
  if (typeof value === 'number') return Math.abs(value) <= 1e300 ? [value] : [];
  return typeof value === 'boolean' ? [value] : [];
}

/** In whole numbers of 2^-200; exact for numbers that are none below that, and rounded once at the end. */
const SCALE = 2 ** 200;
export const exactSum = (numbers: readonly number[]): number =>
  Number(numbers.reduce((sum, value) => sum + BigInt(value * SCALE), 0n)) / SCALE;
