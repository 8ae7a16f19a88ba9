// The customer's object: one per customer, named by the canonical id. Loads, lets the cores decide, commits, then lets
// out what has to go out. Nothing is thrown across RPC for an expected failure, and nothing out of alarm().
// Memory and commits: cell.ts. What leaves: outbound.ts. What an input does: advance.ts.

import { DurableObject } from 'cloudflare:workers';
import { isAccount, type Members } from '../accounts/state.ts';
import { catalogInMemory } from '../catalog/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now, platformTime } from '../clock.ts';
import { accountsIn, forgetMember, readMembers } from './accounts.ts';
import { adoptSource, catalogOf, GOES_ON, SAID } from './adopting.ts';
import { applyEvents } from './advance.ts';
import { retryAt } from './alarm.ts';
import { decideAndRecord, describe, isLimited, mayShow, recordedOf, shownId, shownStages } from './answer.ts';
import { asked } from './asking.ts';
import { type Cell, type CustomerEnv, openCell, type Silence } from './cell.ts';
import { endOfLog, saidBy, shownConsents } from './consents.ts';
import { decideClaiming, decideNow, said } from './deciding.ts';
import { erase, isErased, keptOf, rejected, removeIdle, tiesOf } from './erasing.ts';
import { openFlood } from './flood.ts';
import { forgetKept, handOver, release, restore, takeBack, takenBy, turned } from './handing.ts';
import { loseIdentifier, shownIdentifiers } from './identifiers.ts';
import { fireUntil, importEvents } from './importing.ts';
import { linkSecretIn } from './links.ts';
import type {
  Claim,
  ConsentLog,
  CustomerCalls,
  Decided,
  DecideRequest,
  Described,
  Erased,
  Fired,
  GivenBack,
  HandOver,
  Imported,
  IncomingEvent,
  Ingested,
  IngestRequest,
  Kept,
  Own,
  Projection,
  Recorded,
  ReleaseTerms,
  Reply,
  Said,
  Settlement,
  ShownMerge,
  ShownMessage,
  ShownPressure,
  Standing,
  Undone,
  Wording,
} from './messages.ts';
import { readMet } from './met.ts';
import { movedSources } from './move.ts';
import { drain, projectionOf, seeToIndex, tellAfterwards } from './outbound.ts';
import { ownView, shownDevices } from './own.ts';
import { passedOn } from './passing.ts';
import { expire, lookAnew, readCheckpoint } from './retaining.ts';
import { claimMessage, readMessages, settleMessage } from './sending.ts';
import { shownPressure } from './showing.ts';
import { ASK_BY_RPC, answered, readQuestionUrl, standingBody } from './standing.ts';
import { consentLogBodies, type Entry, readEntriesAfter, readTimeline } from './storage.ts';
import { forgetUndo, shownMerges, undo, undoable } from './undoing.ts';
import { answerAsJson, decisionsAsJson, type Sealing } from './wording.ts';

export type { CustomerEnv };

const unavailable = (detail: string): { kind: 'unavailable'; detail: string } => ({ kind: 'unavailable', detail });
const NO_CATALOG = unavailable('the catalog cannot be read');
type Opened =
  | { readonly kind: 'open'; readonly catalog: Catalog; readonly at: number }
  | { readonly kind: 'moved'; readonly to: string }
  | Exclude<Standing, string>;
const BUSY = { kind: 'busy', retryAfterMs: 1_000 } as const;

export class Customer extends DurableObject<CustomerEnv> implements CustomerCalls {
  readonly #cell = openCell(this.ctx, this.env);
  readonly #flood = openFlood();
  readonly #afterwards = (work: Promise<void>): void => this.ctx.waitUntil(work);

