// What an event says about consent: the event `Consent Updated`, and signals in the context of any event. Also what an event
// keeps where its purpose is not permitted (CS5).

import { z } from 'zod';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { type ConsentRules, ruleFor, type SignalKind } from './policy.ts';
import { type Consents, refusal, type Statement, statementOn } from './state.ts';
import { agrees, readTcf, type Tcf, saidAt as tcfSaidAt } from './tcf.ts';

/** Says yes or no. */
export const CONSENT_EVENT = 'Consent Updated';
/** Confirms a yes; happens by a link alone. */
export const CONFIRMED_EVENT = 'Consent Confirmed';
/** Happens when a yes has to be confirmed. */
export const REQUESTED_EVENT = 'Consent Requested';
/** What somebody chose in the preference centre beside yes and no. */
export const PREFERENCES_EVENT = 'Preferences Updated';

/** The type of events that come from a link of ours; no call of a site has it (CN6). */
export const BY_LINK = 'consent';

export const SAYS_CONSENT: ReadonlySet<string> = new Set([
  CONSENT_EVENT,
  CONFIRMED_EVENT,
  REQUESTED_EVENT,
  PREFERENCES_EVENT,
]);

const textOf = (value: Json | undefined): string | null =>
  typeof value === 'string' && value !== '' ? value.slice(0, LIMITS.nameCharsMax) : null;

/** Nothing said about it is a yes: the event is then sent because somebody agreed. */
const isYes = (granted: Json | undefined): boolean => granted === undefined || granted === true || granted === 'true';

/** Null: all. Undefined where it is no name (CN11). */
function nameOf(value: Json | undefined): string | null | undefined {
  if (value === undefined || value === null || value === '') return null;
  return typeof value === 'string' && NAME.test(value) ? value : undefined;
}
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/i;

/** The statement of a `Consent Updated` or `Consent Confirmed`; null where it names nothing that could be asked for. `at` in milliseconds. */
export function statementOf(message: JsonObject, at: number, rules: ConsentRules): Statement | null {
  const said = isObject(message['properties']) ? message['properties'] : {};
  const [purpose, channel] = [nameOf(said['purpose']), nameOf(said['channel'])];
  const granted = isYes(said['granted']);
  const ends = granted ? endIn(said['expires_at']) : {};
  if (purpose === undefined || channel === undefined || ends === null) return null;
  const byLink = message['type'] === BY_LINK;
  return {
    purpose,
    channel,
    granted,
    at,
    source: textOf(said['source']),
    wording: textOf(said['wording']) ?? rules.wording,
    confirmed: !granted || byLink,
    ...ends,
  };
}

/** CN14: the end a yes is said to have, ISO 8601; null for one that cannot be read. */
function endIn(value: Json | undefined): { readonly until?: number } | null {
  if (value === undefined || value === null) return {};
  const read = Instant.safeParse(value);
  return read.success ? { until: Date.parse(read.data) } : null;
}
const Instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/** Whether a message may say something about consent by its context or traits; looked at for every event. */
export const hasSignals = (context: Json | undefined, traits?: Json): boolean =>
  (isObject(context) && (context['gpc'] === true || context['consent'] !== undefined)) ||
  (isObject(traits) && traits['consent'] !== undefined);

interface Signal {
  readonly purpose: string;
  readonly granted: boolean;
  readonly until?: number;
}

/** CN8, CN15, CN16: statements of the signals in a message, where they say something else than what counts. */
export function statementsOfSignals(
  message: JsonObject,
  consents: Consents,
  rules: ConsentRules,
  at: number,
): Statement[] {
  const context = isObject(message['context']) ? message['context'] : {};
  const consent = isObject(context['consent']) ? context['consent'] : {};
  const traits = message['type'] === 'identify' && isObject(message['traits']) ? message['traits'] : {};
  const { signals, wording } = rules;
  const found: Statement[] = [];
  const say = (kind: SignalKind, said: readonly Signal[], saidAt = at): void => {
    for (const { purpose, granted, ...ends } of said) {
      const counts = statementOn(consents, purpose, null);
      if (granted && isRefusedElsewhere(consents, purpose, kind)) continue;
      if (counts && kind === 'tcf' && counts.at > saidAt) continue;
      if (counts?.granted === granted && !(granted && saysAnew(counts, kind, saidAt, ends.until))) continue;
      if (!counts && !granted && refusal(consents, rules, purpose, null, saidAt) !== null) continue;
      const confirmed = !granted;
      found.push({ purpose, channel: null, granted, at: saidAt, source: kind, wording, confirmed, ...ends });
    }
  };
  say('categories', signalsIn(consent['categoryPreferences'], signals.categories));
  say('consentMode', signalsIn(consent['consentMode'], signals.consentMode));
  const { tcf } = consent;
  if (isObject(tcf) && isObject(tcf['purposes'])) say('tcf', signalsIn(tcf['purposes'], signals.tcf));
  else if (signals.tcf.size > 0) {
    const text = isObject(tcf) ? tcf['tcString'] : tcf;
    const read = typeof text === 'string' ? readTcf(text) : null;
    if (read) say('tcf', signalsOfTcf(read, rules), tcfSaidAt(read, at));
  }
  say('traits', signalsIn(traits['consent'], signals.traits));
  return found;
}

