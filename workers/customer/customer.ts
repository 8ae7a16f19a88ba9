// The customer's object: one per customer, named by the canonical id. Loads rows, lets the cores decide, commits state,
// history, runs, outbox and alarm in ONE transactionSync, then drains what has to go out. Memory is a cache of rows and
// is dropped after any failure. Nothing is thrown across RPC for an expected failure, and nothing out of alarm().

import { DurableObject } from 'cloudflare:workers';
import { catalogAtLeast, loadMachine, machineInMemory } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { indexedRevision } from '../catalog/store.ts';
import type { Machine, Run } from '../engine/machine.ts';
import { applyEvent, engineEventOf, fireTimers } from './advance.ts';
import { alarmAt, checkIndexAt, mayTellNow, retryAt, type Told } from './alarm.ts';
import { decidePlacements, defaultDecisions, describe, stagesForDecision } from './answer.ts';
import { now, platformTime } from './clock.ts';
import { beginCommit, type Commit, finishCommit, nextDueOf, record } from './commit.ts';
import type {
  CustomerNamespace,
  CustomerObject,
  Decided,
  DecideRequest,
  DecisionRequest,
  Decisions,
  Described,
  EventStatus,
  Fired,
  HandOver,
  Imported,
  IncomingEvent,
  Ingested,
  IngestRequest,
  Projection,
  Reply,
} from './messages.ts';
import { hasTables, migrate } from './migrations.ts';
import { handOverPage, movedSources, readMove, takePage } from './move.ts';
import { type CustomerState, draftOf, liveRuns, newState, stagesOf } from './state.ts';
import {
  clearHistory,
  deferOutbox,
  deleteOutbox,
  type Entry,
  factsFromRows,
  type OutboxRow,
  readOutbox,
  readState,
  readTimeline,
} from './storage.ts';

export interface CustomerEnv {
  readonly CUSTOMER: CustomerNamespace;
  readonly DB: D1Database;
  readonly PROJECTIONS: Queue<Projection>;
}

const unavailable = (detail: string): { kind: 'unavailable'; detail: string } => ({ kind: 'unavailable', detail });

export class Customer extends DurableObject<CustomerEnv> implements CustomerObject {
  /** undefined: not read yet; null: no such customer. */
  #state: CustomerState | null | undefined;
  #outbox: OutboxRow[] = [];
  /** The alarm as the platform has it, platform time; undefined: not asked yet. */
  #alarm: number | null | undefined;
  /** What the index was last told and has confirmed; memory only, because telling it twice is harmless. */
  #told: Told | null = null;
  #confirmed: number | null = null;
  #tables: boolean | undefined;

