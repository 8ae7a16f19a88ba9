// The plain markup of items as text: what the snippet builds as elements, for a page that is still on its way. Pure.

import { type Item, partsOf, shownOf } from '../browser/item.ts';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in HTML, between tags and in attributes with double quotes. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign);

/** Nothing for an item that has nothing to show. */
export function markupOf(item: Item, placement: string): string {
  const parts = partsOf(item).map(({ tag, text, href }) => {
    const address = href === undefined ? '' : ` href="${escapeHtml(href)}"`;
    return `<${tag}${address}>${escapeHtml(text)}</${tag}>`;
  });
  if (parts.length === 0) return '';
  return `<article data-waymark-shown="${escapeHtml(shownOf(item, placement))}">${parts.join('')}</article>`;
}
