// The object's memory and its commit: rows read once, changed by drafts in ONE transactionSync together with the alarm,
// dropped after any failure. Everything that reads or writes a customer's state goes through here; what the state means
// stands elsewhere. Between two awaits nothing else runs, so after an await `load` is asked again.

import { isAccount } from '../accounts/state.ts';
import { loadMachine, machineInMemory } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now, platformTime } from '../clock.ts';
import { nextWakeAt } from '../engine/due.ts';
import { type Known, NOTHING_KNOWN } from '../engine/learner.ts';
import type { Run } from '../engine/machine.ts';
import { type MachineOf, NO_OPENINGS, type Openings } from '../engine/traveller.ts';
import { NO_TRIALS } from '../experiments/screen.ts';
import { NO_POLICIES } from '../policies/policies.ts';
import type { TotalsNamespace } from '../totals/messages.ts';
import { tellMembers } from './accounts.ts';
import type { Answered } from './adopting.ts';
import { fireTimers } from './advance.ts';
import { alarmAt, type Told } from './alarm.ts';
import { beginCommit, type Commit, finishCommit, willWrite } from './commit.ts';
import { inheritConsents } from './consents.ts';
import { inheritContacts } from './contacts.ts';
import { expiryAt } from './expiring.ts';
import { keptUntil } from './handing.ts';
import { linksIn } from './links.ts';
import type { Announcing, CustomerNamespace, CustomerObject, MessageTask, Projection, Rousing } from './messages.ts';
import { meetsOthers, noteMet } from './met.ts';
import { hasTables, migrate } from './migrations.ts';
import { inheritTold, overdueAt } from './overdue.ts';
import type { RegistryNamespace } from './registry.ts';
import { type CustomerState, draftOf, newState } from './state.ts';
import { clearErased, type OutboxRow, readErased, readOutbox, readState, writeErased } from './storage.ts';

export interface CustomerEnv {
  readonly CUSTOMER: CustomerNamespace;
  readonly TOTALS: TotalsNamespace;
  readonly REGISTRY: RegistryNamespace;
  readonly DB: D1Database;
  readonly PROJECTIONS: Queue<readonly Projection[] | Rousing | Announcing>;
  readonly MESSAGES: Queue<MessageTask>;
  readonly DEFAULT_LOCALE?: string;
  /** Seals click-through links. */
  readonly LINK_SECRET?: string;
  /** Names registries of identifiers; where it is absent, LINK_SECRET does. */
  readonly IDENTIFIER_SECRET?: string;
  /** Where the system itself is reached, such as https://journeys.example: for addresses in messages. */
  readonly PUBLIC_URL?: string;
}

export type Silence = 'import' | null;

export interface Cell {
  readonly env: CustomerEnv;
  readonly sql: SqlStorage;
  /** What the index was last told and has confirmed; memory only, because telling it twice is harmless. */
  told: Told | null;
  confirmed: number | null;
  /** Customers that are being taken over at this moment. */
  readonly adopting: Map<string, Promise<Answered>>;
  /** Keys of effects that are being delivered at this moment. */
  readonly underWay: Set<string>;
  readonly outbox: () => readonly OutboxRow[];
  readonly name: () => string;
  /** The customer, or null where nothing was ever recorded. */
  readonly load: () => CustomerState | null;
  /** The customer this one has become, or null. */
  readonly redirect: () => string | null;
  readonly stub: (customerId: string) => CustomerObject;
  readonly machineOf: (catalog: Catalog | null) => MachineOf;
  /** Whether there is nothing to bring. */
  readonly isReady: (catalog: Catalog) => boolean;
  /** Brings the alarm and every version that runs need into memory; afterwards nothing has to be awaited. */
  readonly ready: (catalog: Catalog) => Promise<boolean>;
  /** Runs work on a draft in one transaction; the draft becomes the state only if everything was written. */
  readonly transact: <T>(catalog: Catalog | null, silence: Silence, work: (commit: Commit) => T) => T;
  /** Fires what is due before an input at `at`, in as many commits as it takes; false when there is too much. */
  readonly catchUp: (catalog: Catalog, at: number, silence: Silence) => boolean;
  /** L1: the time of an input is never before that of the last one. */
  readonly inputTime: (at: number) => number;
  /** When something is due without an event: a timer, a schedule, a contact that is overdue. Milliseconds. */
  readonly wakeAt: (customer: CustomerState, catalog: Catalog | null) => number | null;
  /** Sets the alarm to what the rows say; unless `exactly`, only when it must come earlier than the one that is set. */
  readonly arm: (catalog: Catalog | null, exactly: boolean) => void;
  /** Sets the alarm, platform time. */
  readonly setAlarm: (at: number) => void;
  /** The platform has just run the alarm, so none is set. */
  readonly alarmRang: () => void;
  readonly reloadOutbox: () => void;
  /** When the customer was erased, milliseconds; null for anybody else. */
  readonly erasedAt: () => number | null;
  /** Removes everything, the alarm too. `erasedAt`: the time of the tombstone; null for none. */
  readonly wipe: (erasedAt: number | null) => Promise<void>;
  /** Drops memory: the next look reads the rows. */
  readonly forget: () => void;
}

