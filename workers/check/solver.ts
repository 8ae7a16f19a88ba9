// Whether conditions can hold together: sound, never more than that. A `false` is a proof that no situation makes all of
// `holding` true and all of `failing` not true; a `true` says only that no proof was found. The fragment: comparison,
// equality and membership of one term with literals, joined by logic; everything else is a term nothing is known about,
// equal to itself. Three values, as SPEC.md C1 to C4 have it: true, false, an error.

import type { ASTNode } from '@marcbachmann/cel-js';
import { isMacro, walk } from '../engine/cel.ts';
import { type Atom, atomOf, type Truth, truthOf, type Value, valuesOf } from './terms.ts';

/** What is known of the situation all conditions are asked in. */
export interface Situation {
  /** The event at hand, by its declared name; null where it is not known. */
  readonly event: string | null;
}

/** Steps one question may take before it is given up as not proven. */
const STEPS_MAX = 20_000;

type Formula =
  | { readonly kind: 'constant'; readonly holds: boolean }
  | { readonly kind: 'atom'; readonly atom: Atom; readonly wanted: readonly Truth[] }
  | { readonly kind: 'and'; readonly parts: readonly Formula[] }
  | { readonly kind: 'or'; readonly parts: readonly Formula[] };

/** @returns false only where it is proven that `holding` cannot all be true while none of `failing` is */
export function canHold(
  holding: readonly ASTNode[],
  failing: readonly ASTNode[] = [],
  situation: Situation = { event: null },
): boolean {
  const formulas = [
    ...holding.map((node) => formulaOf(node, ['true'])),
    // A comprehension may run into its limit (C9), so that it does not hold is always possible.
    ...failing.filter((node) => !hasComprehension(node)).map((node) => formulaOf(node, ['false', 'error'])),
  ];
  const atoms = formulas.flatMap(atomsOf);
  const domains = new Map<string, readonly Value[]>();
  for (const { term, node } of atoms)
    if (!domains.has(term))
      domains.set(
        term,
        valuesOf(
          node,
          atoms.filter((atom) => atom.term === term).flatMap(({ literals }) => literals),
          situation.event,
        ),
      );
  return search(formulas, domains, { steps: 0 });
}

/** Whether an expression is true in every situation, for certain. */
export const alwaysHolds = (node: ASTNode, situation: Situation = { event: null }): boolean =>
  !hasComprehension(node) && !canHold([], [node], situation);

function hasComprehension(node: ASTNode): boolean {
  let found = false;
  walk(node, (each) => {
    if (each.op === 'rcall' && isMacro(each.args[0])) found = true;
  });
  return found;
}

const constant = (holds: boolean): Formula => ({ kind: 'constant', holds });
const and = (...parts: Formula[]): Formula => ({ kind: 'and', parts });
const or = (...parts: Formula[]): Formula => ({ kind: 'or', parts });

const FLIPPED: Readonly<Record<Truth, Truth>> = { true: 'false', false: 'true', error: 'error' };

/** "The value of this expression is one of `wanted`", pushed down to the atoms. */
function formulaOf(node: ASTNode, wanted: readonly Truth[]): Formula {
  if (wanted.length === 0 || wanted.length === 3) return constant(wanted.length === 3);
  const without = (): Truth[] => (['true', 'false', 'error'] as const).filter((truth) => !wanted.includes(truth));
  switch (node.op) {
    case '!_':
      return formulaOf(
        node.args,
        wanted.map((truth) => FLIPPED[truth]),
      );
    case '&&':
    case '||': {
      const [left, right] = node.args;
      // CEL 1.0, "Logical Operators": the deciding value on either side decides, whatever the other side comes to.
      const decides: Truth = node.op === '&&' ? 'false' : 'true';
      const both: Truth = FLIPPED[decides];
      if (wanted.length > 1) return negated(formulaOf(node, without()));
      if (wanted[0] === both) return and(formulaOf(left, [both]), formulaOf(right, [both]));
      if (wanted[0] === decides) return or(formulaOf(left, [decides]), formulaOf(right, [decides]));
      return and(
        formulaOf(left, [both, 'error']),
        formulaOf(right, [both, 'error']),
        or(formulaOf(left, ['error']), formulaOf(right, ['error'])),
      );
    }
    case '?:': {
      const [condition, yes, no] = node.args;
      return or(
        and(formulaOf(condition, ['true']), formulaOf(yes, wanted)),
        and(formulaOf(condition, ['false']), formulaOf(no, wanted)),
        ...(wanted.includes('error') ? [formulaOf(condition, ['error'])] : []),
      );
    }
    default: {
      const atom = atomOf(node);
      return 'value' in atom ? constant(wanted.includes(truthOf(atom.value))) : { kind: 'atom', atom, wanted };
    }
  }
}

function negated(formula: Formula): Formula {
  switch (formula.kind) {
    case 'constant':
      return constant(!formula.holds);
    case 'atom': {
      const wanted = (['true', 'false', 'error'] as const).filter((truth) => !formula.wanted.includes(truth));
      return { ...formula, wanted };
    }
    case 'and':
      return or(...formula.parts.map(negated));
    case 'or':
      return and(...formula.parts.map(negated));
  }
}

function atomsOf(formula: Formula): Atom[] {
  if (formula.kind === 'atom') return [formula.atom];
  return formula.kind === 'constant' ? [] : formula.parts.flatMap(atomsOf);
}

/** Whether values are left for every term; choices are tried last, one after the other. */
function search(formulas: readonly Formula[], known: ReadonlyMap<string, readonly Value[]>, spent: { steps: number }) {
  const domains = new Map(known);
  const choices: Extract<Formula, { kind: 'or' }>[] = [];
  const pending = [...formulas];
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (++spent.steps > STEPS_MAX) return true;
    if (next.kind === 'constant') {
      if (!next.holds) return false;
    } else if (next.kind === 'and') pending.push(...next.parts);
    else if (next.kind === 'or') choices.push(next);
    else {
      const { atom, wanted } = next;
      const left = (domains.get(atom.term) ?? []).filter((value) => wanted.includes(atom.test(value)));
      if (left.length === 0) return false;
      domains.set(atom.term, left);
    }
  }
  const [choice, ...rest] = choices;
  if (!choice) return true;
  return choice.parts.some((part): boolean => search([...rest, part], domains, spent));
}