  /** Accepts events of this customer and, if asked, decides placements, in one commit. */
  async ingest(request: IngestRequest): Promise<Reply<Ingested>> {
    const retryAfterMs = this.#flood.take(Math.max(1, request.events.length), Date.now());
    if (retryAfterMs > 0) return { kind: 'flooded', retryAfterMs };
    const cell = this.#cell;
    const catalog = catalogInMemory(request.catalogVersion) ?? (await catalogOf(cell, request.catalogVersion));
    if (!catalog) return NO_CATALOG;
    if (isErased(cell, catalog, now())) return { kind: 'done', ...rejected(catalog, request, now(), this.#sealing()) };
    // A promise to become another one that came back to who gave it is void (GM5).
    if (request.via === cell.name() && (await cell.ready(catalog))) takeBack(cell, catalog);
    const target = cell.redirect();
    if (target)
      return passedOn(cell.stub(target).ingest({ ...request, customerId: target, via: request.via ?? cell.name() }));
    if (request.via !== undefined) await adoptSource(cell, request.via, catalog, now(), GOES_ON);
    for (const source of mergesOf(request))
      if ((await adoptSource(cell, source, catalog, now(), SAID)) === 'again') return BUSY;
    if (!(cell.isReady(catalog) || (await cell.ready(catalog)))) return NO_CATALOG;
    const moved = cell.redirect();
    if (moved)
      return passedOn(cell.stub(moved).ingest({ ...request, customerId: moved, via: request.via ?? cell.name() }));

    const at = cell.inputTime(now());
    if (!cell.catchUp(catalog, at, null)) return BUSY;
    const { events, decide, proven } = request;
    const who = { asking: events.at(-1) ?? null, proven, at };
    const asksTotals = decide !== null && isLimited(catalog, decide) && mayShow(cell.name(), proven);
    const reply = cell.transact(catalog, null, (commit) => {
      const statuses = applyEvents(commit, events, at);
      const decisions = decide && !asksTotals ? decideAndRecord(commit, catalog, decide, who).decisions : null;
      const stages = shownStages(commit, catalog, who);
      return { kind: 'done' as const, customerId: shownId(request, commit.state.id), stages, statuses, decisions };
    });
    // What is limited in all is asked for by what the events led to, so its decision is a commit of its own.
    const claimed = asksTotals ? await decideClaiming(cell, catalog, decide, who) : null;
    this.#tell(catalog);
    const decisions = claimed?.decisions ?? reply.decisions;
    if (!request.wording || !decisions) return { ...reply, decisions };
    const worded = decisionsAsJson(decisions, request.wording, reply.customerId, this.#sealing());
    return { ...reply, decisions: null, worded };
  }

  /** `decide`, with the whole body of the answer as JSON. */
  async answer(request: DecideRequest, wording: Wording): Promise<Standing> {
    const reply = await this.decide(request);
    return reply.kind === 'done' ? answerAsJson(reply, wording, this.#sealing()) : reply;
  }

  /** A question answered the short way (standing.ts): what has to be awaited first is asked by RPC. */
  override fetch(request: Request): Response | Promise<Response> {
    const question = readQuestionUrl(request.url);
    if (!question) return new Response(null, { status: 404 });
    const cell = this.#cell;
    const catalog = catalogInMemory(question.catalogVersion);
    const at = cell.inputTime(now());
    if (!catalog || cell.redirect() || !cell.isReady(catalog) || !cell.catchUp(catalog, at, null))
      return new Response(null, { status: ASK_BY_RPC });
    const { startedAt, requestId, proven, decide } = question;
    if (decide && isLimited(catalog, decide.request)) return new Response(null, { status: ASK_BY_RPC });
    if (this.#flood.take(1, Date.now()) > 0) return new Response(null, { status: 503 });
    if (!decide) return answered(standingBody(this.#standing(catalog, at, question)), startedAt, requestId);
    const decided = decideNow(cell, catalog, { proven, decide: decide.request }, at);
    this.#tell(catalog);
    return answered(answerAsJson(decided, decide.wording, this.#sealing()), startedAt, requestId);
  }

  #sealing(): Sealing {
    return { secret: linkSecretIn(this.env), madeAt: now() };
  }

  /** Where the customer stands; only reads, and an unknown customer stays unknown. `via`: who forwards, after a merge. */
  async standing(catalogVersion: number, proven: boolean, via?: string): Promise<Standing> {
    const opened = await this.#open(catalogVersion, via);
    const cell = this.#cell;
    if (opened.kind === 'moved') return cell.stub(opened.to).standing(catalogVersion, proven, via ?? cell.name());
    if (opened.kind !== 'open') return opened;
    return this.#standing(opened.catalog, opened.at, via === undefined ? { proven } : { proven, via });
  }

  #standing(catalog: Catalog, at: number, asked: { readonly proven: boolean; readonly via?: string }): string {
    const state = this.#cell.load();
    const id = shownId(asked, this.#cell.name());
    const { sql } = this.#cell;
    const stages = state ? shownStages({ sql, state }, catalog, { proven: asked.proven, at }) : {};
    return JSON.stringify({ id, stages });
  }

  /** Decides placements, and records what was shown; with none asked for it only reads. */
  async decide(request: DecideRequest): Promise<Reply<Decided>> {
    const opened = await this.#open(request.catalogVersion, request.via);
    const cell = this.#cell;
    if (opened.kind === 'moved')
      return passedOn(
        cell.stub(opened.to).decide({ ...request, customerId: opened.to, via: request.via ?? cell.name() }),
      );
    if (opened.kind !== 'open') return opened;
    const { catalog, at } = opened;
    const { decide, proven } = request;
    const decided =
      isLimited(catalog, decide) && mayShow(cell.name(), proven) && cell.erasedAt() === null
        ? said(cell, catalog, at, request, await decideClaiming(cell, catalog, decide, { asking: null, proven, at }))
        : decideNow(cell, catalog, request, at);
    this.#tell(catalog);
    return { kind: 'done', ...decided };
  }

  /** Before a question is answered: what was handed over is here, and what fell due has fired. */
  async #open(catalogVersion: number, via: string | undefined): Promise<Opened> {
    const retryAfterMs = this.#flood.take(1, Date.now());
    if (retryAfterMs > 0) return { kind: 'flooded', retryAfterMs };
    const cell = this.#cell;
    const catalog = catalogInMemory(catalogVersion) ?? (await catalogOf(cell, catalogVersion));
    if (!catalog) return NO_CATALOG;
    const to = cell.redirect();
    if (to) return { kind: 'moved', to };
    if (via !== undefined) await adoptSource(cell, via, catalog, now(), GOES_ON);
    if (!(cell.isReady(catalog) || (await cell.ready(catalog)))) return NO_CATALOG;
    const at = cell.inputTime(now());
    return cell.catchUp(catalog, at, null) ? { kind: 'open', catalog, at } : BUSY;
  }

  /** History import: each event at its own time, timers in between, nothing sent, no alarm until `finishImport`. */
  async importEvents(catalogVersion: number, events: readonly IncomingEvent[]): Promise<Imported> {
    const imported = await importEvents(this.#cell, catalogVersion, events);
    if (imported?.kind === 'done') this.#letOut();
    return imported ?? NO_CATALOG;
  }

  /** The customer that holds what is known under this id: this one, or the one it has become. */
  async owner(): Promise<string> {
    return this.#cell.redirect() ?? this.#cell.name();
  }

  /** Ends an import: fires, without sending, what fell due up to now, and arms the alarm. */
  async finishImport(catalogVersion: number): Promise<Reply<Fired>> {
    return this.#fireUntil(catalogVersion, now(), 'import');
  }

  /** Fires what is due up to `until`, for a clock that is moved. Milliseconds. */
  async fireDue(catalogVersion: number, until: number): Promise<Reply<Fired>> {
    return this.#fireUntil(catalogVersion, until, null);
  }

  async #fireUntil(catalogVersion: number, until: number, silence: Silence): Promise<Reply<Fired>> {
    const fired = await fireUntil(this.#cell, catalogVersion, until, silence);
    this.#letOut();
    return fired ?? NO_CATALOG;
  }

  /** Other journeys may begin by calendar than when anything last happened to this customer, or something else is worked out (SG12). */
  async rouse(catalogVersion: number): Promise<Reply<object>> {
    const cell = this.#cell;
    const catalog = await catalogOf(cell, catalogVersion);
    if (!catalog || !(await cell.ready(catalog))) return NO_CATALOG;
    if (!cell.load() || cell.redirect() || cell.load()?.importing) return { kind: 'done' };
    // What is too much for one call goes on with the alarm.
    cell.catchUp(catalog, cell.inputTime(now()), null);
    lookAnew(cell, catalog, now());
    cell.transact(catalog, null, (commit) => {
      commit.dirty = true;
    });
    tellAfterwards(cell, catalog, this.#afterwards);
    return { kind: 'done' };
  }

  /** Who acts for this account; null where it is none. */
  async members(): Promise<Members | null> {
    return this.#cell.load() && isAccount(this.#cell.name()) ? readMembers(this.#cell.sql) : null;
  }

  /** Companies this customer has ever acted for. */
  async accountsOf(): Promise<string[]> {
    return this.#cell.load() ? accountsIn(this.#cell.sql) : [];
  }

  /** AC11. */
  async forgetMember(member: string): Promise<void> {
    const cell = this.#cell;
    if (!cell.load()) return;
    cell.transact(await readyCatalog(cell), null, (commit) => forgetMember(commit, member));
  }

  /** SG11: whether a condition holds now, and nothing is changed by asking. Null: there is no such customer, or it does not compile. */
  async asks(condition: string, catalogVersion: number): Promise<boolean | null> {
    const cell = this.#cell;
    const catalog = await catalogOf(cell, catalogVersion);
    const state = cell.load();
    return catalog && state && !cell.redirect() ? asked(cell.sql, state, catalog, condition, now()) : null;
  }

  /** The index has this revision. Noted in memory; the next alarm strikes off what is confirmed. */
  async confirm(revision: number): Promise<void> {
    this.#cell.confirmed = Math.max(this.#cell.confirmed ?? 0, revision);
  }

  async describe(): Promise<Described | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).describe());
    if (!cell.load()) return null;
    const catalog = await readyCatalog(cell);
    const state = cell.load();
    if (!state) return null;
    const consents = shownConsents(cell.sql, state, catalog.policies.consent, now());
    const devices = shownDevices(cell.sql, state);
    const stated = shownIdentifiers(cell.sql);
    return describe(
      state,
      cell.machineOf(catalog),
      movedSources(cell.sql),
      cell.outbox().length,
      consents,
      devices,
      stated,
    );
  }

  async pressure(): Promise<ShownPressure | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).pressure());
    if (!cell.load()) return null;
    const catalog = await readyCatalog(cell);
    const state = cell.load();
    return state && shownPressure(cell.sql, state, catalog, now());
  }

  async consentLog(from: number, limit: number): Promise<ConsentLog | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).consentLog(from, limit));
    return cell.load() ? { lines: consentLogBodies(cell.sql, from, limit), end: endOfLog(cell.sql) } : null;
  }

