// What travels between the Worker, the queue and the customer's object: plain data, no behaviour. Each request is one RPC.

import type { JsonObject } from '../../schema/json.ts';
import type { Members } from '../accounts/state.ts';
import type { Explained } from '../decide/decide.ts';
import type { FieldValue } from '../decide/templates.ts';
import type { DueTimer, Run } from '../engine/machine.ts';
import type { Device } from '../identity/devices.ts';
import type { Ask } from '../identity/merge.ts';
import type { Order, Task } from '../identity/own.ts';
import type { RuleStanding } from '../pressure/standing.ts';
import type { Move } from './move.ts';
import type { Checkpoint } from './retaining.ts';
import type { Entry, Part } from './storage.ts';

export interface IncomingEvent {
  readonly messageId: string;
  /** The declared name, aliases resolved. */
  readonly name: string;
  /** The call it came by: track, page, screen, identify, group, alias; `account` for the system's own word. */
  readonly type: string;
  /** When it happened by our clock, milliseconds. */
  readonly at: number;
  /** The message as it will be kept, JSON. */
  readonly body: string;
  /** The customers that this event says are the same person, as far as it may say so (GM1, GM2). */
  readonly merges: string | readonly string[] | null;
  /** A secret key or a customer token stands behind it; said of identify and group calls and of events with external ids. */
  readonly vouched?: true;
  /** Of a group call: it is proven that this customer acts for the account. */
  readonly member?: true;
  /** Its context may say something about consent. */
  readonly signals?: true;
  /** Its context states external ids. */
  readonly externalIds?: true;
}

export interface DecisionRequest {
  readonly placements: readonly string[];
  readonly context: JsonObject;
  readonly locales: readonly string[];
  /** Why each candidate that is not shown is not (J1). */
  readonly explain?: boolean;
  /** What is put on record beside the decision itself, or that nothing is (H6). */
  readonly record?: Recording;
}

/** How an object words its answer for the site it goes to. */
export interface Wording {
  /** Below which click-through links lie. */
  readonly origin: string;
  /** Whether the caller hears by what a loss was seen. */
  readonly evidence: boolean;
}

export type Recording = 'impression' | 'nothing';

interface Request {
  /** The canonical id; the object's name. */
  readonly customerId: string;
  /** The catalog version the Worker saw. */
  readonly catalogVersion: number;
  /** False where a known customer was named without the proof that the key requires: nothing personal goes back. */
  readonly proven: boolean;
}

export interface IngestRequest extends Request {
  readonly events: readonly IncomingEvent[];
  readonly decide: DecisionRequest | null;
  /** The decisions come as JSON, worded so. */
  readonly wording?: Wording;
  /** The anonymous customer that forwards this, after a merge. */
  readonly via?: string;
}

export interface DecideRequest extends Request {
  readonly decide: DecisionRequest;
  readonly via?: string;
}

export interface Decision {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly decisionId: string;
  /** Leads where the item's `url` does, and counts the click. */
  readonly clickUrl?: string;
  readonly fields: Record<string, FieldValue>;
}
export type Decisions = Record<string, Decision[]>;
/** Losses by placement. */
export type Explanations = Record<string, readonly Explained[]>;

/** `erased`: of a customer who was erased; nothing of it is kept. */
export type EventStatus = 'accepted' | 'duplicate' | 'erased';

/** Tagged, because no expected failure is thrown across RPC. */
export type Reply<T> =
  | ({ readonly kind: 'done' } & T)
  | { readonly kind: 'unavailable'; readonly detail: string }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** More events of this customer than flood.ts lets through. */
  | { readonly kind: 'flooded'; readonly retryAfterMs: number };

/** `moved`: the customer has become another one, to which these events belong. */
export type Imported =
  | Reply<{ readonly statuses: readonly EventStatus[] }>
  | { readonly kind: 'moved'; readonly to: string };

export interface Ingested {
  readonly customerId: string;
  readonly stages: Record<string, string>;
  readonly statuses: readonly EventStatus[];
  readonly decisions: Decisions | null;
  /** As JSON, where a wording was given; then `decisions` is null. */
  readonly worded?: string;
}

export interface Decided {
  readonly customerId: string;
  readonly stages: Record<string, string>;
  readonly decisions: Decisions;
  readonly explained?: Explanations;
}

