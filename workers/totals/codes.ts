// Makes single-use codes: 16 signs of an alphabet without those that are taken for another, which is 80 bits from the
// platform's generator, so that none can be guessed from others and two are never alike.

/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const GROUPS = 4;
const GROUP_CHARS = 4;

export interface Making {
  readonly count: number;
  readonly prefix: string;
}

export const makeCodes = ({ count, prefix }: Making): string[] =>
  Array.from({ length: count }, () => {
    const bytes = crypto.getRandomValues(new Uint8Array(GROUPS * GROUP_CHARS));
    const signs = [...bytes].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
    return prefix + (signs.match(/.{4}/g) ?? []).join('-');
  });
