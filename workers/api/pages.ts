// Pages for customers, in German and English: what a link of a mail opens. Plain HTML with a form, no script, nothing from
// elsewhere, kept by nobody. Text from outside is escaped by `html`.

import { createHash } from 'node:crypto';
import { html } from 'hono/html';

const STYLE = `:root{color-scheme:light dark}body{font:1.0625rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}
h1{font-size:1.5rem}fieldset{border:1px solid #8886;border-radius:.5rem;margin:1rem 0;padding:.75rem 1rem}legend{font-weight:600;padding:0 .25rem}
label{display:block;padding:.25rem 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}dd{margin:0;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere}button{font:inherit;padding:.6rem 1.2rem;border-radius:.5rem;border:1px solid #8886;cursor:pointer}`;

/** Of a page of ours: no script, nothing from elsewhere, kept by nobody. */
export const HTML_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
};

/** The one style sheet, as the policy has its hash. */
export const STYLE_TAG = `<style>${STYLE}</style>`;

export type Language = 'de' | 'en';

/** The first of what is wanted that there are pages in. */
export function languageOf(wanted: readonly (string | null | undefined)[]): Language {
  for (const tag of wanted.flatMap((list) => (list ?? '').split(','))) {
    const [primary] = tag.trim().toLowerCase().split(/[-_;]/);
    if (primary === 'de' || primary === 'en') return primary;
  }
  return 'en';
}

type Html = ReturnType<typeof html>;

