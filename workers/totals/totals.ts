// One object of a pot: its root, or one of its shards, as its name says. Loads, lets the pure rules decide, commits in one
// transaction; what passes between the two is numbered, so that either may die at any moment (SPEC, U).

import { DurableObject } from 'cloudflare:workers';
import { now, platformTime } from '../clock.ts';
import {
  type Added,
  type ClaimRequest,
  type Granted,
  type Moved,
  type MoveRequest,
  type Overview,
  readName,
  type SettleRequest,
  shardName,
  shardsOf,
  type Terms,
  type TotalsNamespace,
  type TotalsObject,
} from './messages.ts';
import { freeOf, isRepeat, move, NEW_ROOT, type RootState, withLimit } from './root.ts';
import {
  begin,
  type Claim,
  confirm,
  end,
  giveBack,
  NEW_SHARD,
  type Outcome,
  release,
  reserve,
  type ShardState,
} from './shard.ts';
import * as rows from './storage.ts';

export interface TotalsEnv {
  readonly TOTALS: TotalsNamespace;
}

/** U9: how long a pot that had nothing anywhere is taken to have nothing, milliseconds of the platform's clock. */
const DRY_MS = 500;
/** Leases one claim waits for: others may take what came. */
const ATTEMPTS_MAX = 20;
/** Reservations released in one commit. */
const EXPIRED_MAX = 200;

export class Totals extends DurableObject<TotalsEnv> implements TotalsObject {
  readonly #sql = this.ctx.storage.sql;
  #tables = false;
  #dryUntil = 0;
  /** An alarm is set, as far as this memory knows. */
  #armed = false;
  /** A movement of this shard that is under way; others wait for it. */
  #moving: Promise<boolean> | null = null;