/** What is counted of a customer in one experiment. */
export interface ProjectedExposure {
  readonly experiment: string;
  readonly arm: string;
  readonly context: string;
  /** As JSON: the same shares are the same text. */
  readonly shares: string;
  readonly day: number;
  readonly converted: 0 | 1;
}

/** One row of the customer index in D1; `gone` where the customer became another one. */
export interface Projection {
  readonly customerId: string;
  readonly revision: number;
  readonly createdAt: number;
  readonly nextDueAt: number | null;
  readonly stages: readonly { readonly journey: string; readonly stage: string; readonly enteredAt: number }[];
  readonly gone: boolean;
  /** Nothing is kept of the customer any more (PV7): the rows go, what they were counted for stays. */
  readonly forgotten?: true;
  /** Segments and audiences, since when; absent where nothing is known of the customer. */
  readonly segments?: readonly { readonly segment: string; readonly since: number }[];
  /** Absent where the customer met no experiment. */
  readonly exposures?: readonly ProjectedExposure[];
}

export interface Fired {
  readonly timersFired: number;
  readonly projection: Projection | null;
}

export interface Described {
  readonly id: string;
  readonly traits: JsonObject;
  readonly identifiers: {
    readonly userId?: string;
    readonly anonymousIds: readonly string[];
    readonly stated: readonly ShownIdentifier[];
  };
  readonly devices: readonly ShownDevice[];
  readonly consents: JsonObject;
  /** The company the customer acts for; since when, ISO 8601. */
  readonly account: { readonly id: string; readonly since: string } | null;
  readonly stages: Record<string, string>;
  /** Segments and audiences: since when, ISO 8601. */
  readonly segments: Record<string, string>;
  readonly runs: readonly {
    journey: string;
    key: string | null;
    version: number;
    stage: string;
    enteredAt: string;
    endedAt?: string;
  }[];
  readonly timers: readonly (Omit<DueTimer, 'dueAt' | 'index'> & {
    journey: string;
    key: string | null;
    dueAt: string;
  })[];
  readonly events: number;
  /** Effects that were committed and not yet confirmed. */
  readonly effectsPending: number;
  readonly createdAt: string;
  readonly lastActivityAt: string | null;
}

/** An identifier beside the ids. `taken`: another customer owns it. `pending`: nobody has been asked yet. */
export interface ShownIdentifier {
  readonly kind: string;
  readonly value: string;
  readonly standing: 'pending' | 'stated' | 'owned' | 'taken';
}

/** A device as operators see it; its owner does not need its id. */
export interface ShownDevice extends Pick<Device, 'id' | 'kind' | 'system' | 'browser' | 'events'> {
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
}

/** What a customer sees of themselves. */
export interface Own {
  readonly id: string;
  readonly language: string | null;
  readonly stages: Record<string, string>;
  /** Masked. */
  readonly identifiers: readonly { readonly kind: string; readonly value: string }[];
  readonly consents: JsonObject;
  readonly orders: readonly (Omit<Order, 'at'> & { readonly at: string })[];
  readonly tasks: readonly (Omit<Task, 'at' | 'dueAt'> & { readonly at: string; readonly dueAt: string | null })[];
  readonly devices: readonly Omit<ShownDevice, 'id' | 'events'>[];
}

/** A page of what was recorded of a customer, for replay. */
/** From `fromSeq` on, and for time that passes beyond `after` (milliseconds; null: from the start), this catalog held. */
export interface MetCatalog {
  readonly version: number;
  readonly fromSeq: number;
  readonly after: number | null;
}

export interface Recorded {
  readonly customer: {
    readonly id: string;
    readonly createdAt: number;
    /** Everything due until then has fired. */
    readonly asOf: number;
    readonly runsStarted: number;
    readonly traits: JsonObject;
    /** The catalogs its inputs met, the oldest first. */
    readonly met: readonly MetCatalog[];
    /** Where the customer stood when lines last left the timeline. */
    readonly checkpoint?: Checkpoint;
  };
  readonly runs: readonly Run[];
  readonly entries: readonly Entry[];
}

export type MessageStatus = 'queued' | 'claimed' | 'sent' | 'failed' | 'uncertain' | 'suppressed' | 'merged';

/** A message as its channel gets it. `key` is the same however often it is handed over. */
export interface OutgoingMessage {
  readonly key: string;
  readonly channel: string;
  readonly purpose: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  /** Ends messages like this one (RFC 8058). */
  readonly unsubscribeUrl?: string;
}