const NO_MESSAGES: Catalog['messages'] = new Map();

/** How many commits of due timers one input waits for. */
const CATCH_UP_COMMITS_MAX = 20;

/** PV7: only of a visitor nobody knows. What is known of somebody else goes when they say so. */
export function idleAt(
  { id, movedTo, lastActivityAt, createdAt }: CustomerState,
  catalog: Catalog | null,
): number | null {
  if (!catalog || movedTo !== null || !id.startsWith('a:')) return null;
  return (lastActivityAt ?? createdAt) + catalog.policies.privacy.visitorsIdleMs;
}

/** Takes back the tables of a customer of whom nothing was written after all. */
const NOTHING_WRITTEN = new Error('nothing was written');

/**
 * What is known of a customer of whom nothing was written: nothing, or not yet what a catalog published since asks for
 * (CT8). Somebody new is told apart by having no rows at all.
 */
function recall(state: CustomerState, catalog: Catalog | null): void {
  if (state.known !== null || !catalog) return;
  const { learner } = openingsFor(catalog, state.id);
  state.known = state.catalogVersion >= learner.version ? learner.nobody : NEVER_ASKED;
}

/** Journeys of people begin for people, those of accounts for accounts (AC6). */
export const openingsFor = (catalog: Catalog | null, id: string): Openings =>
  catalog === null ? NO_OPENINGS : isAccount(id) ? catalog.accounts : catalog;

const NEVER_ASKED: Known = { ...NOTHING_KNOWN, key: 'never' };