  /** Reserves for a claim; leases what is missing. */
  async claim({ key, amount, until, terms }: ClaimRequest): Promise<Granted> {
    this.#expire();
    for (let attempt = 0; ; attempt++) {
      const granted = this.#reserve(key, amount, until, terms);
      if (granted) return granted;
      if (attempt === ATTEMPTS_MAX || Date.now() < this.#dryUntil) return { granted: false };
      if (!(await this.#lease(amount, terms))) this.#dryUntil = Date.now() + DRY_MS;
    }
  }

  #reserve(key: string, amount: number, until: number, { unit }: Terms): Granted | null {
    const granted = this.ctx.storage.transactionSync((): Granted | null => {
      const before = this.#shard();
      const known = rows.readClaim(this.#sql, key);
      const outcome = reserve(before, known, amount, until);
      if (!outcome) return null;
      this.#keep(key, known, outcome);
      if (unit !== 'codes') return { granted: true, code: null };
      return { granted: true, code: rows.codeOf(this.#sql, key) ?? rows.takeCode(this.#sql, key) };
    });
    if (granted) this.#arm();
    return granted;
  }

  /** What came of a claim; may be said again. */
  async settle({ key, what, amount, spent }: SettleRequest): Promise<void> {
    if (spent !== undefined) await this.settle({ key, what: 'confirm', amount: spent });
    this.ctx.storage.transactionSync(() => {
      const known = rows.readClaim(this.#sql, key);
      const before = this.#shard();
      const outcome =
        what === 'confirm'
          ? confirm(before, known, amount)
          : what === 'release'
            ? release(before, known)
            : giveBack(before, known, amount);
      if (!outcome) return;
      this.#keep(key, known, outcome);
      const { claim } = outcome;
      if (claim.state === 'released' || claim.returned === claim.amount) rows.freeCode(this.#sql, key);
    });
  }

  /** U9: gives back to the root what is free here, unless this shard is itself about to lease. @returns how much */
  async recall(): Promise<number> {
    this.#expire();
    const { free } = this.#shard();
    if (this.#moving || free <= 0) return 0;
    const given = await this.#move(-free, null);
    return given ? free : 0;
  }

  async counts(): Promise<{ free: number; reserved: number; confirmed: number }> {
    this.#expire();
    const { free, reserved, confirmed } = this.#shard();
    return { free, reserved, confirmed };
  }

  /** Until `amount` is free. @returns false where there was nothing to lease */
  async #lease(amount: number, terms: Terms): Promise<boolean> {
    while (this.#moving) await this.#moving.catch(() => false);
    const want = amount - this.#shard().free;
    return want <= 0 ? true : this.#move(want, terms);
  }

  /** U7: one movement at a time; one that a crash has left half done is finished first. @returns whether it brought any */
  #move(want: number, terms: Terms | null): Promise<boolean> {
    this.#moving = this.#moved(want, terms).finally(() => {
      this.#moving = null;
    });
    return this.#moving;
  }

  async #moved(want: number, terms: Terms | null): Promise<boolean> {
    const left = this.#shard().pending;
    if (left) await this.#finish(left, terms);
    const pending = this.ctx.storage.transactionSync(() => {
      const next = begin(this.#shard(), want);
      if (!next?.pending) throw new Error('broken invariant: two movements at once');
      if (want < 0) rows.parkCodes(this.#sql, -want, next.pending.seq);
      rows.writeTotals(this.#sql, next);
      return next.pending;
    });
    return (await this.#finish(pending, terms)) !== 0;
  }

  async #finish(pending: NonNullable<ShardState['pending']>, terms: Terms | null): Promise<number> {
    const { seq, want } = pending;
    const { pot, shard } = readName(this.#name());
    const codes = want < 0 ? rows.parkedCodes(this.#sql, seq) : [];
    const request = { shard: shard ?? '', seq, want, codes, terms: terms ?? NO_TERMS };
    const moved = await this.env.TOTALS.getByName(pot).move(request);
    this.ctx.storage.transactionSync(() => {
      const before = this.#shard();
      if (before.pending?.seq !== seq) return;
      rows.writeTotals(this.#sql, end(before, seq, moved?.moved ?? 0));
      if (want < 0) rows.dropParked(this.#sql, seq);
      else rows.keepCodes(this.#sql, moved?.codes ?? []);
    });
    return moved?.moved ?? 0;
  }

  /** At the root: a shard leases or gives back. Null: an echo of a movement that was settled long ago. */
  async move(request: MoveRequest): Promise<Moved | null> {
    const { terms, want } = request;
    this.#limit(terms);
    if (want > 0 && !isRepeat(this.#root(), request) && freeOf(this.#root()) < want)
      await this.#callBack(request.shard);
    return this.ctx.storage.transactionSync(() => {
      const before = this.#root();
      const outcome = move(before, request, shardsOf(terms));
      if (!outcome) return null;
      const { shard, seq, codes } = request;
      if (outcome.root !== before) {
        rows.writeTotals(this.#sql, outcome.root);
        if (want < 0) rows.takeCodesBack(this.#sql, shard, codes);
        else rows.leaseCodes(this.#sql, shard, seq, outcome.moved);
      }
      const leased = want > 0 ? rows.leasedCodes(this.#sql, shard, seq) : [];
      return { moved: outcome.moved, codes: leased };
    });
  }

  /** U10; of codes there are as many as there are. */
  #limit({ unit, most, version }: Terms): void {
    const before = this.#root();
    const after = unit === 'codes' ? before : withLimit(before, most, version);
    if (after !== before) rows.writeTotals(this.#sql, after);
  }

  /** U9. Every shard but the one that asks; not again at once after a call that brought nothing. */
  async #callBack(asking: string): Promise<void> {
    if (Date.now() < this.#dryUntil) return;
    const { pot } = readName(this.#name());
    const others = Object.entries(this.#root().shards).filter(([shard, { net }]) => shard !== asking && net > 0);
    const given = await Promise.allSettled(
      others.map(([shard]) => this.env.TOTALS.getByName(shardName(pot, Number(shard))).recall()),
    );
    const units = given.reduce((sum, answer) => sum + (answer.status === 'fulfilled' ? answer.value : 0), 0);
    if (units === 0) this.#dryUntil = Date.now() + DRY_MS;
  }

  /** Of the whole pot, asked of the root. */
  async overview(): Promise<Overview> {
    const root = this.#root();
    const { pot } = readName(this.#name());
    const shards = await Promise.all(
      Object.keys(root.shards).map((shard) => this.env.TOTALS.getByName(shardName(pot, Number(shard))).counts()),
    );
    const sum = (member: 'free' | 'reserved' | 'confirmed') => shards.reduce((all, counts) => all + counts[member], 0);
    return {
      ...{ most: root.most, free: freeOf(root) + sum('free'), reserved: sum('reserved'), confirmed: sum('confirmed') },
      shards: shards.length,
    };
  }

  /** Single-use codes for a pool, at its root. Those that are there already stay as they are. */
  async addCodes(codes: readonly string[]): Promise<Added> {
    return this.ctx.storage.transactionSync(() => {
      const root = this.#root();
      const added = rows.addCodes(this.#sql, codes);
      rows.writeTotals(this.#sql, { ...root, most: root.most + added });
      this.#dryUntil = 0;
      return { added, duplicates: codes.length - added, codes: root.most + added };
    });
  }

  override async alarm(): Promise<void> {
    await this.wake();
  }

  /** Releases what is over; for the alarm, and for a clock that was moved past it. */
  async wake(): Promise<void> {
    const rest = this.#expire();
    this.#armed = true;
    const at = rest ? now() : rows.nextOverAt(this.#sql);
    if (at !== null) await this.ctx.storage.setAlarm(platformTime(at));
    else this.#armed = false;
  }

  /** U3. @returns whether more is over than one commit releases */
  #expire(): boolean {
    this.#open();
    const over = rows.readOver(this.#sql, now(), EXPIRED_MAX);
    if (over.length === 0) return false;
    this.ctx.storage.transactionSync(() => {
      for (const { key } of over) {
        const known = rows.readClaim(this.#sql, key);
        const outcome = release(this.#shard(), known);
        if (!outcome) continue;
        this.#keep(key, known, outcome);
        rows.freeCode(this.#sql, key);
      }
    });
    return over.length === EXPIRED_MAX;
  }

  #keep(key: string, known: Claim | null, { shard, claim }: Outcome): void {
    if (claim === known) return;
    rows.writeClaim(this.#sql, key, claim);
    rows.writeTotals(this.#sql, shard);
  }

  /** One alarm for all: it finds out itself when it has to ring again. */
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    const at = rows.nextOverAt(this.#sql);
    if (at !== null) void this.ctx.storage.setAlarm(platformTime(at));
  }

  #open(): void {
    if (!this.#tables) rows.makeTables(this.#sql);
    this.#tables = true;
  }

  #root(): RootState {
    this.#open();
    return rows.readTotals<RootState>(this.#sql) ?? NEW_ROOT;
  }

  #shard(): ShardState {
    this.#open();
    return rows.readTotals<ShardState>(this.#sql) ?? NEW_SHARD;
  }

  #name(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error('broken invariant: a pot without a name');
    return name;
  }
}

/** For what is given back: the limit is not its business. */
const NO_TERMS: Terms = { unit: 'pieces', most: 0, version: -1 };
