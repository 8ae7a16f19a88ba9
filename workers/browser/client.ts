// What a page may call: the interface of `waymark`, which the script implements and `waymark types` gives to the site's
// developers, with their own events, traits and placements in it. Types alone; nothing of this file is in the script.

export type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** One item of what a placement shows. */
export interface Shown {
  readonly kind: 'content' | 'offer';
  readonly id: string;
  readonly version: number;
  readonly decisionId: string;
  readonly fields: Fields;
  readonly clickUrl?: string;
}

/** What is shown where. Degraded where the customer could not be asked; empty where nobody could. */
export interface Decided<Placement extends string = string> {
  readonly decisions: Readonly<Partial<Record<Placement, readonly Shown[]>>>;
  readonly degraded: boolean;
}

export interface Waymark<
  Events extends object = Record<string, Record<string, unknown>>,
  Traits extends object = Record<string, unknown>,
  Placement extends string = string,
> {
  /** Which script this is. */
  readonly version: string;
  /** A call as the page can make it before the script has arrived: `(window.waymark ||= []).push(['track', 'Name'])`. */
  push(call: readonly [method: string, ...given: unknown[]]): void;
  /** Something happened. */
  track<Name extends keyof Events & string>(event: Name, properties?: Events[Name]): void;
  /** The visitor is this user; the token proves it where the write key asks for a proof. */
  identify(userId: string, traits?: Traits, options?: { readonly token?: string }): void;
  /** A page was viewed; made by itself unless the script has `data-manual`. */
  page(name?: string, properties?: Readonly<Record<string, unknown>>): void;
  /** What to show; never rejects. */
  decide<Name extends Placement>(
    placements: readonly Name[],
    context?: Readonly<Record<string, unknown>>,
  ): Promise<Decided<Name>>;
  /** Fills the placements of the page that show nothing yet, or all of them. */
  render(all?: boolean): Promise<void>;
  /** The visitor's word on being recognised. */
  consent(given: boolean): void;
  /** The visitor is nobody known any more, as after a logout. */
  reset(): void;
}
