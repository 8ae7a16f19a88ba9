// The compiled journey and the run: the types the engine works on. A run is plain JSON and a persisted contract: a
// change of its meaning needs a migration. Keep it small, it is written with every transition.

import type { Journey } from '../../schema/journey.ts';
import type { Json } from '../../schema/json.ts';
import type { Condition } from './conditions.ts';

/** Persisted. One customer's way through one version of a journey. Instants in milliseconds. */
export interface Run {
  readonly id: string;
  readonly journey: string;
  readonly version: number;
  readonly key: string | null;
  readonly stage: string;
  readonly startedAt: number;
  readonly enteredAt: number;
  /** Set once the run is over. */
  readonly endedAt?: number;
  /** The message id of the event it began with, where a message may want to speak of it (S5). */
  readonly by?: string;
  /** Effects made so far; the next one's key is `id/sequence + 1`. */
  readonly sequence: number;
  /** The instruction the stage's program goes on with, while it waits. */
  readonly at?: number;
  /** When the wait ends. */
  readonly wakeAt?: number;
  /** Indices of `after` timers that were due while their condition did not hold (A6). */
  readonly spent?: readonly number[];
}

export interface CompiledTrigger {
  readonly condition: Condition | null;
}

export interface CompiledTransition extends CompiledTrigger {
  readonly to: string;
}

export interface CompiledAfter extends CompiledTransition {
  readonly delayMs: number;
  readonly delay: string;
  readonly since: 'entry' | 'activity';
}

/** A stage's steps as a flat list: branches are jumps, so that a place in the program is one number. */
export type Instruction =
  | { readonly op: 'send'; readonly message: string; readonly channel: string; readonly purpose: string }
  | { readonly op: 'wait'; readonly ms: number }
  | { readonly op: 'set'; readonly trait: string; readonly value: Condition }
  | { readonly op: 'unless'; readonly condition: Condition; readonly to: number }
  | { readonly op: 'jump'; readonly to: number };

export interface CompiledStage {
  readonly name: string;
  /** Place in the order written. */
  readonly index: number;
  readonly final: boolean;
  readonly on: ReadonlyMap<string, readonly CompiledTransition[]>;
  readonly after: readonly CompiledAfter[];
  readonly program: readonly Instruction[];
}

export interface Machine {
  readonly id: string;
  readonly version: number;
  readonly journey: Journey;
  readonly initial: string;
  /** The expression that gives an event's key; null where the customer has one run of the journey. */
  readonly key: Condition | null;
  readonly reentry: 'never' | 'after_exit' | { readonly afterMs: number };
  /** Some stage sends, so a run remembers the event it began with. */
  readonly sends: boolean;
  readonly entry: ReadonlyMap<string, readonly CompiledTrigger[]>;
  readonly exit: ReadonlyMap<string, readonly CompiledTrigger[]>;
  readonly stages: ReadonlyMap<string, CompiledStage>;
}

/** An event as conditions see it. `name` is the declared name, aliases resolved. */
export interface EngineEvent {
  readonly name: string;
  readonly type: string;
  readonly messageId: string;
  readonly properties: { readonly [member: string]: Json };
  readonly traits: { readonly [member: string]: Json };
  readonly context: { readonly [member: string]: Json };
  readonly userId: string | null;
  readonly anonymousId: string | null;
}

export interface DueTimer {
  readonly kind: 'wait' | 'after';
  /** Index into the stage's `after`; 0 for a wait. */
  readonly index: number;
  readonly dueAt: number;
}

export type Input =
  | { readonly kind: 'start'; readonly id: string; readonly key: string | null; readonly event: EngineEvent }
  | { readonly kind: 'event'; readonly event: EngineEvent }
  | { readonly kind: 'timer'; readonly timer: DueTimer };

export type Cause =
  | { readonly kind: 'event'; readonly event: string; readonly messageId: string }
  | { readonly kind: 'timer'; readonly delay: string; readonly since: 'entry' | 'activity'; readonly dueAt: number };

export type Effect =
  | {
      readonly kind: 'transition';
      readonly journey: string;
      readonly run: string;
      readonly from: string | null;
      readonly to: string | null;
      readonly cause: Cause;
    }
  | {
      readonly kind: 'send';
      readonly key: string;
      readonly journey: string;
      readonly run: string;
      /** The message id of the event the run began with. */
      readonly by: string | null;
      readonly message: string;
      readonly channel: string;
      readonly purpose: string;
    }
  | { readonly kind: 'set'; readonly journey: string; readonly trait: string; readonly value: Json }
  | { readonly kind: 'error'; readonly journey: string; readonly pointer: string; readonly detail: string };

export interface Outcome {
  /** The next run; the very same object when nothing changed; null where an entry was refused. */
  readonly run: Run | null;
  readonly effects: readonly Effect[];
}