  /** Accepts events of this customer and, if asked, decides placements, in one commit. */
  async ingest(request: IngestRequest): Promise<Reply<Ingested>> {
    const catalog = await catalogAtLeast(this.env.DB, request.catalogVersion);
    if (!catalog) return unavailable('the catalog cannot be read');
    const target = this.#redirect();
    if (target) return this.#stub(target).ingest({ ...request, customerId: target, via: this.#name() });
    for (const source of mergesOf(request)) await this.#adopt(source, catalog, now(), false);
    if (!(await this.#ready(catalog))) return unavailable('a journey version cannot be read');
    const moved = this.#redirect();
    if (moved) return this.#stub(moved).ingest({ ...request, customerId: moved, via: this.#name() });

    const at = this.#inputTime(now());
    if (!this.#catchUp(catalog, at, null)) return { kind: 'busy', retryAfterMs: 1_000 };
    const reply = this.#transact(catalog, null, (commit) => {
      const statuses: EventStatus[] = [];
      for (const event of request.events)
        statuses.push(applyEvent(commit, catalog, event, at) ? 'accepted' : 'duplicate');
      const last = request.events.at(-1) ?? null;
      const decisions = request.decide && this.#decide(commit, catalog, request.decide, last, request.proven, at);
      return {
        kind: 'done' as const,
        customerId: commit.state.id,
        stages: this.#shown(commit.state, request.proven),
        statuses,
        decisions,
      };
    });
    this.#drainAfterwards();
    this.#tellAfterwards(catalog);
    return reply;
  }

  /** Decides placements; with none asked for it only reads, and an unknown customer stays unknown. */
  async decide(request: DecideRequest): Promise<Reply<Decided>> {
    const catalog = await catalogAtLeast(this.env.DB, request.catalogVersion);
    if (!catalog) return unavailable('the catalog cannot be read');
    const target = this.#redirect();
    if (target) return this.#stub(target).decide({ ...request, customerId: target, via: this.#name() });
    if (request.via) await this.#adopt(request.via, catalog, now(), false);
    if (!(await this.#ready(catalog))) return unavailable('a journey version cannot be read');
    const at = this.#inputTime(now());
    if (this.#isDue(catalog, at) && !this.#catchUp(catalog, at, null)) return { kind: 'busy', retryAfterMs: 1_000 };
    if (request.decide.placements.length === 0 || !this.#mayShow(request.proven)) {
      const state = this.#load();
      const stages = state ? this.#shown(state, request.proven) : {};
      return {
        kind: 'done',
        customerId: this.#name(),
        stages,
        decisions: defaultDecisions(catalog, request.decide, at),
      };
    }
    const reply = this.#transact(catalog, null, (commit) => ({
      kind: 'done' as const,
      customerId: commit.state.id,
      decisions: this.#decide(commit, catalog, request.decide, null, request.proven, at),
      stages: this.#shown(commit.state, request.proven),
    }));
    this.#tellAfterwards(catalog);
    return reply;
  }

  /** History import: each event at its own time, timers in between, nothing sent, no alarm until `finishImport`. */
  async importEvents(catalogVersion: number, events: readonly IncomingEvent[]): Promise<Imported> {
    const catalog = await catalogAtLeast(this.env.DB, catalogVersion);
    if (!catalog) return unavailable('the catalog cannot be read');
    const statuses: EventStatus[] = [];
    for (const event of events) {
      if (event.merges) await this.#adopt(event.merges, catalog, event.at, true);
      if (!(await this.#ready(catalog))) return unavailable('a journey version cannot be read');
      const to = this.#redirect();
      if (to) return { kind: 'moved', to };
      const at = this.#inputTime(event.at);
      if (!this.#catchUp(catalog, at, 'import', true)) return { kind: 'busy', retryAfterMs: 1_000 };
      statuses.push(
        this.#transact(catalog, 'import', (commit) => {
          commit.state.importing = true;
          return applyEvent(commit, catalog, event, at) ? 'accepted' : 'duplicate';
        }),
      );
    }
    this.#drainAfterwards();
    return { kind: 'done', statuses };
  }

  /** The customer that holds what is known under this id: this one, or the one it has become. */
  async owner(): Promise<string> {
    return this.#redirect() ?? this.#name();
  }

  /** Ends an import: fires, without sending, what fell due up to now, and arms the alarm. */
  async finishImport(catalogVersion: number): Promise<Reply<Fired>> {
    return this.#fireUntil(catalogVersion, now(), 'import');
  }

  /** Fires what is due up to `until`, for a clock that is moved. Milliseconds. */
  async fireDue(catalogVersion: number, until: number): Promise<Reply<Fired>> {
    return this.#fireUntil(catalogVersion, until, null);
  }

  async #fireUntil(catalogVersion: number, until: number, silence: 'import' | null): Promise<Reply<Fired>> {
    const catalog = await catalogAtLeast(this.env.DB, catalogVersion);
    if (!catalog || !(await this.#ready(catalog))) return unavailable('the catalog cannot be read');
    if (!this.#load()) return { kind: 'done', timersFired: 0, projection: null };
    let timersFired = 0;
    let more = !this.#redirect();
    while (more) {
      more = this.#transact(catalog, silence, (commit) => {
        if (commit.state.importing && silence === 'import') {
          commit.state.importing = false;
          commit.head = true;
        }
        const rest = fireTimers(commit, until);
        timersFired += commit.timersFired;
        return rest;
      });
    }
    const projection = this.#project(catalog);
    this.#told = { revision: projection.revision, at: now() };
    this.#arm(catalog, true);
    return { kind: 'done', timersFired, projection };
  }

  /** The index has this revision. Noted in memory; the next alarm strikes off what is confirmed. */
  async confirm(revision: number): Promise<void> {
    this.#confirmed = Math.max(this.#confirmed ?? 0, revision);
  }

  async describe(): Promise<Described | null> {
    const target = this.#redirect();
    if (target) return this.#stub(target).describe();
    const state = this.#load();
    if (!state) return null;
    const catalog = await catalogAtLeast(this.env.DB, state.catalogVersion);
    if (!catalog || !(await this.#ready(catalog))) throw new Error('the catalog cannot be read');
    return describe(
      this.#load() ?? state,
      this.#machines(catalog),
      movedSources(this.ctx.storage.sql),
      this.#outbox.length,
    );
  }

  /** A page of the timeline, newest first; `before` is exclusive. Null: no such customer. */
  async timeline(before: number, limit: number): Promise<Entry[] | null> {
    const target = this.#redirect();
    if (target) return this.#stub(target).timeline(before, limit);
    return this.#load() ? readTimeline(this.ctx.storage.sql, before, limit) : null;
  }

  /** What is still to be told to the index, for whoever must know it now; null when it knows everything. */
  async pendingProjection(): Promise<Projection | null> {
    const state = this.#load();
    if (!state || state.dirtySince === null) return null;
    const catalog = await catalogAtLeast(this.env.DB, state.catalogVersion);
    return catalog && (await this.#ready(catalog)) ? this.#project(catalog) : null;
  }

  /** Gives the known customer `target` what is held here, a page at a time, and forwards to it from now on. */
  async handOver(target: string, cursor: number): Promise<HandOver> {
    const state = this.#load();
    if (!state || (state.movedTo === target && state.released)) return { kind: 'nothing' };
    if (state.movedTo !== null && state.movedTo !== target) return { kind: 'taken', by: state.movedTo };
    if (state.movedTo === null) {
      this.#transact(null, null, (commit) => {
        commit.state.movedTo = target;
        commit.state.importing = false;
        commit.dirty = true;
      });
      this.#tellAfterwards(null);
      this.#arm(null, true);
    }
    return handOverPage(this.ctx.storage.sql, this.#load() ?? state, cursor);
  }

  /** The target has everything: forget all but the redirect. */
  async release(target: string): Promise<void> {
    const state = this.#load();
    if (!state || state.movedTo !== target || state.released) return;
    this.#transact(null, null, (commit) => {
      clearHistory(commit.sql);
      commit.state.runs.clear();
      commit.state.traits = {};
      commit.state.released = true;
      commit.head = true;
    });
    this.#arm(null, true);
  }

  /** Asked by an anonymous object that was to be merged and has not heard since. */
  async adopt(source: string): Promise<void> {
    const catalog = await catalogAtLeast(this.env.DB, 0);
    if (catalog) await this.#adopt(source, catalog, now(), false);
    this.#drainAfterwards();
    this.#tellAfterwards(catalog);
  }

  override async alarm(): Promise<void> {
    this.#alarm = null;
    try {
      const state = this.#load();
      if (!state) return;
      if (state.movedTo !== null && !state.released) await this.#stub(state.movedTo).adopt(state.id);
      const catalog = await catalogAtLeast(this.env.DB, state.catalogVersion);
      if (!catalog || !(await this.#ready(catalog))) throw new Error('the catalog cannot be read');
      const at = this.#inputTime(now());
      const moreDue = state.importing || this.#redirect() ? false : !this.#catchUp(catalog, at, null);
      this.#tellAfterwards(catalog);
      await this.#drain();
      await this.#seeToIndex(catalog);
      if (moreDue) this.#setAlarm(Date.now());
      else this.#arm(catalog, true);
    } catch (error) {
      console.error(JSON.stringify({ at: 'alarm', error: error instanceof Error ? error.name : 'unknown' }));
      this.#forget();
      this.#setAlarm(platformTime(retryAt(now(), 0)));
    }
  }

  // ---- the commit ----

  /** Runs work on a draft in one transaction; the draft becomes the state only if everything was written. */
  #transact<T>(catalog: Catalog | null, silence: 'import' | null, work: (commit: Commit) => T): T {
    const state = this.#load();
    try {
      return this.ctx.storage.transactionSync(() => {
        const sql = this.ctx.storage.sql;
        if (!state) migrate(sql);
        const commit = beginCommit(
          sql,
          state ? draftOf(state) : newState(this.#name(), now()),
          this.#machines(catalog),
          silence,
          state === null,
        );
        const result = work(commit);
        if (catalog) commit.state.catalogVersion = Math.max(commit.state.catalogVersion, catalog.version);
        finishCommit(commit, now());
        if (commit.wrote) {
          this.#state = commit.state;
          this.#tables = true;
          this.#arm(catalog, false);
        }
        return result;
      });
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #decide(
    commit: Commit,
    catalog: Catalog,
    request: DecisionRequest,
    asking: IncomingEvent | null,
    proven: boolean,
    at: number,
  ): Decisions {
    const { state } = commit;
    if (!this.#mayShow(proven)) return defaultDecisions(catalog, request, at);
    const facts = factsFromRows(commit.sql, state.traits, state.lastActivityAt);
    const event = asking && engineEventOf(asking);
    const decisions = decidePlacements(catalog, request, {
      customerId: state.id,
      stages: stagesForDecision(catalog, state),
      facts,
      event,
      now: at,
    });
    if (request.placements.length > 0) record(commit, 'decision', at, { placements: shownIn(decisions) });
    return decisions;
  }

  #shown(state: CustomerState, proven: boolean): Record<string, string> {
    return this.#mayShow(proven) ? stagesOf(state) : {};
  }

  /** I8: what is known of a known customer is shown with proof only. */
  #mayShow(proven: boolean): boolean {
    return proven || !this.#name().startsWith('u:');
  }

  /** Fires what is due before an input at `at`, in as many commits as it takes. @returns false when there is too much */
  #catchUp(catalog: Catalog, at: number, silence: 'import' | null, importing = false): boolean {
    for (let commits = 0; commits < CATCH_UP_COMMITS_MAX; commits++) {
      if (!this.#isDue(catalog, at)) return true;
      if (this.#load()?.importing && !importing) return true;
      this.#transact(catalog, silence, (commit) => fireTimers(commit, at));
    }
    return !this.#isDue(catalog, at);
  }

  #isDue(catalog: Catalog, at: number): boolean {
    const state = this.#load();
    if (!state) return false;
    const dueAt = nextDueOf(state, this.#machines(catalog));
    return dueAt !== null && dueAt <= at;
  }

  /** L1: the time of an input is never before that of the last one. */
  #inputTime(at: number): number {
    const last = this.#load()?.lastInputAt;
    return last === undefined ? at : Math.max(at, last);
  }

  // ---- memory ----

  #name(): string {
    const name = this.ctx.id.name ?? this.#load()?.id;
    if (name === undefined) throw new Error('broken invariant: a customer without a name');
    return name;
  }

  #load(): CustomerState | null {
    if (this.#state !== undefined) return this.#state;
    const sql = this.ctx.storage.sql;
    this.#tables ??= hasTables(sql);
    if (this.#tables) {
      migrate(sql);
      this.#outbox = readOutbox(sql);
    }
    this.#state = this.#tables ? readState(sql) : null;
    return this.#state;
  }

  #forget(): void {
    this.#state = undefined;
    this.#tables = undefined;
    this.#alarm = undefined;
  }

  #redirect(): string | null {
    return this.#load()?.movedTo ?? null;
  }

  #stub(customerId: string): CustomerObject {
    return this.env.CUSTOMER.getByName(customerId);
  }