  async saidSoFar(catalogVersion: number): Promise<Reply<{ said: Said }>> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).saidSoFar(catalogVersion));
    const catalog = await catalogOf(cell, catalogVersion);
    if (!catalog) return NO_CATALOG;
    return { kind: 'done', said: saidBy(cell.sql, cell.load(), catalog.policies.consent, now()) };
  }

  /** What this customer is shown of themselves, who has proven to be; null: nothing is known. Only reads. */
  async own(catalogVersion: number): Promise<Reply<{ readonly own: Own | null }>> {
    const opened = await this.#open(catalogVersion, undefined);
    const cell = this.#cell;
    if (opened.kind === 'moved') return passedOn(cell.stub(opened.to).own(catalogVersion));
    if (opened.kind !== 'open') return opened;
    const state = cell.load();
    const consents = state && shownConsents(cell.sql, state, opened.catalog.policies.consent, opened.at);
    return { kind: 'done', own: state && ownView(cell.sql, state, consents ?? {}, opened.catalog.policies.identity) };
  }

  /** A page of the timeline, newest first; `before` is exclusive. Null: no such customer. */
  async timeline(before: number, limit: number): Promise<Entry[] | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).timeline(before, limit));
    return cell.load() ? readTimeline(cell.sql, before, limit) : null;
  }

  /**
   * A page of everything recorded, oldest first, for replay: entries after `after`, and the customer with its runs as they
   * are once everything due has fired. Null: no such customer.
   */
  async recorded(after: number, limit: number): Promise<Reply<Recorded> | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).recorded(after, limit));
    if (!cell.load()) return null;
    const catalog = await catalogOf(cell);
    if (!catalog || !(await cell.ready(catalog))) return NO_CATALOG;
    const asOf = cell.inputTime(now());
    const idle = cell.load()?.importing ?? false;
    if (!idle && !cell.catchUp(catalog, asOf, null)) return BUSY;
    const state = cell.load();
    return (
      state && {
        kind: 'done',
        ...recordedOf(state, idle ? state.lastInputAt : asOf, readMet(cell.sql, state), readCheckpoint(cell.sql)),
        entries: readEntriesAfter(cell.sql, after, limit),
      }
    );
  }

  /** What is still to be told to the index, for whoever must know it now; null when it knows everything. */
  async pendingProjection(): Promise<Projection | null> {
    const cell = this.#cell;
    if ((cell.load()?.dirtySince ?? null) === null) return null;
    const catalog = await catalogOf(cell);
    return catalog && (await cell.ready(catalog)) ? projectionOf(cell, catalog) : null;
  }

  /** Gives a message to who is about to send it; of a customer who moved on, what was handed over is asked there. */
  async claimMessage(key: string): Promise<Claim> {
    const cell = this.#cell;
    if (!cell.load()) return { kind: 'over' };
    const catalog = await readyCatalog(cell);
    const target = await takenBy(cell);
    if (target) return passedOn(cell.stub(target).claimMessage(key));
    return cell.transact(catalog, null, (commit) => claimMessage(commit, key));
  }

  /** What came of a message that was claimed. */
  async settleMessage(key: string, settlement: Settlement): Promise<void> {
    const cell = this.#cell;
    const catalog = await readyCatalog(cell);
    const target = await takenBy(cell);
    if (target) return cell.stub(target).settleMessage(key, settlement);
    return cell.transact(catalog, null, (commit) => settleMessage(commit, key, settlement));
  }

  /** A page of the messages to this customer, newest first; `before` is exclusive. Null: no such customer. */
  async messagesOf(before: number, limit: number): Promise<ShownMessage[] | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).messagesOf(before, limit));
    return cell.load() ? readMessages(cell.sql, cell.name(), before, limit) : null;
  }

  async erase(): Promise<Erased> {
    return erase(this.#cell, now());
  }

  async ties(): Promise<string[]> {
    return tiesOf(this.#cell);
  }

  async kept(): Promise<Kept | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).kept());
    return cell.load() ? keptOf(cell) : null;
  }

  /** Gives `target` what is held here, a page at a time, and forwards to it from now on. */
  async handOver(target: string, cursor: number, terms = { instead: [], turns: false }): Promise<HandOver> {
    const answer = await handOver(this.#cell, target, cursor, terms);
    tellAfterwards(this.#cell, null, this.#afterwards);
    return answer;
  }

  /** The target has everything, or has who this one forwards to. */
  async release(target: string, terms: ReleaseTerms = { keepMs: 0, instead: [] }): Promise<boolean> {
    return release(this.#cell, target, terms);
  }

  /** What comes for this anonymous customer from now on is somebody else's. */
  async turned(source: string): Promise<void> {
    const target = this.#cell.redirect();
    if (target) return this.#cell.stub(target).turned(source);
    turned(this.#cell, source);
  }

  /** Asked by an object that was to be merged and has not heard since. */
  async adopt(source: string): Promise<void> {
    const cell = this.#cell;
    if (source === cell.name()) return takeBack(cell, await readyCatalog(cell));
    const target = cell.redirect();
    if (target) return cell.stub(target).adopt(source);
    const catalog = await catalogOf(cell);
    if (catalog && isErased(cell, catalog, now())) return;
    if (catalog) await adoptSource(cell, source, catalog, now(), GOES_ON);
    this.#letOut();
    tellAfterwards(cell, catalog, this.#afterwards);
  }

  /** A claim of higher rank has taken an identifier from this customer. */
  async identifierTaken(kind: string, value: string, owner: string): Promise<void> {
    const cell = this.#cell;
    if (!cell.load() || cell.redirect()) return;
    const catalog = await readyCatalog(cell);
    cell.transact(catalog, null, (commit) => loseIdentifier(commit, kind, value, owner));
  }

  /** A merge into `target` was undone. */
  async restore(target: string, given: GivenBack): Promise<void> {
    const cell = this.#cell;
    const catalog = await readyCatalog(cell);
    restore(cell, catalog, target, given);
    this.#tell(catalog);
    if (!cell.redirect()) cell.arm(catalog, true);
  }

  /** Who has become this customer. Null: no such customer. */
  async merges(): Promise<ShownMerge[] | null> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).merges());
    return cell.load() ? shownMerges(cell.sql, now()) : null;
  }

  /** What `source` brought cannot be given back any more. */
  async forgetUndo(source: string): Promise<void> {
    forgetUndo(this.#cell, source);
  }

  /** Undoes a merge into this customer, if that is still possible. */
  async undoMerge(source: string): Promise<Undone> {
    const cell = this.#cell;
    const target = cell.redirect();
    if (target) return passedOn(cell.stub(target).undoMerge(source));
    if (!cell.load()) return { kind: 'none' };
    const catalog = await catalogOf(cell);
    if (!catalog || !(await cell.ready(catalog))) return { kind: 'unavailable' };
    if (cell.redirect() || !cell.catchUp(catalog, cell.inputTime(now()), null)) return { kind: 'unavailable' };
    const answer = undoable(cell.sql, source, now());
    if (answer.kind !== 'done') return answer;
    cell.transact(catalog, null, (commit) => undo(commit, source));
    await drain(cell);
    this.#tell(catalog);
    cell.arm(catalog, true);
    return answer;
  }

  override async alarm(): Promise<void> {
    this.#cell.alarmRang();
    await this.wake();
  }

  /** Does what is due; for the alarm, and for a clock that was moved past it. Never throws. */
  async wake(): Promise<void> {
    const cell = this.#cell;
    try {
      const state = cell.load();
      if (!state) return;
      if (state.movedTo !== null && !state.released) await cell.stub(state.movedTo).adopt(state.id);
      await forgetKept(cell);
      const catalog = await readyCatalog(cell);
      const idle = cell.redirect() !== null || (cell.load()?.importing ?? false);
      if (await removeIdle(cell, catalog, now())) return;
      const caughtUp = idle || cell.catchUp(catalog, cell.inputTime(now()), null);
      if (caughtUp) expire(cell, catalog, now());
      if (cell.load()?.revision !== state.revision) tellAfterwards(cell, catalog, this.#afterwards);
      await drain(cell);
      await seeToIndex(cell, catalog, this.#afterwards);
      if (caughtUp) cell.arm(catalog, true);
      else cell.setAlarm(Date.now());
    } catch (error) {
      console.error(JSON.stringify({ at: 'alarm', error: error instanceof Error ? error.name : 'unknown' }));
      cell.forget();
      cell.setAlarm(platformTime(retryAt(now(), 0)));
    }
  }

  /** After a commit: what has to go out goes, and the index hears of it. */
  #tell(catalog: Catalog): void {
    this.#letOut();
    tellAfterwards(this.#cell, catalog, this.#afterwards);
  }

  #letOut(): void {
    if (this.#cell.outbox().length > 0) this.#afterwards(drain(this.#cell).catch(() => undefined));
  }
}

/** The catalog, with every version that runs need in memory. @throws where there is no way to read them */
async function readyCatalog(cell: Cell): Promise<Catalog> {
  const catalog = await catalogOf(cell);
  if (!catalog || !(await cell.ready(catalog))) throw new Error('the catalog cannot be read');
  return catalog;
}

/** Whom the events of a call say to be this customer. */
const mergesOf = ({ events }: IngestRequest): Set<string> => new Set(events.flatMap(({ merges }) => merges ?? []));