function page(language: Language, title: string, body: Html, status = 200): Response {
  // The style stands as it is hashed, so it is put in after what escapes.
  const text = String(html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style></style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`);
  return new Response(
    text.replace('<style></style>', () => STYLE_TAG),
    { status, headers: HTML_HEADERS },
  );
}

const WORDS = {
  de: {
    confirm: [
      'Anmeldung bestätigen',
      'Mit einem Klick auf den Knopf bestätigen Sie, dass wir Ihnen schreiben dürfen.',
      'Bestätigen',
    ],
    confirmed: ['Vielen Dank', 'Ihre Anmeldung ist bestätigt.'],
    unconfirmed: ['Nicht mehr offen', 'Diese Anmeldung wurde inzwischen zurückgezogen. Es ist nichts weiter zu tun.'],
    unsubscribe: ['Abmelden', 'Mit einem Klick auf den Knopf bekommen Sie davon keine Nachrichten mehr:', 'Abmelden'],
    unsubscribed: ['Sie sind abgemeldet', 'Davon bekommen Sie keine Nachrichten mehr:'],
    preferences: ['Ihre Einstellungen', 'Was dürfen wir für Sie tun?', 'Speichern'],
    saved: 'Ihre Einstellungen sind gespeichert.',
    frequency: [
      'Wie oft höchstens?',
      { any: 'so oft es etwas gibt', weekly: 'einmal in der Woche', monthly: 'einmal im Monat' },
    ],
    pause: ['Pause', { none: 'keine', P30D: '30 Tage lang', P90D: '90 Tage lang', kept: 'bis' }],
    channels: { email: 'E-Mail', sms: 'SMS', push: 'Push-Nachricht', letter: 'Brief', site: 'Website' },
    unknown: ['Dieser Link gilt nicht', 'Er ist nicht vollständig oder stammt nicht von hier.'],
    old: ['Dieser Link ist zu alt', 'Bitte melden Sie sich noch einmal an, dann schicken wir einen neuen.'],
    unavailable: ['Gerade nicht erreichbar', 'Bitte versuchen Sie es in einem Augenblick noch einmal.'],
  },
  en: {
    confirm: ['Confirm your subscription', 'With the button you confirm that we may write to you.', 'Confirm'],
    confirmed: ['Thank you', 'Your subscription is confirmed.'],
    unconfirmed: ['Not open any more', 'This subscription was withdrawn in the meantime. There is nothing left to do.'],
    unsubscribe: ['Unsubscribe', 'With the button you will get no more messages of this kind:', 'Unsubscribe'],
    unsubscribed: ['You are unsubscribed', 'You will get no more messages of this kind:'],
    preferences: ['Your preferences', 'What may we do for you?', 'Save'],
    saved: 'Your preferences are saved.',
    frequency: [
      'How often at most?',
      { any: 'whenever there is something', weekly: 'once a week', monthly: 'once a month' },
    ],
    pause: ['Pause', { none: 'none', P30D: 'for 30 days', P90D: 'for 90 days', kept: 'until' }],
    channels: { email: 'e-mail', sms: 'SMS', push: 'push message', letter: 'letter', site: 'website' },
    unknown: ['This link is not valid', 'It is not whole, or not of this system.'],
    old: ['This link is too old', 'Please subscribe once more, and we send another one.'],
    unavailable: ['Not available right now', 'Please try again in a moment.'],
  },
} as const;

type Told = 'confirmed' | 'unconfirmed';

export const toldPage = (language: Language, told: Told): Response => {
  const [title, text] = WORDS[language][told];
  return page(language, title, html`<p>${text}</p>`);
};

const FAULTS = { unknown: 404, old: 410, unavailable: 503 } as const;
export type Fault = keyof typeof FAULTS;

export function faultPage(language: Language, fault: Fault): Response {
  const [title, text] = WORDS[language][fault];
  const response = page(language, title, html`<p>${text}</p>`, FAULTS[fault]);
  if (fault === 'unavailable') response.headers.set('retry-after', '1');
  return response;
}

/** A question with one button: a GET alone does nothing, because programs follow the links of a mail too. */
export const confirmPage = (language: Language): Response => {
  const [title, text, button] = WORDS[language].confirm;
  return page(language, title, html`<p>${text}</p><form method="post"><button>${button}</button></form>`);
};

export const unsubscribePage = (language: Language, name: string, done: boolean): Response => {
  const [title, text, button] = done ? [...WORDS[language].unsubscribed, ''] : WORDS[language].unsubscribe;
  const form = done ? '' : html`<form method="post"><button>${button}</button></form>`;
  return page(language, title, html`<p>${text} <strong>${name}</strong></p>${form}`);
};

/** What a customer may choose, as the form shows it. */
export interface Choices {
  readonly topics: readonly {
    readonly name: string;
    readonly purpose: string;
    readonly channels: readonly { readonly channel: string; readonly chosen: boolean }[];
  }[];
  readonly frequency: string;
  /** The day, as a date; null without a pause. */
  readonly pausedUntil: string | null;
}

const channelName = (language: Language, channel: string): string => {
  const names: Readonly<Record<string, string>> = WORDS[language].channels;
  return names[channel] ?? channel;
};

export function preferencesPage(
  language: Language,
  { topics, frequency, pausedUntil }: Choices,
  saved: boolean,
): Response {
  const words = WORDS[language];
  const [title, text, button] = words.preferences;
  const radio = (name: string, value: string, label: string, checked: boolean) =>
    html`<label><input type="radio" name="${name}" value="${value}"${checked ? html` checked` : ''}> ${label}</label>`;
  const [how, often] = words.frequency;
  const [pause, lengths] = words.pause;
  return page(
    language,
    title,
    html`${saved ? html`<p role="status"><strong>${words.saved}</strong></p>` : ''}
<p>${text}</p>
<form method="post">
${topics.map(
  ({ name, purpose, channels }) => html`<fieldset><legend>${name}</legend>
${channels.map(({ channel, chosen }) => html`<label><input type="checkbox" name="yes" value="${purpose}/${channel}"${chosen ? html` checked` : ''}> ${channelName(language, channel)}</label>`)}
</fieldset>`,
)}
<fieldset><legend>${how}</legend>
${Object.entries(often).map(([value, label]) => radio('frequency', value, label, value === frequency))}
</fieldset>
<fieldset><legend>${pause}</legend>
${pausedUntil === null ? '' : radio('pause', 'kept', `${lengths.kept} ${pausedUntil}`, true)}
${(['none', 'P30D', 'P90D'] as const).map((value) => radio('pause', value, lengths[value], value === 'none' && pausedUntil === null))}
</fieldset>
<button>${button}</button>
</form>`,
  );
}
