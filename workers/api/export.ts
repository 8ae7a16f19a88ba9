// Everything that is kept of a customer, as JSON or as a page to read (PV1), piece by piece, so that a long history needs
// no more memory than a page of it.

import { html, raw } from 'hono/html';
import { isObject, type JsonObject } from '../../schema/json.ts';
import type { CustomerObject, Described, ShownMessage } from '../customer/messages.ts';
import { HTML_HEADERS, type Language, STYLE_TAG } from './pages.ts';

const PAGE = 200;
/** The form of the export; a reader may rely on it. */
const FORMAT = 'waymark-export-1';

interface Source {
  readonly object: CustomerObject;
  readonly described: Described;
  /** Milliseconds. */
  readonly madeAt: number;
}

interface Export {
  readonly headers: Record<string, string>;
  readonly text: AsyncGenerator<string>;
}

export const exportPieces = (source: Source, format: 'json' | 'html', language: Language): Export =>
  format === 'json'
    ? { headers: { 'content-type': 'application/json' }, text: asJson(source) }
    : { headers: HTML_HEADERS, text: asPage(source, language) };

/** What the object keeps in parts, by kind and name. */
async function keptOf({ object }: Source): Promise<Record<string, JsonObject>> {
  const kept: Record<string, JsonObject> = {};
  for (const { name, body } of (await object.kept())?.parts ?? []) {
    const colon = name.indexOf(':');
    const [kind, of] = colon < 0 ? [name, ''] : [name.slice(0, colon), name.slice(colon + 1)];
    kept[kind] = { ...kept[kind], [of]: JSON.parse(body) };
  }
  return kept;
}

async function* messagesOf({ object }: Source): AsyncGenerator<ShownMessage> {
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = (await object.messagesOf(before, PAGE)) ?? [];
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    before = last.number;
  }
}

/** The timeline, newest first, with what was recorded as JSON. */
async function* timelineOf({ object }: Source): AsyncGenerator<JsonObject> {
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = (await object.timeline(before, PAGE)) ?? [];
    for (const { seq, at, kind, name, body } of page) {
      const recorded: unknown = JSON.parse(body);
      yield { seq, at: new Date(at).toISOString(), kind, name, recorded: isObject(recorded) ? recorded : {} };
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    before = last.seq;
  }
}

async function* asJson(source: Source): AsyncGenerator<string> {
  const { described, madeAt } = source;
  const head = { format: FORMAT, madeAt: new Date(madeAt).toISOString(), customer: described };
  yield `${JSON.stringify(head).slice(0, -1)},"kept":${JSON.stringify(await keptOf(source))},"messages":[`;
  yield* listed(messagesOf(source));
  yield '],"timeline":[';
  yield* listed(timelineOf(source));
  yield ']}\n';
}

async function* listed(items: AsyncGenerator<object>): AsyncGenerator<string> {
  let first = true;
  for await (const item of items) {
    yield `${first ? '' : ','}${JSON.stringify(item)}`;
    first = false;
  }
}

const WORDS = {
  de: {
    title: 'Was wir über Sie gespeichert haben',
    intro:
      'Vollständige Auskunft nach Artikel 15 DSGVO. Als Datei zum Mitnehmen (Artikel 20) gibt es dasselbe als JSON.',
    sections: ['Wer Sie sind', 'Einwilligungen', 'Wo Sie stehen', 'Was gezählt wurde', 'Nachrichten an Sie', 'Verlauf'],
    none: 'Nichts.',
  },
  en: {
    title: 'What we have stored about you',
    intro: 'Complete information under Article 15 GDPR. The same is there as JSON, to take along (Article 20).',
    sections: ['Who you are', 'Consents', 'Where you stand', 'What was counted', 'Messages to you', 'History'],
    none: 'Nothing.',
  },
} as const;

async function* asPage(source: Source, language: Language): AsyncGenerator<string> {
  const { title, intro, sections, none } = WORDS[language];
  const { described } = source;
  const { traits, identifiers, consents, runs, timers, stages, ...rest } = described;
  yield String(html`<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>${raw(STYLE_TAG)}</head>
<body><main><h1>${title}</h1><p>${intro}</p>
`);
  const shown = (value: object) => {
    const entries = Object.entries(value);
    if (entries.length === 0) return html`<p>${none}</p>`;
    return html`<dl>${entries.map(([name, each]) => html`<dt>${name}</dt><dd>${typeof each === 'string' ? each : JSON.stringify(each)}</dd>`)}</dl>`;
  };
  const [who, agreed, where, counted, sent, history] = sections;
  yield String(html`<h2>${who}</h2>${shown({ ...rest, ...identifiers, ...traits })}`);
  yield String(html`<h2>${agreed}</h2>${shown(consents)}`);
  yield String(html`<h2>${where}</h2>${shown({ ...stages, runs, timers })}`);
  yield String(html`<h2>${counted}</h2>${shown(await keptOf(source))}`);
  yield String(html`<h2>${sent}</h2>`);
  for await (const { subject, text, at, status, channel } of messagesOf(source))
    yield String(
      html`<h3>${subject}</h3><p>${new Date(at).toISOString()} · ${channel} · ${status}</p><pre>${text}</pre>`,
    );
  yield String(html`<h2>${history}</h2>`);
  for await (const { at, kind, name, recorded } of timelineOf(source))
    yield String(
      html`<h3>${at} · ${kind}${name === null ? '' : ` · ${String(name)}`}</h3><pre>${JSON.stringify(recorded, null, 1)}</pre>`,
    );
  yield '</main></body></html>\n';
}
