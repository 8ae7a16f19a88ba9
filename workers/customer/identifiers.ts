// The identifiers a customer states: noted in the commit of the event, claimed at their registry after it by the outbox, so
// no event waits for it. One part each, `identifier:<kind>`; what was claimed and is no longer stated is released. The
// normal forms and the ranks stand in workers/identity/identifiers.ts.

import { createHmac } from 'node:crypto';
import type { JsonObject } from '../../schema/json.ts';
import { LIMITS, RESEND_AFTER_MS } from '../../schema/limits.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { now } from '../clock.ts';
import { externalIdsIn, type IdentifierRule, identifiersIn } from '../identity/identifiers.ts';
import { masked } from '../identity/own.ts';
import type { Cell } from './cell.ts';
import { type Commit, record } from './commit.ts';
import type { Joining } from './joins.ts';
import { linkSecretIn } from './links.ts';
import type { IncomingEvent, ShownIdentifier } from './messages.ts';
import type { RegistryCalls, RegistryNamespace } from './registry.ts';
import { deleteOutbox, type Part, partsBelow, readPart, writeOutbox, writePart } from './storage.ts';

export const IDENTIFIER = 'identifier:';

/** `pending`: the registry has not been heard yet. `stated`: there is none to ask. */
type Standing = 'pending' | 'stated' | 'owned' | 'taken';

interface Stated {
  /** Normal form; null once it is no longer stated. */
  readonly value: string | null;
  readonly vouched: boolean;
  readonly standing: Standing;
  /** What may be registered for whom and is to be given back. */
  readonly held: readonly { readonly value: string; readonly by: string }[];
  /** The customer it came from by a merge, until the registry knows. */
  readonly from: string | null;
}

const read = (body: string): Stated => JSON.parse(body) as Stated;

function readStated(sql: SqlStorage, kind: string): Stated | null {
  const body = readPart(sql, IDENTIFIER + kind);
  return body === null ? null : read(body);
}

/** Writes what is stated and sees to it that the registry hears of it, of the most important kind first. */
function state(commit: Commit, kind: string, stated: Stated, unique: boolean): void {
  const asked = unique && stated.standing === 'pending';
  writePart(commit.sql, IDENTIFIER + kind, JSON.stringify(asked ? stated : { ...stated, standing: 'stated' }));
  commit.wrote = true;
  if (!asked) return;
  writeOutbox(
    commit.sql,
    `identifier/${kind}`,
    JSON.stringify({ kind: 'identifier', identifier: kind }),
    commit.now + RESEND_AFTER_MS + commit.policies.identity.identifiers.findIndex((rule) => rule.kind === kind),
  );
  commit.outbox = true;
}

/** ID4: what traits that were just learned state of the customer. Of nothing new nothing is written. */
export function noteIdentifiers(commit: Commit, event: IncomingEvent, traits: JsonObject): void {
  const rules = commit.policies.identity;
  const concerned = rules.identifiers.filter(({ trait }) => Object.hasOwn(traits, trait));
  if (concerned.length === 0) return;
  const vouched = isVouched(commit, event);
  const found = identifiersIn(commit.state.traits, rules);
  for (const rule of concerned) noteValue(commit, rule, found.get(rule.kind) ?? null, vouched);
}

/** ID10: what external ids state, but for what traits of the same event do. */
export function noteExternalIds(commit: Commit, event: IncomingEvent, context: JsonObject, traits: JsonObject): void {
  const rules = commit.policies.identity;
  const found = externalIdsIn(context, rules);
  const vouched = isVouched(commit, event);
  for (const rule of rules.identifiers) {
    const value = found.get(rule.kind);
    if (value === undefined || Object.hasOwn(traits, rule.trait)) continue;
    const before = readStated(commit.sql, rule.kind);
    const isWeaker = !vouched && before?.vouched === true && before.value !== null;
    if (!isWeaker) noteValue(commit, rule, value, vouched);
  }
}

const isVouched = ({ silence }: Commit, event: IncomingEvent): boolean =>
  event.vouched === true || silence === 'import';

