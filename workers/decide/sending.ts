// What becomes of a `send` step: whether the message may go out at all, to whom, in which language, and the line of the
// timeline that says so. Pure; the customer's object asks here, and so does the simulator. Not here: delivery itself.

import { isObject, type JsonObject } from '../../schema/json.ts';
import type { Run } from '../engine/machine.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import { type MessageTemplate, type RenderedMessage, renderMessage } from './messages.ts';

/** The customer a message is for. The functions are asked only where the answer needs them. */
export interface Addressee {
  readonly id: string;
  readonly traits: JsonObject;
  /** What was said about consent: the events, the last word first. */
  readonly consents: () => Iterable<JsonObject>;
  /** The event with this message id; empty where there is none. */
  readonly eventOf: (messageId: string) => JsonObject;
  readonly templates: ReadonlyMap<string, MessageTemplate>;
  /** The site's language, where a customer has none. */
  readonly defaultLocale: string;
}

export type Composed = RenderedMessage & { readonly to: string; readonly version: number };

export type Prepared =
  | { readonly kind: 'suppressed'; readonly line: JsonObject }
  | { readonly kind: 'message'; readonly line: JsonObject; readonly key: string; readonly composed: Composed };

/** @param silence why nothing may go out, such as during an import; null where it may */
export function prepareSend(addressee: Addressee, effect: SendEffect, run: Run, silence: string | null): Prepared {
  const { kind: _, run: __, by: ___, ...said } = effect;
  const composed = silence ?? compose(addressee, effect, run);
  if (typeof composed === 'string') return { kind: 'suppressed', line: { ...said, reason: composed } };
  // The customer's id makes the key one of all customers, and it stays when the customer becomes another one.
  const key = `${addressee.id}/${effect.key}`;
  return { kind: 'message', line: { ...said, key, version: composed.version, status: 'queued' }, key, composed };
}

/** The message in full, or the reason why there is none. */
function compose(addressee: Addressee, effect: SendEffect, run: Run): Composed | string {
  const { traits, id } = addressee;
  if (effect.channel !== 'email') return 'no channel';
  const template = addressee.templates.get(effect.message);
  if (!template) return 'no template';
  if (!mayContact(addressee.consents, effect.purpose, effect.channel)) return 'no consent';
  const to = addressOf(traits);
  if (to === null) return 'no address';
  const begun = effect.by === null ? {} : addressee.eventOf(effect.by);
  const values = {
    traits,
    event: { name: begun['event'] ?? begun['name'] ?? '', properties: begun['properties'] ?? {} },
    customer: { id },
    journey: { id: run.journey, stage: run.stage, key: run.key },
  };
  const rendered = renderMessage(template, localesOf(addressee, begun), values, zoneOf(traits));
  return rendered ? { ...rendered, to, version: template.version } : 'template failed';
}

/** The customer's own, where it is known. */
const zoneOf = ({ timezone }: JsonObject): string => (typeof timezone === 'string' ? timezone : 'UTC');

/** Marketing needs the last word on it to be a yes; everything else may be sent. */
export function mayContact(consents: () => Iterable<JsonObject>, purpose: string, channel: string): boolean {
  if (purpose !== 'marketing') return true;
  for (const event of consents()) {
    const said = event['properties'];
    const { purpose: of, channel: by, granted } = isObject(said) ? said : {};
    if ((of ?? purpose) === purpose && (by ?? channel) === channel) return granted !== false;
  }
  return false;
}

/** The event that says something about consent. */
export const CONSENT_EVENT = 'Consent Updated';

const ADDRESS = /^[^\s@<>()[\],;:"\\\p{Cc}]+@[^\s@<>()[\],;:"\\.\p{Cc}]+(\.[^\s@<>()[\],;:"\\.\p{Cc}]+)+$/u;

/** What a mail can be addressed to, so that nothing in it begins another header or names another recipient. */
function addressOf(traits: JsonObject): string | null {
  const email = traits['email'];
  return typeof email === 'string' && email.length <= 254 && ADDRESS.test(email) ? email : null;
}

/** The customer's own language, then that of the page the run began on, then the site's. */
function localesOf({ traits, defaultLocale }: Addressee, begun: JsonObject): string[] {
  const context = begun['context'];
  const wanted = [traits['locale'], traits['language'], isObject(context) ? context['locale'] : null];
  return [...wanted.filter((locale) => typeof locale === 'string'), defaultLocale];
}
