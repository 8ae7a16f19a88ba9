// Documents, as designers write them, become what a simulation runs on. What does not compile is said, not left out.

import { EventDeclarations } from '../../schema/catalog.ts';
import { wordingOf } from '../decide/fragments.ts';
import { compileMessage, type MessageTemplate } from '../decide/messages.ts';
import { compileJourney, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { type Learner, NO_LEARNER } from '../engine/learner.ts';
import type { Machine } from '../engine/machine.ts';
import { openingsOf } from '../engine/traveller.ts';
import { computedIn } from '../knowledge/computed.ts';
import { learnerOf } from '../knowledge/learner.ts';
import { type CompiledSegment, compileSegment } from '../knowledge/segments.ts';
import { compilePolicies, NO_POLICIES, type Policies } from '../policies/policies.ts';
import type { Setting } from './customer.ts';

export interface Documents {
  /** events.json; undefined where nothing is declared. */
  readonly events: unknown;
  readonly journeys: readonly unknown[];
  readonly messages: readonly unknown[];
  /** What messages are written with; none unless given. */
  readonly fragments?: readonly unknown[];
  readonly site?: unknown;
  readonly policies?: unknown;
  readonly segments?: readonly unknown[];
}

export interface Fault extends Finding {
  /** `events`, or the kind and place in its list: `journeys/0`. */
  readonly document: string;
}

export type Prepared =
  | { readonly ok: true; readonly setting: Setting; readonly vocabulary: Vocabulary }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function prepareSetting(documents: Documents, defaultLocale = 'en'): Prepared {
  const declared = EventDeclarations.safeParse(documents.events ?? { events: {} });
  if (!declared.success)
    return { ok: false, faults: findingsOf(declared.error.issues, documents.events).map(of('events')) };
  const vocabulary = vocabularyOf(declared.data);
  const faults: Fault[] = [];
  const machines: Machine[] = [];
  documents.journeys.forEach((document, index) => {
    const compiled = compileJourney(document, 1, vocabulary);
    if (!compiled.ok) faults.push(...compiled.findings.map(of(`journeys/${index}`)));
    else if (machines.some(({ id }) => id === compiled.machine.id))
      faults.push({
        document: `journeys/${index}`,
        code: 'duplicate',
        pointer: '/id',
        message: `another journey is called ${compiled.machine.id} already`,
        remedy: 'Give each journey an id of its own.',
      });
    else machines.push(compiled.machine);
  });
  const wording = wordingOf(documents.fragments ?? [], documents.site);
  const templates = new Map<string, MessageTemplate>();
  documents.messages.forEach((document, index) => {
    const compiled = compileMessage(document, 1, wording);
    if (compiled.ok) templates.set(compiled.message.id, compiled.message);
    else faults.push(...compiled.findings.map(of(`messages/${index}`)));
  });
  const compiled = documents.policies === undefined ? null : compilePolicies(documents.policies, vocabulary);
  if (compiled?.ok === false) faults.push(...compiled.findings.map(of('policies')));
  const segments: CompiledSegment[] = [];
  (documents.segments ?? []).forEach((document, index) => {
    const made = compileSegment(document, 1, vocabulary);
    if (made.ok) segments.push(made.segment);
    else faults.push(...made.findings.map(of(`segments/${index}`)));
  });
  if (faults.length > 0) return { ok: false, faults };
  const policies = compiled?.ok ? compiled.policies : NO_POLICIES;
  return {
    ok: true,
    vocabulary,
    setting: settingOf(machines, templates, defaultLocale, policies, learnerFor(machines, vocabulary, segments)),
  };
}

/** What is worked out of histories where everything has been published from the start. */
export function learnerFor(
  machines: Iterable<Machine>,
  vocabulary: Vocabulary,
  segments: readonly CompiledSegment[],
): Learner {
  const initialStages = Object.fromEntries([...machines].map(({ id, initial }) => [id, initial]));
  const always = { since: Number.NEGATIVE_INFINITY, version: 1 };
  return learnerOf({ traits: computedIn(vocabulary), segments, initialStages, ...always });
}

const of =
  (document: string) =>
  (finding: Finding): Fault => ({ document, ...finding });

export function settingOf(
  machines: Iterable<Machine>,
  templates: ReadonlyMap<string, MessageTemplate>,
  defaultLocale: string,
  { consent, pressure }: Pick<Policies, 'consent' | 'pressure'> = NO_POLICIES,
  learner: Learner = NO_LEARNER,
  of: Machine['subject'] = 'customer',
): Setting {
  const published = new Map([...machines].map((machine) => [machine.id, machine]));
  const begun = [...published.values()].filter(({ subject }) => subject === of);
  const openings = openingsOf(begun, () => Number.NEGATIVE_INFINITY, learner);
  return { machines: published, openings, templates, consent, pressure, defaultLocale };
}
