// A stored message of the tracking API as conditions see it. Not validation: what is stored was validated when it came.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import type { EngineEvent } from './machine.ts';

const EMPTY: JsonObject = {};

/** @param name the declared name, aliases resolved (T5) */
export function engineEventOf(name: string, messageId: string, message: unknown): EngineEvent {
  const members = isObject(message) ? message : EMPTY;
  return {
    name,
    type: text(members['type']) ?? '',
    messageId,
    properties: object(members['properties']),
    traits: object(members['traits']),
    context: object(members['context']),
    userId: text(members['userId']),
    anonymousId: text(members['anonymousId']),
  };
}

const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : EMPTY);
const text = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
