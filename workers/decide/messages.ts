// A message document becomes a template that can be rendered: every language with its subject, text and HTML parsed. Which
// language a customer gets, and what the values are put into, is decided here; whether it may be sent is not.

import { type Message, Message as MessageDocument } from '../../schema/catalog.ts';
import { escapePointer, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { NO_WORDING, type Wording } from './fragments.ts';
import { chooseLocale, type Languages, readingLocale, withFallbacks } from './languages.ts';
import { type Medium, renderFields } from './templates.ts';
import { compileVariants, type Variants } from './variants.ts';

export interface MessageTemplate {
  readonly id: string;
  readonly version: number;
  readonly channel: Message['channel'];
  readonly purpose: Message['purpose'];
  readonly locales: Variants;
  /** Which languages stand in for others. */
  readonly languages: Languages;
}

export interface RenderedMessage {
  readonly locale: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

export type CompiledMessage =
  | { readonly ok: true; readonly message: MessageTemplate }
  | { readonly ok: false; readonly findings: readonly Finding[] };

const MEDIA: Record<string, Medium> = { subject: 'plain', text: 'plain', html: 'html' };

export function compileMessage(document: unknown, version: number, wording: Wording = NO_WORDING): CompiledMessage {
  const parsed = MessageDocument.safeParse(document);
  if (!parsed.success) return { ok: false, findings: findingsOf(parsed.error.issues, document) };
  const { id, channel, purpose } = parsed.data;
  const findings: Finding[] = [];
  const locales = compileVariants(parsed.data.locales, wording, (name) => MEDIA[name] ?? 'html', findings);
  for (const [locale, fields] of locales)
    for (const member of ['subject', 'text'])
      if (findings.length === 0 && !fields.some(({ name }) => name === member))
        findings.push({
          code: 'schema',
          pointer: `/locales/${escapePointer(locale)}/${member}`,
          message: `has no ${member}, and no language that stands in for ${locale} has one`,
          remedy: `Write ${member}.`,
        });
  if (findings.length > 0) return { ok: false, findings };
  return { ok: true, message: { id, version, channel, purpose, locales, languages: wording.languages } };
}

/** @returns null where a template fails with these values, leaves nothing to say, or says more than a message may hold */
export function renderMessage(
  template: MessageTemplate,
  locales: readonly string[],
  values: JsonObject,
  zone = 'UTC',
): RenderedMessage | null {
  const wanted = withFallbacks(locales, template.languages);
  const locale = chooseLocale(template.locales, wanted);
  const fields = locale === null ? undefined : template.locales.get(locale);
  if (!fields || locale === null) return null;
  const rendered = renderFields(fields, values, { locale: readingLocale(locale, locales), zone });
  if (!rendered) return null;
  const subject = oneLine(String(rendered['subject'] ?? '')).slice(0, LIMITS.subjectCharsMax);
  const text = String(rendered['text'] ?? '');
  const html = rendered['html'] === undefined ? null : String(rendered['html']);
  if (subject === '' || Math.max(text.length, html?.length ?? 0) > LIMITS.messageCharsMax) return null;
  return { locale, subject, text, html };
}

/** A line break in a subject would begin another header of the mail. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim();
