// The compiled journey and the run: the types the engine works on. A run is plain JSON and a persisted contract: a
// change of its meaning needs a migration. Keep it small, it is written with every transition.

import type { Journey } from '../../schema/journey.ts';
import type { Json, JsonObject } from '../../schema/json.ts';
import type { Occurrences, Window } from './calendar.ts';
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
  /** The program stands at `at` because the journey was suspended (Q2), not because a step waits. */
  readonly held?: true;
  /** Indices of `after` timers that were due while their condition did not hold (A6). */
  readonly spent?: readonly number[];
  /** For each `at` of the stage when it is due, or null (D3). */
  readonly dates?: readonly (number | null)[];
  /** What conditions may ask of the event it began with (C10). */
  readonly start?: KeptEvent;
  /** The arm of each experiment it has come to; null: held out (S11). */
  readonly arms?: { readonly [experiment: string]: string | null };
  /** What webhooks answered (S16). */
  readonly answers?: { readonly [webhook: string]: Answer };
  /** When the goal was reached. */
  readonly goalAt?: number;
  /** When earlier runs of the journey began, where a cap counts them (N6). */
  readonly past?: readonly number[];
}

/** What a run keeps of an event. */
export interface KeptEvent {
  readonly name: string;
  readonly messageId: string;
  readonly properties: JsonObject;
}

/** `status` is the HTTP status, 0 where there was no answer. */
export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export interface CompiledTrigger {
  readonly condition: Condition | null;
  /** Properties that the event must have for the trigger to be meant at all (N1, N3). */
  readonly wants?: JsonObject;
}

export interface CompiledTransition extends CompiledTrigger {
  readonly to: string;
}

export interface CompiledAfter extends CompiledTransition {
  readonly delayMs: number;
  readonly delay: string;
  readonly since: 'entry' | 'activity';
}

/** A date in data; its zone is null where the customer's counts. */
export interface CompiledDate {
  readonly date: Condition;
  readonly offset: string | null;
  readonly time: string | null;
  readonly zone: string | null;
}

export interface CompiledAt extends CompiledDate, CompiledTransition {
  readonly yearly: boolean;
}

/** A value with a name: a member of an emitted event, of a webhook's body. */
export interface CompiledMember {
  readonly name: string;
  readonly value: Condition;
}

/** What a step asks of the world beyond the engine; each is an effect of the same kind. */
export type Work =
  | { readonly kind: 'audience'; readonly audience: string; readonly change: 'add' | 'remove' }
  | {
      readonly kind: 'grant';
      readonly grant: string;
      readonly of: 'points' | 'level' | 'coupon' | 'benefit';
      readonly amount: Condition | null;
      readonly expiresMs: number | null;
    }
  | {
      readonly kind: 'task';
      readonly task: string;
      readonly title: string | null;
      readonly assignee: string | null;
      readonly dueMs: number | null;
      readonly escalate: { readonly afterMs: number; readonly to: string } | null;
    }
  | {
      readonly kind: 'webhook';
      readonly webhook: string;
      readonly url: string;
      readonly body: readonly CompiledMember[];
    };

/** A stage's steps as a flat list: branches are jumps, so that a place in the program is one number. */
export type Instruction =
  | { readonly op: 'send'; readonly message: string; readonly channel: string; readonly purpose: string }
  | { readonly op: 'wait'; readonly ms: number }
  | { readonly op: 'waitWindow'; readonly window: Omit<Window, 'zone'>; readonly zone: string | null }
  | { readonly op: 'waitDate'; readonly date: CompiledDate }
  /** Goes on behind itself when it hears the event; at `timedOut` when `ms` are over; null: it waits without end. */
  | {
      readonly op: 'waitFor';
      readonly event: string;
      readonly conditions: readonly Condition[];
      readonly ms: number | null;
      readonly timedOut: number;
    }
  /** The same for the answer of a webhook. */
  | { readonly op: 'waitAnswer'; readonly webhook: string; readonly ms: number; readonly timedOut: number }
  | { readonly op: 'set'; readonly trait: string; readonly value: Condition }
  | { readonly op: 'unless'; readonly condition: Condition; readonly to: number }
  | { readonly op: 'jump'; readonly to: number }
  | {
      readonly op: 'experiment';
      readonly experiment: string;
      readonly holdout: number;
      readonly arms: readonly { readonly name: string; readonly weight: number; readonly at: number }[];
      /** Behind the arms: where the holdout goes on. */
      readonly to: number;
    }
  | { readonly op: 'goto'; readonly stage: string }
  | { readonly op: 'exit'; readonly reason: string }
  | {
      readonly op: 'emit';
      readonly event: string;
      readonly properties: readonly CompiledMember[];
      readonly fixed?: JsonObject;
    }
  | { readonly op: 'work'; readonly work: Work };

