// What an event says about consent, put to what is known: the same for the customer's object and for a simulation.

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import type { ConsentRules } from './policy.ts';
import {
  type Consents,
  hasPlace,
  isRepeated,
  type Statement,
  statementOn,
  withRequest,
  withStatement,
} from './state.ts';
import {
  BY_LINK,
  CONFIRMED_EVENT,
  CONSENT_EVENT,
  PREFERENCES_EVENT,
  REQUESTED_EVENT,
  statementOf,
  statementsOfPrivacyControl,
  statementsOfSignals,
} from './statements.ts';

export interface Heard {
  readonly consents: Consents;
  /** What was said, in order, with what is known after each. */
  readonly steps: readonly { readonly statement: Statement; readonly consents: Consents }[];
  /** Events that ask for a confirmation (CN5): to be applied after the one that was heard. */
  readonly requests: readonly Request[];
}

export interface Request {
  readonly messageId: string;
  readonly name: typeof REQUESTED_EVENT;
  readonly message: JsonObject;
}

/** @param at the event's own time; `now` when it is applied. Milliseconds */
export function hear(
  before: Consents,
  rules: ConsentRules,
  { name, messageId, at }: { readonly name: string; readonly messageId: string; readonly at: number },
  message: JsonObject,
  now: number = at,
): Heard {
  const control = statementsOfPrivacyControl(message, before, rules, at);
  const isHeard = name === CONSENT_EVENT || confirms(name, message, before);
  const stated = isHeard ? withEnd(name, statementOf(message, at, rules), before) : null;
  const said = stated ? [stated] : [];
  let consents = control.length > 0 ? { ...before, privacyControlAt: at } : before;
  if (name === PREFERENCES_EVENT && message['type'] === BY_LINK) consents = withPreferences(consents, message);
  const steps: Heard['steps'][number][] = [];
  const requests: Request[] = [];
  const statements = [...control, ...statementsOfSignals(message, before, rules, at), ...said];
  for (const [index, statement] of statements.entries()) {
    if (isRepeated(consents, statement) || !hasPlace(consents, rules, statement)) continue;
    const next = withStatement(consents, rules, statement);
    consents = next.consents;
    const asking = next.pending ? withRequest(consents, statement, now) : null;
    if (asking) {
      consents = asking;
      requests.push(requestFor(statement, `${messageId}/requested/${index}`));
    }
    steps.push({ statement, consents });
  }
  return { consents, steps, requests };
}

/** CN6: by a link, and of a yes that nobody has taken back since. */
function confirms(name: string, message: JsonObject, before: Consents): boolean {
  if (name !== CONFIRMED_EVENT || message['type'] !== BY_LINK) return false;
  const said = isObject(message['properties']) ? message['properties'] : {};
  const { purpose, channel } = said;
  const textOr = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
  return statementOn(before, textOr(purpose) ?? '', textOr(channel))?.granted === true;
}

/** CN14: who confirms a yes says nothing of its end. */
function withEnd(name: string, statement: Statement | null, before: Consents): Statement | null {
  if (!statement || name !== CONFIRMED_EVENT) return statement;
  const until = statementOn(before, statement.purpose ?? '', statement.channel)?.until;
  return until === undefined ? statement : { ...statement, until };
}

function withPreferences(consents: Consents, message: JsonObject): Consents {
  const chosen = isObject(message['properties']) ? message['properties'] : {};
  const { paused_until: until, frequency } = chosen;
  const pausedUntil = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  return {
    ...consents,
    pausedUntil: Number.isFinite(pausedUntil) ? pausedUntil : null,
    frequency: typeof frequency === 'string' ? frequency : null,
  };
}

function requestFor({ purpose, channel, at, wording }: Statement, messageId: string): Request {
  const properties = { purpose, channel, wording, stated_at: new Date(at).toISOString() };
  return {
    messageId,
    name: REQUESTED_EVENT,
    message: { type: BY_LINK, event: REQUESTED_EVENT, messageId, properties },
  };
}