/** Word that a message is to be sent; what it says is fetched by who sends it. */
export interface MessageTask {
  readonly customerId: string;
  readonly key: string;
}

export type Claim =
  | { readonly kind: 'send'; readonly message: OutgoingMessage }
  /** Somebody else has it in hand. */
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'over' };

export type Settlement = { readonly kind: 'sent' } | { readonly kind: 'failed'; readonly detail: string };

/** A message as operators see it. */
export interface ShownMessage extends OutgoingMessage {
  /** Counts the customer's messages. */
  readonly number: number;
  readonly customerId: string;
  readonly status: MessageStatus;
  readonly at: number;
}

/** One page of what an anonymous customer hands over. */
export type HandOver =
  /** Nothing was ever recorded under this id. */
  | { readonly kind: 'nothing' }
  /** Who asks has it all, and is forwarded what comes. */
  | { readonly kind: 'yours' }
  /** Somebody else has it already. */
  | { readonly kind: 'taken'; readonly by: string }
  /** It takes over somebody itself just now. */
  | { readonly kind: 'busy' }
  | {
      readonly kind: 'page';
      readonly entries: readonly Entry[];
      readonly next: number | null;
      readonly rest: MovedRest | null;
    };

/** What comes with the last page. */
export interface MovedRest {
  readonly traits: string;
  readonly runs: readonly string[];
  readonly messages: readonly string[];
  /** Those who have become this customer before, with how far that is. */
  readonly moves: readonly { readonly source: string; readonly move: Move }[];
  /** The parts that joins.ts names. */
  readonly parts: readonly Part[];
  readonly lastActivityAt: number | null;
  readonly lastInputAt: number;
}

/** What a source gets back when a merge is undone. */
export interface GivenBack {
  /** Its messages, as they are by now. */
  readonly messages: readonly string[];
  /** Customers who became it before it became another one. */
  readonly sources: readonly string[];
}

/** A merge into a customer as operators see it. */
export interface ShownMerge {
  readonly source: string;
  readonly at: string | null;
  readonly through: string | null;
  readonly state: 'under way' | 'done' | 'undone';
  readonly undoUntil: string | null;
}

/** What came of the wish to undo a merge. */
export type Undone =
  | { readonly kind: 'done' }
  /** No such merge. */
  | { readonly kind: 'none' }
  /** It came with another customer, whose merge is to be undone first. */
  | { readonly kind: 'through'; readonly source: string }
  | { readonly kind: 'under way' }
  | { readonly kind: 'late' }
  | { readonly kind: 'unavailable' };

export interface ReleaseTerms {
  /** How long what was handed over is kept, so that it can be given back; milliseconds. */
  readonly keepMs: number;
  /** Who forwards to one of these forwards to the target instead. */
  readonly instead: readonly string[];
}

/** The object's RPC methods as its callers see them. Not the platform's stub type: recursive JSON is too deep for it. */
/** Where a customer stands, `{ id, stages }` as JSON text: plain values cross to the object and back cheaper than objects. */
export type Standing = string | Exclude<Reply<object>, { readonly kind: 'done' }>;

/** Customers of the index behind `after` are to look at what a catalog lets begin by calendar. */
export interface Rousing {
  readonly rouse: { readonly after: string; readonly version: number };
}

/** The next page of an announcement is to be told, or the one customer who could not be reached with a page. */
export interface Announcing {
  readonly announce: {
    readonly segment: string;
    readonly id: string;
    /** Of the catalog. */
    readonly version: number;
    readonly customerId?: string;
  };
}

/** What an object removed. */
export interface Erased {
  readonly removed: { readonly entries: number; readonly runs: number; readonly messages: number };
  /** Of the messages there were, for whoever keeps what was sent. */
  readonly keys: readonly string[];
}

/** Parts of a customer as they are stored, for an export. */
export interface Kept {
  readonly parts: readonly { readonly name: string; readonly body: string }[];
}

/** Lines of the log of consent as JSON, and the hash of the last one there is. */
export interface ConsentLog {
  readonly lines: readonly string[];
  readonly end: string | null;
}

/** What a customer has said about consent, for the pages that links of mails open. Instants in milliseconds. */
export interface Said {
  /** The customer's own language, where it is known. */
  readonly locale: string | null;
  readonly standing: readonly {
    readonly purpose: string;
    readonly channel: string;
    /** Whether it may be done, but for a pause. */
    readonly chosen: boolean;
    /** Whether the customer has said no. */
    readonly refused: boolean;
  }[];
  readonly pausedUntil: number | null;
  readonly frequency: string | null;
}