export interface CompiledStage {
  readonly name: string;
  /** Place in the order of the stages: as `order` says, else as written. */
  readonly index: number;
  readonly final: boolean;
  readonly on: ReadonlyMap<string, readonly CompiledTransition[]>;
  readonly after: readonly CompiledAfter[];
  readonly at: readonly CompiledAt[];
  readonly always: readonly CompiledTransition[];
  readonly program: readonly Instruction[];
  /** For each instruction the JSON pointer of the step it came from. */
  readonly pointers: readonly string[];
  /** Every event that may change a run standing here; exits and the goal among them. */
  readonly hears: ReadonlySet<string>;
  /** A change of the customer's traits may change a run standing here. */
  readonly hearsTraits: boolean;
}

export interface CompiledGoal {
  readonly event: string;
  readonly condition: Condition | null;
  /** Infinity without a window. */
  readonly withinMs: number;
  readonly ends: boolean;
}

export interface CompiledSchedule {
  readonly next: Occurrences;
  /** Null where each customer's own counts. */
  readonly zone: string | null;
  /** Place in `entry`. */
  readonly index: number;
  readonly condition: Condition | null;
}

export interface Machine {
  readonly id: string;
  readonly version: number;
  readonly journey: Journey;
  readonly initial: string;
  /** The expression that gives an event's key; null where the customer has one run of the journey. */
  readonly key: Condition | null;
  readonly reentry: 'never' | 'after_exit' | { readonly afterMs: number };
  readonly caps: {
    readonly entries: { readonly max: number; readonly withinMs: number } | null;
    readonly concurrent: number;
  };
  readonly priority: number;
  readonly tags: readonly string[];
  /** Tags of the journeys that pause while a run of this one is live; null: none. */
  readonly suspends: readonly string[] | null;
  /** Where a customer's trait `timezone` names none. */
  readonly zone: string;
  /** Some stage sends, so a run remembers the event it began with. */
  readonly sends: boolean;
  /** Properties of the starting event that conditions ask for; null: none asks for `start`. */
  readonly keeps: readonly string[] | null;
  /** Names of the webhooks whose answers conditions may ask for. */
  readonly webhooks: readonly string[];
  readonly goal: CompiledGoal | null;
  readonly entry: ReadonlyMap<string, readonly CompiledTrigger[]>;
  readonly schedules: readonly CompiledSchedule[];
  readonly exit: ReadonlyMap<string, readonly CompiledTrigger[]>;
  readonly stages: ReadonlyMap<string, CompiledStage>;
  /** Whose journey it is: of people, or of accounts. */
  readonly subject: 'customer' | 'account';
  /** Which run stays where two customers are one (M2, GM8). */
  readonly onMerge: 'later' | 'earlier' | 'target';
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
  readonly kind: 'wait' | 'after' | 'at';
  /** Index into the stage's `after` or `at`; 0 for a wait. */
  readonly index: number;
  readonly dueAt: number;
}

/** Events the system itself makes happen. Servers may send them too: to ask for a journey, or to end one. */
export const SYSTEM_EVENTS = {
  /** A journey is to begin: `properties.journey`, and `from` where another journey asks. */
  requested: 'Journey Requested',
  /** Runs of `properties.journey` end, with `key` the run of that key alone. */
  cancelled: 'Journey Cancelled',
  /** `properties.audience` */
  joined: 'Audience Joined',
  left: 'Audience Left',
  /** A webhook answered: `properties.run`, `webhook`, `status` and `body`. */
  answered: 'Webhook Answered',
  /** The account a customer acts for (workers/accounts): `properties.account`. */
  accountJoined: 'Account Joined',
  accountLeft: 'Account Left',
  accountChanged: 'Account Changed',
  /** A customer was not written to for too long: `properties.rule`, `purpose`, `channel` and `since`. */
  overdue: 'Contact Overdue',
  /** A schedule's instant has come. Never sent: an entry hears it and nothing else. */
  scheduled: 'Journey Scheduled',
} as const;