  #machines(catalog: Catalog | null): (run: Run) => Machine {
    return (run) => {
      const machine = catalog && machineInMemory(catalog, run.journey, run.version);
      if (!machine) throw new Error(`broken invariant: ${run.journey} version ${run.version} is not in memory`);
      return machine;
    };
  }

  /** Brings the alarm and every version that live runs need into memory; afterwards nothing has to be awaited. */
  async #ready(catalog: Catalog): Promise<boolean> {
    if (this.#alarm === undefined) this.#alarm = await this.ctx.storage.getAlarm();
    for (;;) {
      const state = this.#load();
      const missing = state
        ? [...state.runs.values()].find((run) => !machineInMemory(catalog, run.journey, run.version))
        : undefined;
      if (!missing) return true;
      if (!(await loadMachine(this.env.DB, missing.journey, missing.version))) return false;
    }
  }

  // ---- merging ----

  /** Takes over what the anonymous customer `source` holds, at the instant `at` of who said that it is this one. */
  async #adopt(source: string, catalog: Catalog, at: number, importing: boolean): Promise<void> {
    for (;;) {
      const before = this.#load() ? readMove(this.ctx.storage.sql, source) : { cursor: 0, done: false };
      if (before.done || this.#redirect()) return;
      const page = await this.#stub(source).handOver(this.#name(), before.cursor);
      if (page.kind !== 'page') return;
      const runs = (page.rest?.runs ?? []).map((text) => JSON.parse(text) as Run);
      for (const run of runs)
        if (
          !machineInMemory(catalog, run.journey, run.version) &&
          !(await loadMachine(this.env.DB, run.journey, run.version))
        )
          throw new Error('a journey version cannot be read');
      if (!(await this.#ready(catalog))) throw new Error('a journey version cannot be read');
      const again = this.#load() ? readMove(this.ctx.storage.sql, source) : before;
      if (again.done || again.cursor !== before.cursor) continue;
      this.#transact(catalog, null, (commit) => {
        commit.state.importing ||= importing;
        takePage(commit, source, page, at);
      });
      this.#outbox = readOutbox(this.ctx.storage.sql);
      if (page.next === null) return;
    }
  }

  // ---- what goes out ----

  #drainAfterwards(): void {
    if (this.#outbox.length > 0) this.ctx.waitUntil(this.#drain().catch(() => undefined));
  }

  /** Delivers effects; one that is confirmed is forgotten, one that fails is tried again later. */
  async #drain(): Promise<void> {
    for (const row of [...this.#outbox]) {
      const effect = JSON.parse(row.body) as { kind: 'release'; source: string };
      try {
        await this.#stub(effect.source).release(this.#name());
        deleteOutbox(this.ctx.storage.sql, row.key);
      } catch {
        deferOutbox(this.ctx.storage.sql, row.key, retryAt(now(), row.attempts));
      }
    }
    this.#outbox = this.#tables === false ? [] : readOutbox(this.ctx.storage.sql);
  }

  /** Tells the index right after a commit that changed a stage; what comes too soon after the last waits for the alarm. */
  #tellAfterwards(catalog: Catalog | null): void {
    const state = this.#load();
    if (!state || state.dirtySince === null || state.importing || state.revision === this.#told?.revision) return;
    if (mayTellNow(this.#told, now())) this.ctx.waitUntil(this.#tell(catalog).catch(() => undefined));
  }

  async #tell(catalog: Catalog | null): Promise<void> {
    const projection = this.#project(catalog);
    this.#told = { revision: projection.revision, at: now() };
    await this.env.PROJECTIONS.send(projection, { contentType: 'json' });
  }

  /** Strikes off what the index has, tells it what it has not. */
  async #seeToIndex(catalog: Catalog): Promise<void> {
    const state = this.#load();
    if (!state || state.importing || state.dirtySince === null) return;
    const dueAt = checkIndexAt({ dirtySince: state.dirtySince, told: this.#told, revision: state.revision });
    if (dueAt === null || dueAt > now()) return;
    this.#confirmed ??= await indexedRevision(this.env.DB, state.id);
    if ((this.#confirmed ?? 0) < state.revision) return this.#tell(catalog);
    const confirmed = this.#confirmed ?? 0;
    this.#transact(catalog, null, (commit) => {
      if (commit.state.revision > confirmed) return;
      commit.state.dirtySince = null;
      commit.head = true;
    });
  }

  #project(catalog: Catalog | null): Projection {
    const state = this.#load();
    if (!state) throw new Error('broken invariant: nothing to project');
    return {
      customerId: state.id,
      revision: state.revision,
      createdAt: state.createdAt,
      nextDueAt: state.movedTo === null ? nextDueOf(state, this.#machines(catalog)) : null,
      stages: state.movedTo === null ? unkeyedStages(state) : [],
      gone: state.movedTo !== null,
    };
  }

  // ---- the alarm ----

  /** Sets the alarm to what the rows say; unless `exactly`, only when it must come earlier than the one that is set. */
  #arm(catalog: Catalog | null, exactly: boolean): void {
    const state = this.#load();
    if (!state) return;
    const moving = state.movedTo !== null && !state.released;
    const wanted = alarmAt({
      nextDueAt: state.movedTo === null ? nextDueOf(state, this.#machines(catalog)) : null,
      dirtySince: moving ? null : state.dirtySince,
      told: this.#told,
      revision: state.revision,
      outboxAt: this.#outbox[0]?.nextAt ?? null,
      importing: state.importing,
      movingSince: moving ? now() : null,
    });
    const current = this.#alarm ?? null;
    if (wanted === null) {
      if (exactly && current !== null) {
        this.#alarm = null;
        void this.ctx.storage.deleteAlarm();
      }
      return;
    }
    const at = platformTime(wanted);
    if (current === null || at < current || (exactly && at !== current)) this.#setAlarm(at);
  }

  #setAlarm(at: number): void {
    this.#alarm = at;
    void this.ctx.storage.setAlarm(at);
  }
}

/** How many commits of due timers one input waits for. */
const CATCH_UP_COMMITS_MAX = 20;

const unkeyedStages = (state: CustomerState): Projection['stages'] =>
  liveRuns(state)
    .filter((run) => run.key === null)
    .map(({ journey, stage, enteredAt }) => ({ journey, stage, enteredAt }));

function mergesOf(request: IngestRequest): Set<string> {
  const sources = new Set<string>();
  if (request.via) sources.add(request.via);
  for (const event of request.events) if (event.merges) sources.add(event.merges);
  return sources;
}

/** What the timeline keeps of a decision: which, not what it looked like. */
function shownIn(
  decisions: Decisions,
): Record<string, { kind: string; id: string; version: number; decisionId: string }[]> {
  return Object.fromEntries(
    Object.entries(decisions).map(([placement, list]) => [
      placement,
      list.map(({ kind, id, version, decisionId }) => ({ kind, id, version, decisionId })),
    ]),
  );
}
