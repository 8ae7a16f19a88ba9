// From valid events to committed ones, for calls that may name several customers: one RPC a customer, all or none answered 200. Decides
// who may report a trusted event; says nothing about bodies or answers.

import { lacksSecrets } from '../catalog/cache.ts';
import type { Catalog, KeyRow } from '../catalog/catalog.ts';
import type { EventStatus, Ingested, Reply } from '../customer/messages.ts';
import { isSystemEvent } from '../engine/machine.ts';
import { CATALOG_UNREADABLE, type Env, mapBounded, reached } from './context.ts';
import type { Refused, Taken } from './intake.ts';
import { withMembership } from './membership.ts';
import { withPermitted } from './merging.ts';
import type { Failure, ProblemError } from './problem.ts';
import { asProven, isVouched, proofOf } from './token.ts';

/** Objects asked at once. */
const AT_ONCE = 32;

export interface Sender {
  readonly key: KeyRow;
  readonly catalog: Catalog;
}

/** What became of one event of the call; with errors where it is rejected. */
export interface Outcome {
  readonly messageId: string | null;
  readonly status: EventStatus | 'rejected';
  readonly errors?: readonly ProblemError[];
}

/** PV4. */
export const ERASED: ProblemError = { pointer: '', detail: 'This customer was erased: nothing of the event is kept.' };

const NEEDS_TOKEN = 'This event is accepted with a customer token or from a server key only.';
const NEEDS_SERVER = 'This event speaks to journeys: it is accepted from a server key only.';

/** Why an event that must be trusted was not. */
export const untrusted = ({ event }: Taken): string => (isSystemEvent(event.name) ? NEEDS_SERVER : NEEDS_TOKEN);

export const NOT_REACHED: { kind: 'unavailable'; detail: string } = {
  kind: 'unavailable',
  detail: 'the customer cannot be reached',
};

export type NotDone = Exclude<Reply<object>, { kind: 'done' }>;

export function unreachable(reply: NotDone): Failure {
  const retryAfterSeconds = reply.kind === 'unavailable' ? 1 : Math.max(1, Math.ceil(reply.retryAfterMs / 1_000));
  if (reply.kind === 'flooded') return { kind: 'too-many', limit: 'customer', retryAfterSeconds };
  return {
    kind: 'unavailable',
    detail: 'The events were not accepted. Send them again with the same messageId.',
    retryAfterSeconds,
  };
}

/**
 * Whether a token came that nobody can verify right now: the event must neither be refused for it nor taken without it,
 * because either would last.
 */
export const isUnverifiable = (key: KeyRow, token: string | null): boolean =>
  lacksSecrets() && key.role === 'write' && key.tokenMode !== 'off' && token !== null && token !== '';

/** Whether this is an event that needs a proof the caller does not have. */
export function mustBeTrusted({ key, catalog }: Sender, taken: Taken, proven: boolean): boolean {
  if (key.role === 'write' && isSystemEvent(taken.event.name)) return true;
  if (key.role !== 'write' || key.tokenMode !== 'required' || !catalog.trusted.has(taken.event.name)) return false;
  return taken.userId === null || !proven;
}

/** Commits what was taken. @returns the outcomes in the order of `results`, or why not every valid event is committed */
export async function commitEvents(
  env: Env,
  sender: Sender,
  results: readonly (Taken | Refused)[],
  token: string | null,
  receivedAt: number,
): Promise<Outcome[] | Failure> {
  if (isUnverifiable(sender.key, token)) return CATALOG_UNREADABLE;
  const outcomes: Outcome[] = [];
  const byCustomer = new Map<string, { index: number; taken: Taken }[]>();
  const proofs = new Map<string | null, boolean>();
  for (const [index, result] of results.entries()) {
    if (!result.ok) {
      outcomes[index] = { messageId: result.messageId, status: 'rejected', errors: result.errors };
      continue;
    }
    const { userId, customerId } = result;
    const proven = proofs.get(userId) ?? (await proofOf(sender.key, token, userId, receivedAt)) === 'proven';
    proofs.set(userId, proven);
    if (mustBeTrusted(sender, result, proven))
      outcomes[index] = {
        messageId: result.event.messageId,
        status: 'rejected',
        errors: [{ pointer: '', detail: untrusted(result) }],
      };
    else byCustomer.set(customerId, [...(byCustomer.get(customerId) ?? []), { index, taken: result }]);
  }

  let failed: NotDone | null = null;
  const send = async ([customerId, group]: [string, { index: number; taken: Taken }[]]): Promise<void> => {
    const proven = proofs.get(group[0]?.taken.userId ?? null) ?? false;
    const userId = group[0]?.taken.userId ?? null;
    const vouched = isVouched(sender.key, token, proven);
    const said = group.map(({ taken }) => asProven(taken.event, proven, vouched));
    const speaker = { ...sender, token, userId, proven, at: receivedAt };
    const events = await withMembership(await withPermitted(said, speaker), speaker);
    const reply = await reached<Reply<Ingested>>(
      env.CUSTOMER.getByName(customerId).ingest({
        customerId,
        catalogVersion: sender.catalog.version,
        proven,
        events,
        decide: null,
      }),
      NOT_REACHED,
    );
    if (reply.kind !== 'done') {
      // A customer who cannot be reached says more than one who is too busy.
      if (failed?.kind !== 'unavailable') failed = reply;
      return;
    }
    for (const [at, { index, taken }] of group.entries()) {
      const { messageId } = taken.event;
      const status = reply.statuses[at] ?? 'accepted';
      outcomes[index] =
        status === 'erased' ? { messageId, status: 'rejected', errors: [ERASED] } : { messageId, status };
    }
  };
  // Anonymous customers first: a later message of the same batch may turn one of them into a known customer.
  const groups = [...byCustomer];
  const anonymous = groups.filter(([customerId]) => customerId.startsWith('a:'));
  const known = groups.filter(([customerId]) => !customerId.startsWith('a:'));
  await mapBounded(anonymous, AT_ONCE, send);
  await mapBounded(known, AT_ONCE, send);
  return failed ? unreachable(failed) : outcomes;
}