export function openCell(ctx: DurableObjectState, env: CustomerEnv): Cell {
  const { storage } = ctx;
  const { sql } = storage;
  /** undefined: not read yet; null: no such customer. */
  let state: CustomerState | null | undefined;
  let tables: boolean | undefined;
  /** Known once the state is. */
  let erasedAt: number | null = null;
  let outbox: OutboxRow[] = [];
  /** The alarm as the platform has it, platform time; undefined: not asked yet. */
  let alarm: number | null | undefined;

  const load = (): CustomerState | null => {
    if (state !== undefined) return state;
    tables ??= hasTables(sql);
    if (tables) {
      storage.transactionSync(() => migrate(sql));
      outbox = readOutbox(sql);
    }
    state = tables ? readState(sql) : null;
    erasedAt = tables && !state ? readErased(sql) : null;
    return state;
  };

  const forget = (): void => {
    state = undefined;
    tables = undefined;
    alarm = undefined;
  };

  const name = (): string => {
    const known = ctx.id.name ?? load()?.id;
    if (known === undefined) throw new Error('broken invariant: a customer without a name');
    return known;
  };

  const machineOf =
    (catalog: Catalog | null): MachineOf =>
    (run) => {
      const machine = catalog && machineInMemory(catalog, run.journey, run.version);
      if (!machine) throw new Error(`broken invariant: ${run.journey} version ${run.version} is not in memory`);
      return machine;
    };

  const wakeAt = (customer: CustomerState, catalog: Catalog | null): number | null => {
    const due = nextWakeAt(customer, machineOf(catalog), openingsFor(catalog, customer.id));
    const overdue = catalog && overdueAt(sql, customer, catalog.policies);
    return due === null || (overdue !== null && overdue < due) ? overdue : due;
  };

  const setAlarm = (at: number): void => {
    alarm = at;
    void storage.setAlarm(at);
  };

  const arm = (catalog: Catalog | null, exactly: boolean): void => {
    const customer = load();
    if (!customer) return;
    recall(customer, catalog);
    const moving = customer.movedTo !== null && !customer.released;
    const wanted = alarmAt({
      nextDueAt: customer.movedTo === null ? wakeAt(customer, catalog) : null,
      dirtySince: moving ? null : customer.dirtySince,
      told: cell.told,
      outboxAt: outbox[0]?.nextAt ?? null,
      idleAt: idleAt(customer, catalog),
      expiryAt: catalog && expiryAt(sql, customer, catalog.policies.privacy.retention),
      importing: customer.importing,
      movingSince: moving ? now() : null,
      keptUntil: customer.released ? keptUntil(sql) : null,
    });
    const current = alarm ?? null;
    if (wanted === null) {
      if (!exactly || current === null) return;
      alarm = null;
      void storage.deleteAlarm();
      return;
    }
    const at = platformTime(wanted);
    if (current === null || at < current || (exactly && at !== current)) setAlarm(at);
  };

  const transact = <T>(catalog: Catalog | null, silence: Silence, work: (commit: Commit) => T): T => {
    const before = load();
    let result: { readonly value: T } | null = null;
    try {
      storage.transactionSync(() => {
        if (!before) migrate(sql);
        if (erasedAt !== null) clearErased(sql);
        if (before) recall(before, catalog);
        const draft = before ? draftOf(before) : newState(name(), now());
        inheritConsents(before, draft);
        inheritContacts(before, draft);
        inheritTold(before, draft);
        const commit = beginCommit({
          sql,
          state: draft,
          machineOf: machineOf(catalog),
          openings: openingsFor(catalog, name()),
          silence,
          isNew: before === null,
          now: now(),
          messages: catalog?.messages ?? NO_MESSAGES,
          policies: catalog?.policies ?? NO_POLICIES,
          links: linksIn(env),
          trials: catalog?.trials ?? NO_TRIALS,
          defaultLocale: env.DEFAULT_LOCALE ?? 'en',
        });
        result = { value: work(commit) };
        if (catalog) meet(commit, catalog, before);
        if (isAccount(draft.id) && (commit.traitsChanged || commit.dirty)) tellMembers(commit, null);
        strikeOff(commit);
        finishCommit(commit);
        if (commit.wrote) {
          state = draft;
          tables = true;
          erasedAt = null;
          if (commit.outbox) outbox = readOutbox(sql);
          arm(catalog, false);
        } else if (!before) throw NOTHING_WRITTEN;
      });
    } catch (error) {
      if (error !== NOTHING_WRITTEN) {
        forget();
        throw error;
      }
    }
    if (result === null) throw new Error('broken invariant: a commit without a result');
    return (result as { readonly value: T }).value;
  };

  /** The catalog of a commit that writes, and that other journeys may begin with it than with the one before. */
  const meet = (commit: Commit, catalog: Catalog, before: CustomerState | null): void => {
    if (before && meetsOthers(catalog, before) && willWrite(commit)) {
      noteMet(sql, catalog, before);
      commit.head = true;
    }
    commit.state.catalogVersion = catalog.version;
  };

  /**
   * What the index has confirmed is struck off by the next commit that writes the customer's row anyway. The alarm stays
   * where it is: moving one costs a commit of its own in the platform's file of alarms.
   */
  const strikeOff = ({ state: draft, head }: Commit): void => {
    if (head && draft.dirtySince !== null && (cell.confirmed ?? 0) >= draft.revision) draft.dirtySince = null;
  };

  /** A run whose version is not in memory. */
  const missingFrom = (catalog: Catalog): Run | null => {
    for (const run of load()?.runs.values() ?? []) if (!machineInMemory(catalog, run.journey, run.version)) return run;
    return null;
  };

  /** When the state at hand is next to be woken; a commit makes another state, so the two tell whether it still holds. */
  let woken: { of: CustomerState; by: Catalog; at: number | null } | null = null;

  const isDue = (catalog: Catalog, at: number): boolean => {
    const customer = load();
    if (!customer) return false;
    recall(customer, catalog);
    if (woken?.of !== customer || woken.by !== catalog)
      woken = { of: customer, by: catalog, at: wakeAt(customer, catalog) };
    return woken.at !== null && woken.at <= at;
  };

  const cell: Cell = {
    env,
    sql,
    told: null,
    confirmed: null,
    adopting: new Map(),
    underWay: new Set(),
    outbox: () => outbox,
    name,
    load,
    redirect: () => load()?.movedTo ?? null,
    stub: (customerId) => env.CUSTOMER.getByName(customerId),
    machineOf,
    isReady: (catalog) => alarm !== undefined && missingFrom(catalog) === null,
    ready: async (catalog) => {
      if (alarm === undefined) alarm = await storage.getAlarm();
      for (;;) {
        const missing = missingFrom(catalog);
        if (!missing) return true;
        if (!(await loadMachine(env.DB, missing.journey, missing.version))) return false;
      }
    },
    transact,
    catchUp: (catalog, at, silence) => {
      for (let commits = 0; commits < CATCH_UP_COMMITS_MAX; commits++) {
        if (!isDue(catalog, at)) return true;
        transact(catalog, load()?.importing ? 'import' : silence, (commit) => fireTimers(commit, at));
      }
      return !isDue(catalog, at);
    },
    inputTime: (at) => Math.max(at, load()?.lastInputAt ?? at),
    wakeAt,
    arm,
    setAlarm,
    alarmRang: () => {
      alarm = null;
    },
    erasedAt: () => {
      load();
      return erasedAt;
    },
    wipe: async (at) => {
      const gone = storage.deleteAll();
      if (at !== null)
        storage.transactionSync(() => {
          migrate(sql);
          writeErased(sql, at);
        });
      outbox = [];
      cell.told = null;
      cell.confirmed = null;
      forget();
      await gone;
      await storage.sync();
    },
    reloadOutbox: () => {
      outbox = tables ? readOutbox(sql) : [];
    },
    forget,
  };
  return cell;
}
