// An answer as the site gets it, put into JSON by the object: objects inside objects cost more to pass on than a text, and
// the Worker has nothing to add.

import { withLinks } from './links.ts';
import type { Decided, Decisions, Explanations, Wording } from './messages.ts';

/** Decisions as JSON, with click-through links. `madeAt` in milliseconds. */
export function decisionsAsJson(
  decisions: Decisions,
  { links }: Pick<Wording, 'links'>,
  customerId: string,
  madeAt: number,
): string {
  return JSON.stringify(links ? withLinks(decisions, { ...links, customerId, madeAt }) : decisions);
}

/** The whole body of an answer to a decide call. */
export function answerAsJson(decided: Decided, wording: Wording, madeAt: number): string {
  const { customerId: id, stages, decisions, explained } = decided;
  const customer = JSON.stringify({ id, stages });
  const said = explained ? `,"explained":${JSON.stringify(explainedBy(explained, wording.evidence))}` : '';
  const shown = decisionsAsJson(decisions, wording, id, madeAt);
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
