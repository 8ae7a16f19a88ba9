// An answer as the site gets it, put into JSON by the object: objects inside objects cost more to pass on than a text, and
// the Worker has nothing to add.

import { withLinks } from './links.ts';
import type { Decided, Decisions, Explanations, Wording } from './messages.ts';

/** What an answer is made with besides the decisions. */
export interface Sealing {
  /** Null: items keep their own addresses. */
  readonly secret: string | null;
  /** Milliseconds. */
  readonly madeAt: number;
}

/** Decisions as JSON, with click-through links. */
export function decisionsAsJson(
  decisions: Decisions,
  { origin }: Pick<Wording, 'origin'>,
  customerId: string,
  { secret, madeAt }: Sealing,
): string {
  return JSON.stringify(secret === null ? decisions : withLinks(decisions, { secret, origin, customerId, madeAt }));
}

/** The whole body of an answer to a decide call. */
export function answerAsJson(decided: Decided, wording: Wording, sealing: Sealing): string {
  const { customerId: id, stages, decisions, explained } = decided;
  const customer = JSON.stringify({ id, stages });
  const said = explained ? `,"explained":${JSON.stringify(explainedBy(explained, wording.evidence))}` : '';
  const shown = decisionsAsJson(decisions, wording, id, sealing);
  return `{"customer":${customer},"decisions":${shown}${said},"degraded":false}`;
}

/** A public key hears the reasons, not what they were seen by: conditions are the shop's, and answers to them personal. */
const explainedBy = (explained: Explanations, evidence: boolean): Explanations =>
  evidence
    ? explained
    : Object.fromEntries(
        Object.entries(explained).map(([placement, list]) => [
          placement,
          list.map((each) => ({ ...each, evidence: {} })),
        ]),
      );
