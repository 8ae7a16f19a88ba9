// What a decided item comes to on a page: its text, the addresses it may lead to, and the plain markup it has where the
// page brings none. Pure, and shared by the snippet and by server-side rendering, so that both show the same.

/** An item of a decision as the API answers it. */
export interface Item {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly decisionId: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly clickUrl?: string;
}

/** One element of the plain markup; a link where it has an address. */
export interface Part {
  readonly tag: 'h2' | 'p' | 'a';
  readonly text: string;
  readonly href?: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'" };

/** A field as text: templates escape a customer's values for HTML, and text is to show them as they are. Null for none. */
export function textOf(item: Item, field: string): string | null {
  const value = item.fields[field];
  return value == null ? null : `${value}`.replace(/&(amp|lt|gt|#3[49]);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** Where a field leads, if that is a page of the web: never a script. The link of an item counts its click. */
export function addressOf(item: Item, field: string): string | null {
  const own = textOf(item, field);
  const address = (field === 'url' && own !== null && item.clickUrl) || own;
  return address !== null && /^(https?:\/\/|\/([\w?#.%~-]|$))/i.test(address) ? address : null;
}

/** The plain markup of an item, from the fields title, body, cta and url; nothing where it has none of them. */
export function partsOf(item: Item): Part[] {
  const title = textOf(item, 'title');
  const parts = [
    { tag: 'h2', text: title },
    { tag: 'p', text: textOf(item, 'body') },
    { tag: 'a', text: textOf(item, 'cta') ?? title, href: addressOf(item, 'url') },
  ];
  return parts.filter((part): part is Part => !!part.text && part.href !== null);
}

/** What a shown item says of itself in its attribute `data-waymark-shown`, by which its impressions and clicks are told. */
export type Shown = readonly [kind: Item['kind'], id: string, decisionId: string, placement: string];

export const shownOf = ({ kind, id, decisionId }: Item, placement: string): string =>
  JSON.stringify([kind, id, decisionId, placement] satisfies Shown);
