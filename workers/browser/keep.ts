// Who the visitor is and what waits to be sent. In memory; with consent in the one entry `waymark` of localStorage, which
// is then the truth, because other pages of the site write it too. Without consent the storage holds nothing.

import './limit.ts';

export interface Message {
  readonly messageId: string;
  readonly userId?: string | undefined;
  readonly anonymousId: string;
  readonly [member: string]: unknown;
}

export interface Kept {
  /** The anonymous id. */
  readonly a: string;
  /** The user id, once the visitor said who they are. */
  readonly u?: string | undefined;
  /** What waits, oldest first. */
  readonly q: readonly Message[];
}

/** The visitor's word: given, refused, or not asked yet. */
export type Consent = boolean | undefined;

export interface Keeper {
  readonly consent: () => Consent;
  readonly decide: (word: Consent) => void;
  readonly read: () => Kept;
  readonly write: (change: Partial<Kept>) => void;
}

const NAME = 'waymark';

export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-');

const nobody = (): Kept => ({ a: newId(), u: undefined, q: [] });

/** @param consent what holds before the visitor is asked; a yes of an earlier page stands in the storage */
export function openKeeper(consent: Consent): Keeper {
  let memory = nobody();

  const stored = (): Kept | false => {
    try {
      const kept: Kept = JSON.parse(localStorage[NAME]);
      return Array.isArray(kept.q) && kept.a > '' && kept;
    } catch {
      return false;
    }
  };
  const read = (): Kept => (consent && stored()) || memory;
  const write = (change: Partial<Kept>): void => {
    const { q, ...who } = { ...read(), ...change };
    memory = { ...who, q: q.slice(-LIMIT.queueMax) };
    try {
      if (consent) localStorage[NAME] = JSON.stringify(memory);
      else delete localStorage[NAME];
    } catch {
      // A storage that is full or closed: memory has to do.
    }
  };
  const decide = (word: Consent): void => {
    consent = word;
    write(word ? {} : nobody());
  };

  decide(consent ?? (!!stored() || undefined));
  // Null where everything was cleared.
  addEventListener('storage', ({ key }) => {
    if (consent && (key ?? NAME) === NAME && !stored()) decide(false);
  });
  return { consent: () => consent, decide, read, write };
}
