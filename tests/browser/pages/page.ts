// What the pages' scripts share: how a test tells a page where the system is, and what a test may ask of a client.

/** Method of the client and what it is called with, in the order in which they are made. */
export type Calls = readonly (readonly [method: string, ...given: unknown[]])[];

declare const location: { readonly search: string };

export function readAddress(): { server: string; options: object } {
  const asked = new URLSearchParams(location.search);
  return { server: asked.get('server') ?? '', options: JSON.parse(asked.get('options') ?? '{}') };
}
