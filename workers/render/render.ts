// Fills the placements of a page on its way through a site's Worker. Streams: what is before a placement is sent on while the
// decision is awaited, and a page is never held up longer than its budget. Rules: SPEC.md.

import { addressOf, type Item, shownOf, textOf } from '../browser/item.ts';
import { type AskOptions, openShelf } from './ask.ts';
import { markupOf } from './markup.ts';

export type { AskOptions, PageCustomer } from './ask.ts';

const NAME = 'data-waymark-placement';
const FILL = 'data-waymark-fill';
const SHOWN = 'data-waymark-shown';

/** The page with its placements filled. The rest of the answer stays as it is, but for what SR6 says of caches. */
export function renderPlacements(response: Response, options: AskOptions): Response {
  if (!response.body || !/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) return response;
  const shelf = openShelf(options);
  /** The item whose own placement the page is in. */
  let filling: Item | null = null;

  const placement = async (element: Element): Promise<void> => {
    const name = element.getAttribute(NAME) ?? element.getAttribute('name') ?? '';
    // The placement before may have had no end.
    filling = null;
    if (name === '' || element.hasAttribute(SHOWN)) return;
    const items = await shelf.itemsOf(name);
    if (element.hasAttribute(FILL)) {
      const [item] = items;
      if (!item || Object.values(item.fields).every((value) => value === null)) return;
      element.onEndTag(() => {
        filling = null;
      });
      element.setAttribute(SHOWN, quoted(shownOf(item, name)));
      filling = item;
      return;
    }
    const markup = items.map((item) => markupOf(item, name)).join('');
    if (markup === '') return;
    if (element.tagName === 'waymark-placement') element.replace(markup, { html: true });
    else element.setInnerContent(markup, { html: true });
  };
  /** An element of the page's own, which names a field in this attribute. */
  const own = (kind: string, put: (element: Element, item: Item, field: string) => void) => {
    const attribute = `data-waymark-${kind}`;
    return [
      `[${FILL}] [${attribute}]`,
      {
        element: (element: Element): void => {
          if (filling) put(element, filling, element.getAttribute(attribute) ?? '');
        },
      },
    ] as const;
  };
  const address = (attribute: string) => (element: Element, item: Item, field: string) => {
    const value = addressOf(item, field);
    if (value !== null) element.setAttribute(attribute, quoted(value));
  };

  const page = new Response(response.body, response);
  page.headers.delete('content-length');
  if (options.customer) {
    page.headers.set('cache-control', 'private, no-store');
    page.headers.delete('etag');
    page.headers.delete('last-modified');
  }
  return new HTMLRewriter()
    .on(`[${NAME}]`, { element: unbroken(placement) })
    .on('waymark-placement[name]', { element: unbroken(placement) })
    .on(
      ...own('field', (element, item, field) => {
        const text = textOf(item, field);
        if (text !== null) element.setInnerContent(text);
      }),
    )
    .on(
      ...own('html', (element, { fields }, field) => {
        const html = fields[field];
        if (typeof html === 'string') element.setInnerContent(html, { html: true });
      }),
    )
    .on(...own('href', address('href')))
    .on(...own('src', address('src')))
    .transform(page);
}

/** What fails at an element, as one without an end does, leaves it as it is: an error would end the page there. */
const unbroken =
  (work: (element: Element) => Promise<void>) =>
  (element: Element): Promise<void> =>
    work(element).catch(() => undefined);

/** The rewriter escapes quotes in attributes alone. */
const quoted = (text: string): string => text.replaceAll('&', '&amp;');