function noteValue(commit: Commit, { kind, unique }: IdentifierRule, value: string | null, vouched: boolean): void {
  const before = readStated(commit.sql, kind);
  if (before === null && value === null) return;
  if (before?.value === value && (before.vouched || !vouched)) return;
  const gone = before && before.value !== null && before.value !== value;
  const held = gone ? [...before.held, { value: before.value, by: commit.state.id }] : (before?.held ?? []);
  const stated: Stated = {
    ...{ value, vouched, standing: 'pending' },
    held: held.slice(-LIMITS.identifiersHeldMax),
    from: gone ? null : (before?.from ?? null),
  };
  state(commit, kind, stated, unique);
}

/** ID8: those of a customer who has become this one. What this one states itself stays. */
export function takeIdentifiers(commit: Commit, theirs: readonly Part[], { source }: Joining): void {
  const { identifiers } = commit.policies.identity;
  for (const { name, body } of theirs) {
    const kind = name.slice(IDENTIFIER.length);
    const unique = identifiers.find((rule) => rule.kind === kind)?.unique ?? false;
    const [own, other] = [readStated(commit.sql, kind), read(body)];
    const same = own === null || own.value === null || own.value === other.value;
    const given = same || other.value === null ? [] : [{ value: other.value, by: source }];
    const held = [...(own?.held ?? []), ...other.held, ...given].slice(-LIMITS.identifiersHeldMax);
    const kept = own !== null && own.value !== null ? own : other;
    const vouched = same ? kept.vouched || other.vouched : kept.vouched;
    state(commit, kind, { ...kept, vouched, standing: 'pending', held, from: same ? source : kept.from }, unique);
  }
}

/** GM12: what a merge brought is stated no longer; what was stated before is claimed again. */
export function revertIdentifier(commit: Commit, name: string, body: string | null): void {
  const kind = name.slice(IDENTIFIER.length);
  const [before, now] = [body === null ? null : read(body), readStated(commit.sql, kind)];
  const value = before?.value ?? null;
  const gone = now && now.value !== null && now.value !== value ? [{ value: now.value, by: commit.state.id }] : [];
  const held = [...(now?.held ?? []), ...gone].slice(-LIMITS.identifiersHeldMax);
  const stated: Stated = { value, vouched: before?.vouched ?? false, standing: 'pending', held, from: null };
  state(commit, kind, stated, isUnique(commit, kind));
}

/** GM11: a customer who was another one for a while claims anew what it states. */
export function reclaimIdentifiers(commit: Commit): void {
  for (const { name, body } of partsBelow(commit.sql, IDENTIFIER)) {
    const kind = name.slice(IDENTIFIER.length);
    state(commit, kind, { ...read(body), standing: 'pending', from: null }, isUnique(commit, kind));
  }
}

const isUnique = ({ policies }: Commit, kind: string): boolean =>
  policies.identity.identifiers.find((rule) => rule.kind === kind)?.unique ?? false;

/** The registry of one identifier; null where a deployment has no secret to name it by. */
export function registryOf(
  env: { readonly REGISTRY: RegistryNamespace; readonly LINK_SECRET?: string; readonly IDENTIFIER_SECRET?: string },
  kind: string,
  value: string,
): RegistryCalls | null {
  const secret = env.IDENTIFIER_SECRET || linkSecretIn(env);
  if (!secret) return null;
  return env.REGISTRY.getByName(
    createHmac('sha256', `waymark identifiers ${secret}`)
      .update(JSON.stringify([kind, value]))
      .digest('base64url'),
  );
}

