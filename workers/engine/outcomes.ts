// What the engine's effects come to, whatever shell carries them out: lines of the timeline, traits, messages. Pure but for
// the shell's callbacks. The customer's object, the simulator and replay share it, so their timelines can be compared.

import type { JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import type { Effect, Run } from './machine.ts';

export type SendEffect = Extract<Effect, { kind: 'send' }>;

/** What a shell keeps for a customer. One constant for all its customers. Instants in milliseconds. */
export interface Ledger<J> {
  /** Adds a line to the timeline; `body` is plain JSON. */
  readonly record: (of: J, kind: string, at: number, body: object) => void;
  /** Adds traits. @returns false where they were not kept, which is recorded then */
  readonly learn: (of: J, traits: JsonObject, at: number) => boolean;
  /** Puts a message on its way, or records why it is not sent. */
  readonly send: (of: J, effect: SendEffect, run: Run, at: number) => void;
}

/** @param run the run the effects came from; null where an entry was refused */
export function carryOut<J>(ledger: Ledger<J>, of: J, run: Run | null, effects: readonly Effect[], at: number): void {
  for (const effect of effects) {
    const { kind, ...detail } = effect;
    switch (effect.kind) {
      case 'transition':
      case 'goal':
      case 'experiment':
      case 'error':
        ledger.record(of, kind, at, detail);
        break;
      case 'audience':
      case 'grant':
      case 'task':
        ledger.record(of, kind, at, { ...detail, outcome: 'recorded' });
        break;
      case 'webhook':
        ledger.record(of, kind, at, { ...detail, outcome: 'no channel' });
        break;
      case 'emit':
        // An event of the customer: travel.ts appends it and offers it.
        break;
      case 'set':
        if (ledger.learn(of, { [effect.trait]: effect.value }, at)) ledger.record(of, kind, at, detail);
        break;
      case 'send':
        if (run) ledger.send(of, effect, run, at);
        break;
    }
  }
}

/** The traits with more of them; null where the customer would become too large: then none is kept. */
export function withTraits(traits: JsonObject, more: JsonObject): JsonObject | null {
  const merged = { ...traits, ...more };
  return JSON.stringify(merged).length > LIMITS.traitsBytesMax ? null : merged;
}

/** CT7: what somebody says of traits, without those that are worked out. */
export function reported(traits: JsonObject, computed: ReadonlySet<string>): JsonObject {
  if (computed.size === 0) return traits;
  return Object.fromEntries(Object.entries(traits).filter(([name]) => !computed.has(name)));
}

/** The line that says so. */
export const TRAITS_TOO_LARGE: { readonly pointer: string; readonly detail: string } = Object.freeze({
  pointer: '/traits',
  detail: `not kept: the traits would be larger than ${LIMITS.traitsBytesMax} bytes`,
});
