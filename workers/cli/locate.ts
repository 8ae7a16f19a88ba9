// Where a JSON pointer stands in a file: line and column, counted from 1. Where the file lacks the member (it is missing,
// say), the place of what should hold it.

import { findNodeAtLocation, type Node, parseTree } from 'jsonc-parser';

export interface Location {
  readonly line: number;
  readonly column: number;
}

/** @returns a function from pointers (RFC 6901) to places */
export function locatorOf(text: string): (pointer: string) => Location {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return (pointer) => {
    const names = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    let node: Node | undefined = root;
    for (const name of names) {
      const inner: Node | undefined = node && findNodeAtLocation(node, [node.type === 'array' ? Number(name) : name]);
      if (!inner) break;
      node = inner;
    }
    return placeAt(text, (node?.parent?.type === 'property' ? node.parent : node)?.offset ?? 0);
  };
}

export function placeAt(text: string, offset: number): Location {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