/** How it stands with contact pressure; instants as ISO 8601. */
export interface ShownPressure {
  /** In which days, weeks and quiet hours are read. */
  readonly zone: string;
  /** How often the customer wants to hear at most. */
  readonly wish: string | null;
  readonly rules: readonly (Omit<RuleStanding, 'window' | 'freeAt'> & {
    readonly window: { readonly from: string; readonly to: string } | null;
    readonly freeAt: string;
  })[];
  /** Contacts that will be overdue if there is none before. */
  readonly least: readonly {
    readonly rule: string;
    readonly purpose: string;
    readonly channel: string;
    readonly since: string;
    readonly overdueAt: string;
  }[];
  /** In the order they were made. */
  readonly waiting: readonly {
    readonly key: string;
    readonly journey: string;
    readonly message: string;
    readonly channel: string;
    readonly purpose: string;
    readonly priority: number;
    readonly since: string;
    /** When it is asked for again; null: it is about to be. */
    readonly until: string | null;
    /** The first rule that leaves no room now. */
    readonly rule: string | null;
  }[];
}

/** What an object is asked through its stub. */
export interface CustomerObject extends CustomerCalls {
  /** The short way of `standing`; see standing.ts. */
  fetch(url: string): Promise<Response>;
}

export interface CustomerCalls {
  /** Removes everything and leaves a tombstone (PV2). May be repeated. */
  erase(): Promise<Erased>;
  /** Ids that have become this customer. */
  ties(): Promise<string[]>;
  /** What is kept beside timeline, messages and description. Null: no such customer. */
  kept(): Promise<Kept | null>;
  /** What the customer has said about consent. An unknown customer has said nothing. */
  /** Lines of the log of consent as JSON, oldest first. Null: no such customer. */
  consentLog(from: number, limit: number): Promise<ConsentLog | null>;
  saidSoFar(catalogVersion: number): Promise<Reply<{ said: Said }>>;
  rouse(catalogVersion: number): Promise<Reply<object>>;
  asks(condition: string, catalogVersion: number): Promise<boolean | null>;
  standing(catalogVersion: number, proven: boolean, via?: string): Promise<Standing>;
  ingest(request: IngestRequest): Promise<Reply<Ingested>>;
  decide(request: DecideRequest): Promise<Reply<Decided>>;
  answer(request: DecideRequest, wording: Wording): Promise<Standing>;
  importEvents(catalogVersion: number, events: readonly IncomingEvent[]): Promise<Imported>;
  owner(): Promise<string>;
  finishImport(catalogVersion: number): Promise<Reply<Fired>>;
  fireDue(catalogVersion: number, until: number): Promise<Reply<Fired>>;
  pendingProjection(): Promise<Projection | null>;
  confirm(revision: number): Promise<void>;
  describe(): Promise<Described | null>;
  members(): Promise<Members | null>;
  accountsOf(): Promise<string[]>;
  forgetMember(member: string): Promise<void>;
  /** How it stands with contact pressure. Null: no such customer. */
  pressure(): Promise<ShownPressure | null>;
  own(catalogVersion: number): Promise<Reply<{ readonly own: Own | null }>>;
  timeline(before: number, limit: number): Promise<Entry[] | null>;
  recorded(after: number, limit: number): Promise<Reply<Recorded> | null>;
  handOver(target: string, cursor: number, terms?: Pick<Ask, 'instead' | 'turns'>): Promise<HandOver>;
  turned(source: string): Promise<void>;
  claimMessage(key: string): Promise<Claim>;
  settleMessage(key: string, settlement: Settlement): Promise<void>;
  messagesOf(before: number, limit: number): Promise<ShownMessage[] | null>;
  /** @returns whether it forwards to the target */
  release(target: string, terms?: ReleaseTerms): Promise<boolean>;
  adopt(source: string): Promise<void>;
  identifierTaken(kind: string, value: string, owner: string): Promise<void>;
  restore(target: string, given: GivenBack): Promise<void>;
  merges(): Promise<ShownMerge[] | null>;
  undoMerge(source: string): Promise<Undone>;
  forgetUndo(source: string): Promise<void>;
  wake(): Promise<void>;
}

export interface CustomerNamespace {
  getByName(name: string): CustomerObject;
  get(id: DurableObjectId): CustomerObject;
  idFromString(id: string): DurableObjectId;
}
