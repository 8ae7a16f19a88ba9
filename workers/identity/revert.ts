// Taking back what a merge did to a value, and leaving what has changed since (GM12). Pure.

import { isObject, type Json } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';

/** A value, or undefined where there is none. */
type Maybe = Json | undefined;

/**
 * @param before what stood there before the merge
 * @param after what stood there right after it
 * @returns what stands there without it: members the merge did not touch, or that were changed since, stay as they are
 */
export function reverted(before: Maybe, after: Maybe, now: Maybe, depth = 0): Maybe {
  if (same(before, after)) return now;
  if (same(after, now)) return before;
  if (depth >= LIMITS.jsonDepthMax || !isObject(after) || !isObject(now)) return now;
  const earlier = isObject(before) ? before : {};
  const result: { [member: string]: Json } = {};
  for (const member of new Set([...Object.keys(now), ...Object.keys(earlier)])) {
    const value = reverted(own(earlier, member), own(after, member), own(now, member), depth + 1);
    if (value !== undefined)
      Object.defineProperty(result, member, { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

const own = (value: { readonly [member: string]: Json }, member: string): Maybe =>
  Object.hasOwn(value, member) ? value[member] : undefined;

function same(one: Maybe, other: Maybe): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => same(value, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const members = Object.keys(one);
  return (
    members.length === Object.keys(other).length &&
    members.every((member) => Object.hasOwn(other, member) && same(own(one, member), own(other, member)))
  );
}