/** Tells the registry what is stated; may be repeated. @throws where it cannot be reached, and then nothing is settled */
export async function settleIdentifier(cell: Cell, catalog: Catalog, kind: string): Promise<void> {
  const outboxKey = `identifier/${kind}`;
  const stated = cell.redirect() ? null : readStated(cell.sql, kind);
  const rule = catalog.policies.identity.identifiers.find((each) => each.kind === kind);
  if (!stated) {
    deleteOutbox(cell.sql, outboxKey);
    return;
  }
  await giveBack(
    cell.env,
    stated.held.map((each) => ({ ...each, kind })),
  );
  const owner = await claim(cell, kind, stated, rule);
  if (owner === 'joined') {
    deleteOutbox(cell.sql, outboxKey);
    return;
  }
  if (!cell.load()) return;
  cell.transact(catalog, null, (commit) => {
    const again = readStated(commit.sql, kind);
    // What was stated meanwhile is claimed by the effect as it stands.
    if (!again || JSON.stringify(again) !== JSON.stringify(stated) || commit.state.movedTo !== null) return;
    const standing = owner === null ? 'stated' : owner === commit.state.id ? 'owned' : 'taken';
    writePart(commit.sql, IDENTIFIER + kind, JSON.stringify({ ...stated, standing, held: [], from: null }));
    commit.wrote = true;
    if (standing === 'taken') recordConflict(commit, kind, stated.value ?? '', owner);
    deleteOutbox(commit.sql, outboxKey);
    commit.outbox = true;
  });
}

/** @returns who owns it; null where nobody can; `joined` where this visitor has become its owner (ID6) */
async function claim(
  cell: Cell,
  kind: string,
  { value, vouched, from }: Stated,
  rule: IdentifierRule | undefined,
): Promise<string | null> {
  const registry = value === null ? null : registryOf(cell.env, kind, value);
  if (value === null || !registry || rule?.unique !== true) return null;
  const customerId = cell.name();
  const owned = await registry.claim({ customerId, vouched, from });
  if (!cell.load()) {
    // Removed meanwhile: what was claimed too late is nobody's.
    await registry.release(customerId);
    return null;
  }
  if (owned.customerId === customerId) {
    if (owned.before !== null && owned.before !== from)
      await cell.stub(owned.before).identifierTaken(kind, value, customerId);
    return customerId;
  }
  const mayJoin = vouched && customerId.startsWith('a:') && owned.customerId.startsWith('u:');
  if (!mayJoin || rule.joins !== 'anonymous') return owned.customerId;
  await cell.stub(owned.customerId).adopt(customerId);
  if (cell.redirect() === null) throw new Error('not taken over yet');
  return 'joined';
}

/** ID7: the identifier was another's by rank, or has become it. The value stands there masked. */
function recordConflict(commit: Commit, kind: string, value: string, owner: string | null): void {
  const form = commit.policies.identity.identifiers.find((rule) => rule.kind === kind)?.form ?? 'exact';
  record(commit, 'identifier-conflict', now(), { identifier: kind, value: masked(form, value), owner });
}

/** Word that a claim of higher rank has taken an identifier from this customer; may be repeated. */
export function loseIdentifier(commit: Commit, kind: string, value: string, owner: string): void {
  const stated = readStated(commit.sql, kind);
  if (stated?.value !== value || stated.standing === 'taken') return;
  writePart(commit.sql, IDENTIFIER + kind, JSON.stringify({ ...stated, standing: 'taken' }));
  commit.wrote = true;
  recordConflict(commit, kind, value, owner);
}

/** As operators see them. */
export const shownIdentifiers = (sql: SqlStorage): ShownIdentifier[] =>
  partsBelow(sql, IDENTIFIER).flatMap(({ name, body }) => {
    const { value, standing } = read(body);
    return value === null ? [] : [{ kind: name.slice(IDENTIFIER.length), value, standing }];
  });

interface Held {
  readonly kind: string;
  readonly value: string;
  readonly by: string;
}

/** What may be registered for this customer, for whoever removes one. */
export const heldIdentifiers = (cell: Cell): Held[] =>
  cell.load()
    ? partsBelow(cell.sql, IDENTIFIER).flatMap(({ name, body }) => {
        const { value, held } = read(body);
        const own = value === null ? [] : [{ value, by: cell.name() }];
        return [...held, ...own].map((each) => ({ ...each, kind: name.slice(IDENTIFIER.length) }));
      })
    : [];

/** ID8: may be repeated. @throws where a registry cannot be reached */
export async function giveBack(env: Cell['env'], held: readonly Held[]): Promise<void> {
  for (const { kind, value, by } of held) await registryOf(env, kind, value)?.release(by);
}
