// Cuts what has to travel into pieces that one message or one statement takes. Pure.

export interface Most {
  readonly members: number;
  /** Of all members as JSON; a single member that is larger travels alone. */
  readonly chars: number;
}

export function* inParts<T>(members: Iterable<T>, charsOf: (member: T) => number, most: Most): Generator<T[]> {
  let part: T[] = [];
  let chars = 0;
  for (const member of members) {
    const more = charsOf(member);
    if (part.length >= most.members || (part.length > 0 && chars + more > most.chars)) {
      yield part;
      part = [];
      chars = 0;
    }
    part.push(member);
    chars += more;
  }
  if (part.length > 0) yield part;
}
