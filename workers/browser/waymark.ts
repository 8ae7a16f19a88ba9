// The script of a page: `<script async src="…/waymark.js" data-key="…">`. Puts the parts together and is `waymark` in the
// page. Rules: SPEC.md. Nothing here may fail into the page (SN1).

import type { Decided, Waymark } from './client.ts';
import { newId, openKeeper } from './keep.ts';
import './limit.ts';
import { fill, placementsOf, SHOWING, shownIn } from './render.ts';
import { NOTHING, openSender } from './send.ts';

type Properties = Readonly<Record<string, unknown>>;
type Methods = Omit<Waymark<Record<string, Properties>>, 'version' | 'push'>;
type Call = readonly [method: keyof Methods, ...given: never[]];

declare global {
  interface Window {
    waymark?: object;
  }
  interface Navigator {
    readonly globalPrivacyControl?: boolean;
  }
}

/** SN1. */
const guarded =
  <Given extends unknown[], Result>(work: (...given: Given) => Result) =>
  (...given: Given): Result | undefined => {
    try {
      return work(...given);
    } catch (error) {
      console.warn('waymark:', error);
      return undefined;
    }
  };

function start({ src, dataset }: HTMLScriptElement): void {
  const server = new URL(src).origin;
  // SN5.
  const keeper = openKeeper(navigator.globalPrivacyControl ? false : dataset['consent'] === 'given' || undefined);
  const sender = openSender(server, `${dataset['key']}`, keeper);

  const situation = () => {
    const { href: url, pathname: path, search } = location;
    const { title, referrer } = document;
    const { userAgent, language } = navigator;
    return {
      page: { url, path, search, title, referrer },
      locale: document.documentElement.lang || language,
      device: { type: /Mobi/.test(userAgent) ? 'mobile' : 'desktop' },
      userAgent,
    };
  };

  const report = (type: string, members: object): void => {
    if (keeper.consent() === false) return;
    const { a: anonymousId, u: userId, q } = keeper.read();
    const made = { type, messageId: newId(), timestamp: new Date(), context: situation() };
    const message = { ...made, anonymousId, userId, ...members };
    if (JSON.stringify(message).length > LIMIT.messageCharsMax) throw new Error(`${type} is too large`);
    keeper.write({ q: [...q, message] });
    sender.send();
  };

  /** SN11. */
  const notice = (what: 'Viewed' | 'Clicked', element: Element): void => {
    const [kind, id, decision_id, placement] = shownIn(element);
    report('track', {
      event: `${kind === 'offer' ? 'Offer' : 'Content'} ${what}`,
      properties: { [`${kind}_id`]: id, decision_id, placement },
      // One impression for a decision, in whatever page.
      ...(what === 'Viewed' && { messageId: `view/${decision_id}` }),
    });
  };
  const seen = new IntersectionObserver(
    guarded((entries: readonly IntersectionObserverEntry[]) => {
      for (const { isIntersecting, target } of entries)
        if (isIntersecting) {
          seen.unobserve(target);
          notice('Viewed', target);
        }
    }),
    { threshold: 0.5 },
  );

  const methods: Methods = {
    track: (event, properties) => report('track', { event, properties }),
    identify: (userId, traits, options) => {
      sender.token = options?.token;
      keeper.write({ u: `${userId}` });
      report('identify', { traits });
    },
    page: (name, properties) => report('page', { name, properties: { ...situation().page, ...properties } }),
    decide: (asked, context) =>
      new Promise<Decided>((answer) => {
        const placements = asked.slice(0, LIMIT.placementsMax);
        sender.send({ decide: { placements, context: { ...situation(), ...context } }, answer });
      }),
    render: async (all) => {
      const places = placementsOf(all);
      const { decisions } = places[0] ? await methods.decide(places.map(([name]) => name)) : NOTHING;
      for (const [name, element] of places) guarded(fill)(element, decisions[name] ?? []);
      for (const element of document.querySelectorAll(SHOWING)) seen.observe(element);
    },
    consent: (given) => {
      keeper.decide(given);
      sender.send();
    },
    reset: () => {
      sender.token = undefined;
      keeper.write({ a: newId(), u: undefined });
    },
  };
  const push = guarded(([method, ...given]: Call) => Reflect.apply(methods[method], 0, given));

  // SN6.
  let address = '';
  const arrive = guarded(() => {
    const { pathname, search } = location;
    if (address === pathname + search) return;
    address = pathname + search;
    if (!('manual' in dataset)) methods.page();
    methods.render();
  });
  const { pushState } = history;
  history.pushState = (...given) => {
    pushState.apply(history, given);
    setTimeout(arrive);
  };
  addEventListener('popstate', () => setTimeout(arrive));

  addEventListener(
    'click',
    guarded((click) => {
      // What is clicked is an element; of an event that a script makes up on something else the console tells.
      const target = click.target as Element;
      // SN7.
      const marked = target.closest<HTMLElement>('[data-waymark-event]')?.dataset;
      if (marked) methods.track(`${marked['waymarkEvent']}`, JSON.parse(marked['waymarkProperties'] ?? '{}'));
      const link = target.closest('a,button');
      const item = link?.closest(SHOWING);
      if (item && !link?.matches(`[href^="${server}/r/"]`)) notice('Clicked', item);
    }),
    true,
  );

  // SN2.
  const waiting = window.waymark;
  const waymark: Record<string, unknown> = { version: VERSION, push };
  for (const method in methods) waymark[method] = guarded<never[], unknown>(methods[method as keyof Methods]);
  window.waymark = waymark;
  if (Array.isArray(waiting)) waiting.forEach(push);

  // SN14: what an earlier page left.
  sender.send();
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', arrive);
  else arrive();
}

if (document.currentScript instanceof HTMLScriptElement) start(document.currentScript);