const DAY_MS = 24 * 3_600_000;

/** Whether a yes to what is agreed on already is a new one: with an end of its own, or by a TC string made anew. */
const saysAnew = (counts: Statement, kind: SignalKind, saidAt: number, until: number | undefined): boolean =>
  (until !== undefined && until !== counts.until) ||
  (kind === 'tcf' && counts.source === 'tcf' && saidAt - counts.at >= DAY_MS);

/** What members stand for, each yes or no, or an object with `granted` and `expires_at`. */
function signalsIn(members: Json | undefined, meanings: ReadonlyMap<string, string>): Signal[] {
  if (meanings.size === 0 || !isObject(members)) return [];
  return Object.entries(members)
    .slice(0, LIMITS.consentSignalsMax)
    .flatMap(([member, value]): Signal[] => {
      const purpose = meanings.get(member);
      const given = isObject(value) ? value['granted'] : value;
      const granted = YES.includes(given ?? null) ? true : NO.includes(given ?? null) ? false : null;
      const ends = granted && isObject(value) ? endIn(value['expires_at']) : {};
      return purpose === undefined || granted === null || ends === null ? [] : [{ purpose, granted, ...ends }];
    });
}

const YES: readonly Json[] = [true, 'granted'];
const NO: readonly Json[] = [false, 'denied'];

function signalsOfTcf(tcf: Tcf, rules: ConsentRules): Signal[] {
  return [...rules.signals.tcf].map(([number, purpose]) => {
    const byInterest = ruleFor(rules, purpose).basis === 'legitimate-interest';
    return { purpose, granted: agrees(tcf, Number(number), rules.tcfVendor, byInterest) };
  });
}

/** Whether there is a no on it, for whatever channel, that came another way. */
const isRefusedElsewhere = ({ said }: Consents, purpose: string, source: string): boolean =>
  Object.values(said).some(
    (statement) => !statement.granted && statement.source !== source && (statement.purpose ?? purpose) === purpose,
  );

/** CN7: what the browser's privacy control says no to, when it is first seen. */
export function statementsOfPrivacyControl(
  message: JsonObject,
  { privacyControlAt }: Consents,
  { privacyControl, wording }: ConsentRules,
  at: number,
): Statement[] {
  const context = message['context'];
  if (privacyControlAt !== null || !isObject(context) || context['gpc'] !== true) return [];
  const no = { channel: null, granted: false, at, source: 'global-privacy-control', wording, confirmed: true };
  return privacyControl.map((purpose) => ({ purpose, ...no }));
}

/** Members of a message that name or describe a person or a device. */
const PERSONAL_MEMBERS = ['userId', 'anonymousId', 'previousId', 'traits'];
const IMPERSONAL_CONTEXT = ['library', 'locale', 'gpc', 'consent'];

/** CS5: the message as it is kept where its purpose is not permitted; null where it is dropped. */
export function keptWithout(message: JsonObject, name: string, rules: ConsentRules): JsonObject | null {
  const { events } = rules;
  if (!events || SAYS_CONSENT.has(name) || events.necessary.has(name)) return message;
  if (events.without !== 'anonymous') return null;
  const kept = Object.entries(message).filter(([member]) => !PERSONAL_MEMBERS.includes(member));
  const { context } = message;
  return {
    ...Object.fromEntries(kept),
    ...(isObject(context)
      ? {
          context: Object.fromEntries(
            Object.entries(context).filter(([member]) => IMPERSONAL_CONTEXT.includes(member)),
          ),
        }
      : {}),
  };
}
