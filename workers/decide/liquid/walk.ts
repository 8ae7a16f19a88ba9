// What a parsed template does without rendering it: which values it reads, which filters it calls and how, how deep it is.
// Fragments are gone through as if they stood in its place. Names it makes itself are followed to what they stand for.

import { type Arguments, type Filter, type Template, type Token, TypeGuards, toValueSync, Value } from 'liquidjs';
import { LIMITS } from '../../../schema/limits.ts';
import { nearest } from '../../engine/nearest.ts';
import type { Fault } from './faults.ts';
import { SIGNATURES } from './filters.ts';

/** Members and positions from a root; null for one that only a customer decides, or any element of a list. */
export type Path = readonly (string | number | null)[];

/** Where it stands. Row and column are counted from the beginning of the text, so only for what is told. */
export interface Place {
  readonly token: Token;
  readonly fragment: string | null;
}

/** `line:1, col:5`, from 1, in the template or in the fragment. */
export function whereOf({ token, fragment }: Place): string {
  const [row = 1, col = 1] = token.getPosition();
  return `${fragment === null ? '' : `of the fragment ${fragment}, `}line:${row}, col:${col}`;
}

export interface Read extends Place {
  readonly path: Path;
}

export interface Walked {
  /** Each path once, where it is read first. */
  readonly reads: readonly Read[];
  /** What keeps it from being published, at most one of a kind. */
  readonly faults: readonly (Fault & Place)[];
}

/** Fragments as one document meets them. */
export interface Known {
  /** Null where there is none of that name. */
  readonly sourceOf: (fragment: string) => string | null;
  readonly ids: readonly string[];
}

interface Walk {
  readonly reads: Map<string, Read>;
  readonly faults: (Fault & Place)[];
  readonly sourceOf: (fragment: string) => string | null;
  readonly fragments: readonly string[];
  chars: number;
}

interface Around {
  /** What names of the template's own stand for; null: nobody knows. */
  readonly own: Map<string, Path | null>;
  readonly fragments: readonly string[];
  readonly depth: number;
  readonly loops: number;
}

const LOOPS: readonly string[] = ['for', 'tablerow'];

/** @param known the fragments there are: what they are made of, and their names */
export function walk(templates: readonly Template[], known: Known): Walked {
  const state: Walk = { reads: new Map(), faults: [], sourceOf: known.sourceOf, fragments: known.ids, chars: 0 };
  walkAll(state, templates, { own: new Map(), fragments: [], depth: 0, loops: 0 });
  return { reads: [...state.reads.values()], faults: state.faults };
}

function walkAll(state: Walk, templates: readonly Template[], around: Around): void {
  for (const template of templates) {
    if (state.faults.length > 0) return;
    visit(state, template, around);
  }
}

function visit(state: Walk, template: Template, around: Around): void {
  const name = 'name' in template && typeof template.name === 'string' ? template.name : '';
  const place = placeOf(template.token, around);
  const given = [...(template.arguments?.() ?? [])];
  for (const argument of given) readArgument(state, argument, place, around);
  for (const identifier of template.localScope?.() ?? []) around.own.set(identifier.content, aliasOf(given[0], around));
  if (name === 'render') visitFragment(state, template, place, around);
  else if (template.children) visitChildren(state, template, name, given[0], place, around);
}

function visitChildren(
  state: Walk,
  template: Template,
  name: string,
  collection: Argument | undefined,
  place: Place,
  around: Around,
): void {
  const loops = around.loops + (LOOPS.includes(name) ? 1 : 0);
  const depth = around.depth + 1;
  if (loops > LIMITS.templateLoopDepthMax) tell(state, place, NESTED_LOOPS);
  if (depth > LIMITS.templateDepthMax) tell(state, place, TOO_DEEP);
  const own = template.blockScope ? new Map(around.own) : around.own;
  for (const [index, scoped] of [...(template.blockScope?.() ?? [])].entries()) {
    const list = index === 0 && LOOPS.includes(name) ? aliasOf(collection, around) : null;
    own.set(scoped, list && [...list, null]);
  }
  walkAll(state, childrenOf(template), { ...around, own, depth, loops });
}

/** A list of children is given after asking for partials, where there are any. */
const childrenOf = (template: Template): Template[] =>
  template.children ? [...toValueSync(template.children(true, true))] : [];

function visitFragment(state: Walk, template: Template, place: Place, around: Around): void {
  const scope = template.partialScope?.();
  const source = scope ? state.sourceOf(scope.name) : null;
  const fragments = [...around.fragments, scope?.name ?? ''];
  state.chars += source?.length ?? 0;
  const fault = faultOfFragment(state, scope?.name ?? null, source, around);
  if (fault) tell(state, place, fault);
  const own = new Map<string, Path | null>();
  for (const given of scope?.scope ?? []) own.set(typeof given === 'string' ? given : given[0], null);
  if ('forBinding' in template && template.forBinding !== undefined) own.set('forloop', null);
  if (!fault) walkAll(state, childrenOf(template), { ...around, own, fragments, depth: around.depth + 1 });
}

function faultOfFragment(state: Walk, name: string | null, source: string | null, around: Around): Fault | null {
  if (name === null) return UNNAMED_FRAGMENT;
  if (source === null)
    return {
      code: 'unknown-fragment',
      message: `renders the fragment ${JSON.stringify(name)}, which is not there`,
      remedy: `${nearest(name, state.fragments)}Write it below fragments/, or correct its name.`,
    };
  if (around.fragments.includes(name))
    return {
      code: 'fragment-loop',
      message: `fragments render each other in a circle: ${[...around.fragments, name].join(', ')}`,
      remedy: 'Take one of them out of the circle.',
    };
  const deep = around.fragments.length >= LIMITS.fragmentDepthMax;
  return deep || state.chars > LIMITS.templateCharsMax ? FRAGMENT_LIMIT : null;
}

