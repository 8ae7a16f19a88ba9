// Puts decided items into the page's placements, and says what the page shows. What stood in a placement before stays
// unless there is something to show. What becomes of impressions and clicks is not here.

import type { Decided } from './client.ts';
import { addressOf, partsOf, type Shown, shownOf, textOf } from './item.ts';

type Item = NonNullable<Decided['decisions'][string]>[number];

const SHOWN = 'data-waymark-shown';

/** Elements that show an item, by which its impressions and clicks are told. */
export const SHOWING = `[${SHOWN}]`;

export const shownIn = (element: Element): Shown => JSON.parse(element.getAttribute(SHOWN) ?? '');

const nameOf = (element: Element): string =>
  element.getAttribute('data-waymark-placement') ?? element.getAttribute('name') ?? '';

/** The placements of the page with their names: those that show nothing decided yet, or all. */
export const placementsOf = (all?: boolean): (readonly [string, Element])[] =>
  [...document.querySelectorAll('[data-waymark-placement],waymark-placement')]
    .filter((element) => all || !(element.matches(SHOWING) || element.querySelector(SHOWING)))
    .map((element) => [nameOf(element), element]);

/** SN8: fills one placement, if there is something to show. */
export function fill(element: Element, items: readonly Item[]): void {
  const name = nameOf(element);
  if (element.hasAttribute('data-waymark-fill')) {
    if (items[0] && fillOwn(element, items[0])) element.setAttribute(SHOWN, shownOf(items[0], name));
    return;
  }
  const articles = items.flatMap((item) => {
    const parts = partsOf(item).map(({ tag, text, href }) =>
      Object.assign(document.createElement(tag), { textContent: text }, href && { href }),
    );
    const article = document.createElement('article');
    article.append(...parts);
    article.setAttribute(SHOWN, shownOf(item, name));
    return parts[0] ? article : [];
  });
  if (articles[0]) element.replaceChildren(...articles);
}

/** What the page's own elements may take of an item: by attribute, into which member. */
const OWN: readonly (readonly [string, string, (item: Item, field: string) => unknown])[] = [
  ['field', 'textContent', textOf],
  ['html', 'innerHTML', ({ fields }, field) => fields[field]],
  ['href', 'href', addressOf],
  ['src', 'src', addressOf],
];

/** SN10: the page's own elements, each from the field it names. */
function fillOwn(element: Element, item: Item): boolean {
  let made = false;
  for (const [kind, member, read] of OWN)
    for (const target of element.querySelectorAll(`[data-waymark-${kind}]`)) {
      const value = read(item, target.getAttribute(`data-waymark-${kind}`) ?? '');
      if (value == null) continue;
      made = true;
      Object.assign(target, { [member]: value });
    }
  return made;
}
