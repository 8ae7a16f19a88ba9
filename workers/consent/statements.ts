// What an event says about consent: the event `Consent Updated`, and signals in the context of any event. Also what an event
// keeps where its purpose is not permitted (CS5).

import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { type ConsentRules, SIGNAL_KINDS, type SignalKind } from './policy.ts';
import { type Consents, refusal, type Statement, statementOn } from './state.ts';

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
  if (purpose === undefined || channel === undefined) return null;
  const byLink = message['type'] === BY_LINK;
  const granted = isYes(said['granted']);
  return {
    purpose,
    channel,
    granted,
    at,
    source: textOf(said['source']),
    wording: textOf(said['wording']) ?? rules.wording,
    confirmed: !granted || byLink,
  };
}

/** Whether the context of a message may say something about consent; looked at for every event. */
export const hasSignals = (context: Json | undefined): boolean =>
  isObject(context) && (context['gpc'] === true || context['consent'] !== undefined);

/** Where each kind of signal stands in `context.consent`. */
const PLACES: Readonly<Record<SignalKind, readonly string[]>> = {
  categories: ['categoryPreferences'],
  consentMode: ['consentMode'],
  tcf: ['tcf', 'purposes'],
};

/** CN8: statements of the signals in a context, where they say something else than what counts. */
export function statementsOfSignals(
  message: JsonObject,
  consents: Consents,
  rules: ConsentRules,
  at: number,
): Statement[] {
  const context = message['context'];
  if (!isObject(context)) return [];
  const found: Statement[] = [];
  const say = (purpose: string, granted: boolean, source: string): void => {
    const counts = statementOn(consents, purpose, null);
    const known = counts ? counts.granted : null;
    if (granted && isRefusedElsewhere(consents, purpose, source)) return;
    if (known === granted || (known === null && !granted && refusal(consents, rules, purpose, null, at) !== null))
      return;
    found.push({ purpose, channel: null, granted, at, source, wording: rules.wording, confirmed: !granted });
  };
  for (const kind of SIGNAL_KINDS) {
    let members: Json | undefined = context['consent'];
    for (const place of PLACES[kind]) members = isObject(members) ? members[place] : undefined;
    if (!isObject(members)) continue;
    for (const [member, value] of Object.entries(members).slice(0, LIMITS.consentSignalsMax)) {
      const purpose = rules.signals[kind].get(member);
      const granted =
        value === true || value === 'granted' ? true : value === false || value === 'denied' ? false : null;
      if (purpose !== undefined && granted !== null) say(purpose, granted, kind);
    }
  }
  return found;
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