const NESTED_LOOPS: Fault = {
  code: 'template',
  message: 'loops are nested; one loop inside another multiplies the work',
  remedy: 'Take one of them out; join and map go through lists as well.',
};
const TOO_DEEP: Fault = {
  code: 'limit',
  message: `tags are nested more than ${LIMITS.templateDepthMax} deep`,
  remedy: 'Put a part of it before, with assign.',
};
const UNNAMED_FRAGMENT: Fault = {
  code: 'template',
  message: 'renders a fragment whose name is not written out',
  remedy: 'Write the name in quotes: {% render "footer" %}.',
};
const FRAGMENT_LIMIT: Fault = {
  code: 'limit',
  message: `renders fragments more than ${LIMITS.fragmentDepthMax} deep, or of more than ${LIMITS.templateCharsMax} characters together`,
  remedy: 'Render fewer or smaller fragments.',
};

const tell = (state: Walk, place: Place, fault: Fault): void => {
  state.faults.push({ ...place, ...fault });
};

type Argument = Arguments extends Iterable<infer One> ? One : never;
type FilterArg = Filter['args'][number];

function readArgument(state: Walk, argument: Argument, place: Place, around: Around): void {
  if (argument instanceof Value) {
    for (const token of argument.initial.postfix) readToken(state, token, around);
    for (const { name, args } of argument.filters) {
      readArgs(state, args, around);
      const fault = callFault(name, args);
      if (fault) tell(state, place, fault);
    }
  } else readToken(state, argument, around);
}

function readArgs(state: Walk, args: readonly FilterArg[], around: Around): void {
  for (const arg of args) {
    const token = Array.isArray(arg) ? arg[1] : arg;
    if (token) readToken(state, token, around);
  }
}

function readToken(state: Walk, token: Token, around: Around): void {
  if (TypeGuards.isRangeToken(token)) {
    readToken(state, token.lhs, around);
    readToken(state, token.rhs, around);
  } else if (TypeGuards.isPropertyAccessToken(token)) {
    for (const prop of token.props) if (TypeGuards.isPropertyAccessToken(prop)) readToken(state, prop, around);
    const path = pathOf(token, around);
    const key = JSON.stringify(path);
    if (path && !state.reads.has(key)) state.reads.set(key, { path, ...placeOf(token, around) });
  }
}

/** Null where its root is a name of the template's own that stands for nothing known, or no name at all. */
function pathOf(token: Token, { own }: Around): Path | null {
  if (!TypeGuards.isPropertyAccessToken(token) || token.variable) return null;
  const segments = token.props.map((prop) =>
    TypeGuards.isNumberToken(prop)
      ? Number(prop.content)
      : TypeGuards.isQuotedToken(prop) || TypeGuards.isWordToken(prop)
        ? prop.content
        : null,
  );
  const [root] = segments;
  if (typeof root !== 'string') return null;
  if (!own.has(root)) return segments;
  const stands = own.get(root) ?? null;
  return stands && [...stands, ...segments.slice(1)];
}

/** What a name stands for that is given this value: only a value as it is, without filters and operators. */
function aliasOf(argument: Argument | undefined, around: Around): Path | null {
  if (argument === undefined) return null;
  if (!(argument instanceof Value)) return pathOf(argument, around);
  const [token, more] = argument.initial.postfix;
  return token && !more && argument.filters.length === 0 ? pathOf(token, around) : null;
}

/** What is wrong with a call of a filter that is there. */
function callFault(name: string, args: readonly FilterArg[]): Fault | null {
  const signature = SIGNATURES.get(name);
  if (!signature) return null; // What HTML does to every output has no name.
  const wrong = (message: string, remedy: string): Fault => ({ code: 'filter-argument', message, remedy });
  const { least, most, named, first } = signature;
  const placed = args.filter((arg) => !Array.isArray(arg));
  if (placed.length < least || placed.length > most)
    return wrong(
      `${name} is given ${placed.length} arguments`,
      `Give it ${least === most ? (most === 0 ? 'none' : `exactly ${most}`) : `${least} to ${most}`}.`,
    );
  const names = args.flatMap((arg) => (Array.isArray(arg) ? [arg[0] ?? ''] : []));
  const odd = names.find((given) => !named?.may.includes(given));
  if (odd !== undefined)
    return wrong(
      `${name} knows no argument ${JSON.stringify(odd)}`,
      `It knows ${(named?.may ?? ['none']).join(', ')}.`,
    );
  const absent = named?.must.find((must) => !names.includes(must));
  if (absent !== undefined) return wrong(`${name} lacks the argument ${absent}`, `Give ${absent}: "…".`);
  const [token] = placed;
  if (!first || token === undefined || Array.isArray(token)) return null;
  const text = TypeGuards.isQuotedToken(token) || TypeGuards.isNumberToken(token) ? String(token.content) : null;
  const fault = text === null ? null : first(text);
  return fault === null ? null : wrong(`${name} is given ${JSON.stringify(text)}`, `The argument ${fault}.`);
}

function placeOf(token: Token, { fragments }: Around): Place {
  return { token, fragment: fragments.at(-1) ?? null };
}
