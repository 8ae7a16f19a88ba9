// Asks one condition in one situation, as a journey would: for the tests of group C.

import type { JsonObject } from '../../schema/json.ts';
import { compileCondition } from '../../workers/engine/conditions.ts';
import { factsOf, type HistoryEntry } from '../../workers/engine/facts.ts';
import type { Evaluated } from '../../workers/engine/scope.ts';
import { DAY, eventOf, vocabulary } from './driver.ts';

export const words = vocabulary({
  events: {
    Order: {
      aliases: ['purchase'],
      properties: {
        total: { type: 'number' },
        coupon: { type: 'string' },
        gift: { type: 'boolean' },
        at: { type: 'timestamp' },
        products: { type: 'list', items: { type: 'map' } },
        sizes: { type: 'list', items: { type: 'number' } },
        address: { type: 'map' },
      },
    },
    Other: { properties: { only: { type: 'string' } } },
  },
  traits: {
    tier: { type: 'string' },
    age: { type: 'number' },
    vip: { type: 'boolean' },
    interests: { type: 'list', items: { type: 'string' } },
  },
});

export interface Situation {
  properties?: JsonObject;
  traits?: JsonObject;
  history?: HistoryEntry[];
  now?: number;
  /** The event the condition is asked about; null for a timer. */
  event?: string | null;
  want?: 'bool' | 'any';
}

export function compile(source: string, { event = 'Order', want = 'any' }: Situation = {}) {
  return compileCondition(source, '/if', { declarations: words.declarations, event, resolve: words.resolve }, want);
}

export function run(source: string, situation: Situation = {}): Evaluated {
  const compiled = compile(source, situation);
  if (!compiled.ok) throw new Error(`${source}: ${compiled.fault.detail}`);
  const { properties = {}, traits = {}, history = [], now = 10 * DAY } = situation;
  return compiled.condition.evaluate({
    event: eventOf('Order', properties),
    traits,
    stages: {},
    facts: factsOf(history, traits),
    now,
  });
}

/** What an expression gives; `error: …` where it errs. */
export const value = (source: string, situation?: Situation) => {
  const result = run(source, situation);
  return result.ok ? result.value : `error: ${result.detail}`;
};

/** The code of the fault that keeps an expression from being published, or null. */
export const refusal = (source: string, situation?: Situation) => {
  const compiled = compile(source, situation);
  return compiled.ok ? null : compiled.fault.code;
};
