// What becomes of a `send` step: whether the message may go out at all, to whom, in which language, and the line of the
// timeline that says so. Pure; the customer's object asks here, and so does the simulator. Not here: delivery itself.

import { isObject, type JsonObject } from '../../schema/json.ts';
import type { Refusal } from '../consent/state.ts';
import type { Run } from '../engine/machine.ts';
import type { SendEffect } from '../engine/outcomes.ts';
import { type MessageTemplate, type RenderedMessage, renderMessage } from './messages.ts';

/** The customer a message is for. The functions are asked only where the answer needs them. */
export interface Addressee {
  readonly id: string;
  readonly traits: JsonObject;
  /** Why nothing may be sent for a purpose by a channel; null where it may (CS1). */
  readonly refuses: (purpose: string, channel: string) => string | null;
  /** Addresses a message may lead to; null where none can be made. `begun`: the event its run began with. */
  readonly links: (of: Pick<SendEffect, 'purpose' | 'channel'>, begun: JsonObject) => MessageLinks | null;
  /** Whether a message of this purpose has to carry a way to end it (CS3). */
  readonly mustEnd: (purpose: string) => boolean;
  /** The event with this message id; empty where there is none. */
  readonly eventOf: (messageId: string) => JsonObject;
  readonly templates: ReadonlyMap<string, MessageTemplate>;
  /** The site's language, where a customer has none. */
  readonly defaultLocale: string;
}

/** Below the system's own public address. */
export interface MessageLinks {
  readonly unsubscribeUrl: string;
  readonly preferencesUrl: string;
  readonly confirmUrl: string;
}

export type Composed = RenderedMessage & {
  readonly to: string;
  readonly version: number;
  /** Ends messages like this one, where the customer may. */
  readonly unsubscribeUrl?: string;
};

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

/** A message that goes with others in a digest (CP17). */
export interface DigestItem {
  readonly title: string;
  readonly text: string;
  readonly message: string;
  readonly journey: string;
  /** When it was made, ISO 8601. */
  readonly at: string;
}

/** The digest in full, or the reason why there is none. */
export const composeDigest = (
  addressee: Addressee,
  of: Pick<SendEffect, 'message' | 'purpose' | 'channel'>,
  items: readonly DigestItem[],
): Composed | string =>
  write(addressee, of, {}, { journey: NO_JOURNEY, digest: { items: items.map((item) => ({ ...item })) } });

const NO_JOURNEY: JsonObject = { id: '', stage: '', key: null };

/** The message in full, or the reason why there is none. */
function compose(addressee: Addressee, effect: SendEffect, run: Run): Composed | string {
  const begun = effect.by === null ? {} : addressee.eventOf(effect.by);
  return write(addressee, effect, begun, { journey: { id: run.journey, stage: run.stage, key: run.key } });
}

function write(
  addressee: Addressee,
  of: Pick<SendEffect, 'message' | 'purpose' | 'channel'>,
  begun: JsonObject,
  more: JsonObject,
): Composed | string {
  const { traits, id } = addressee;
  if (of.channel !== 'email') return 'no channel';
  const template = addressee.templates.get(of.message);
  if (!template) return 'no template';
  const refused = addressee.refuses(of.purpose, of.channel);
  if (refused !== null) return refused;
  const to = addressOf(traits);
  if (to === null) return 'no address';
  const links = addressee.links(of, begun);
  const mustEnd = addressee.mustEnd(of.purpose);
  if (mustEnd && !links) return 'no unsubscribe link' satisfies Refusal;
  const values = {
    traits,
    event: { name: begun['event'] ?? begun['name'] ?? '', properties: begun['properties'] ?? {} },
    customer: { id },
    ...more,
    ...(links ?? {}),
  };
  const rendered = renderMessage(template, localesOf(addressee, begun), values, zoneOf(traits));
  if (!rendered) return 'template failed';
  const end = mustEnd && links ? { unsubscribeUrl: links.unsubscribeUrl } : {};
  return { ...rendered, ...end, to, version: template.version };
}

/** The customer's own, where it is known. */
const zoneOf = ({ timezone }: JsonObject): string => (typeof timezone === 'string' ? timezone : 'UTC');

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