const SYSTEM_NAMES: ReadonlySet<string> = new Set(Object.values(SYSTEM_EVENTS));

/** Events of the system are no activity of the customer, and only a server may send them. */
export const isSystemEvent = (name: string): boolean => SYSTEM_NAMES.has(name);

export type Input =
  | {
      readonly kind: 'start';
      readonly id: string;
      readonly key: string | null;
      readonly event: EngineEvent;
      /** When earlier runs of the journey began, where a cap counts them. */
      readonly past?: readonly number[];
      /** Place of the schedule in `entry` whose instant has come. */
      readonly schedule?: number;
    }
  | { readonly kind: 'event'; readonly event: EngineEvent }
  | { readonly kind: 'timer'; readonly timer: DueTimer }
  /** The customer's traits have changed, not by this run. */
  | { readonly kind: 'traits' }
  /** The run is to end. */
  | { readonly kind: 'cancel'; readonly event: EngineEvent }
  | { readonly kind: 'answer'; readonly webhook: string; readonly answer: Answer };

export type Cause =
  | { readonly kind: 'event'; readonly event: string; readonly messageId: string }
  | { readonly kind: 'timer'; readonly delay: string; readonly since: 'entry' | 'activity'; readonly dueAt: number }
  /** A date in data, as the journey writes it. */
  | { readonly kind: 'date'; readonly date: string; readonly offset: string | null; readonly dueAt: number }
  /** A condition, as the journey writes it, came to hold. */
  | { readonly kind: 'always'; readonly condition: string }
  /** A step said so; `reason` is that of an exit. */
  | { readonly kind: 'step'; readonly step: string; readonly reason?: string }
  | { readonly kind: 'schedule'; readonly dueAt: number }
  | { readonly kind: 'goal'; readonly event: string; readonly messageId: string };

/** What every effect that leaves the engine carries: its key is the same at every replay (S5). */
interface Keyed {
  readonly key: string;
  readonly journey: string;
  readonly run: string;
}

export type Effect =
  | {
      readonly kind: 'transition';
      readonly journey: string;
      readonly run: string;
      readonly from: string | null;
      readonly to: string | null;
      readonly cause: Cause;
    }
  | (Keyed & {
      readonly kind: 'send';
      /** The message id of the event the run began with. */
      readonly by: string | null;
      readonly message: string;
      readonly channel: string;
      readonly purpose: string;
      /** Of the journey, where it is not 0. */
      readonly priority?: number;
    })
  | { readonly kind: 'set'; readonly journey: string; readonly trait: string; readonly value: Json }
  | {
      readonly kind: 'goal';
      readonly journey: string;
      readonly run: string;
      readonly event: string;
      readonly messageId: string;
      /** Since the run began, milliseconds. */
      readonly afterMs: number;
    }
  | {
      readonly kind: 'experiment';
      readonly journey: string;
      readonly run: string;
      readonly experiment: string;
      /** Null: the customer is held out. */
      readonly arm: string | null;
    }
  /** An event of this customer that journeys hear (N9). Its message id is the key. */
  | (Keyed & { readonly kind: 'emit'; readonly event: string; readonly properties: JsonObject })
  | (Keyed & { readonly kind: 'audience'; readonly audience: string; readonly change: 'add' | 'remove' })
  | (Keyed & {
      readonly kind: 'grant';
      readonly grant: string;
      readonly of: 'points' | 'level' | 'coupon' | 'benefit';
      readonly amount: Json;
      readonly expiresAt: number | null;
    })
  | (Keyed & {
      readonly kind: 'task';
      readonly task: string;
      readonly title: string | null;
      readonly assignee: string | null;
      readonly dueAt: number | null;
      readonly escalate: { readonly at: number; readonly to: string } | null;
    })
  | (Keyed & { readonly kind: 'webhook'; readonly webhook: string; readonly url: string; readonly body: JsonObject })
  | { readonly kind: 'error'; readonly journey: string; readonly pointer: string; readonly detail: string };

export interface Outcome {
  /** The next run; the very same object when nothing changed; null where an entry was refused. */
  readonly run: Run | null;
  readonly effects: readonly Effect[];
}
