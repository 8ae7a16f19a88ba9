// All documents of a catalog, checked together: each by what refuses it at publish, and by what the others say.

import type { z } from 'zod';
import { Content, EventDeclarations, Message, Offer } from '../../schema/catalog.ts';
import { Journey } from '../../schema/journey.ts';
import { isObject } from '../../schema/json.ts';
import { Placements } from '../../schema/placements.ts';
import { Policies } from '../../schema/policies.ts';
import { Segment } from '../../schema/segment.ts';
import { Site } from '../../schema/site.ts';
import { compileFragment, type Wording, wordingOf } from '../decide/fragments.ts';
import { compileItem } from '../decide/items.ts';
import { chainOf } from '../decide/languages.ts';
import { compileMessage } from '../decide/messages.ts';
import { EMPTY_VOCABULARY, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import { nearest } from '../engine/nearest.ts';
import { compileTrial } from '../experiments/compile.ts';
import { compileComputed } from '../knowledge/computed.ts';
import { compileSegment } from '../knowledge/segments.ts';
import { compilePolicies } from '../policies/policies.ts';
import { checkJourney, type Graded, isError, type Surroundings } from './check.ts';
import { type Code, severityOf } from './codes.ts';
import { type Beside, checkExperiment } from './experiments.ts';
import { computedWindowFaults, windowFaults } from './retention.ts';
import { checkSegment } from './segments.ts';
import { checkOwnReads, checkReads, shapesOf } from './templates.ts';

export interface Document {
  readonly kind:
    | 'journey'
    | 'content'
    | 'offer'
    | 'message'
    | 'experiment'
    | 'fragment'
    | 'placements'
    | 'site'
    | 'policies'
    | 'segment'
    | 'events';
  readonly document: unknown;
}

/** What stands beside each: of the documents those that have their shape. `declared` where no events are among them. */
export function surroundingsOf(documents: readonly Document[], declared: Vocabulary = EMPTY_VOCABULARY): Surroundings {
  const events = EventDeclarations.safeParse(documents.find(({ kind }) => kind === 'events')?.document);
  const of = (kind: Document['kind']) => documents.filter((each) => each.kind === kind).map(({ document }) => document);
  const journeys = of('journey').flatMap((document) => Journey.safeParse(document).data ?? []);
  const messages = of('message').flatMap((document) => Message.safeParse(document).data ?? []);
  const offers = of('offer').flatMap((document) => Offer.safeParse(document).data ?? []);
  const vocabulary = events.success ? vocabularyOf(events.data) : declared;
  const policies = compilePolicies(of('policies')[0] ?? {}, vocabulary);
  return {
    vocabulary,
    retention: policies.ok ? policies.policies.privacy.retention : null,
    journeys: new Map(journeys.map((journey) => [journey.id, journey])),
    messages: new Map(messages.map((message) => [message.id, message])),
    offers: new Set(offers.map(({ id }) => id)),
    segments: new Set(of('segment').flatMap((document) => Segment.safeParse(document).data?.id ?? [])),
  };
}

/** What documents are written with. Null takes a document out. */
export function wordingAmong(documents: readonly Document[]): Wording {
  const of = (wanted: Document['kind']) =>
    documents.filter(({ kind, document }) => kind === wanted && document !== null).map(({ document }) => document);
  return wordingOf(of('fragment'), of('site')[0]);
}

/** What is asked of events.json: without one there is nothing to ask. */
const DECLARED: readonly string[] = [
  'unknown-event',
  'unknown-trait',
  'unknown-property',
  'unknown-variable',
] satisfies Code[];

/** Findings of each document, in the order given. `declared` where no events are among them; null: nobody knows any. */
export function checkDocuments(
  documents: readonly Document[],
  declared: Vocabulary | null = EMPTY_VOCABULARY,
): Graded[][] {
  const around = surroundingsOf(documents, declared ?? EMPTY_VOCABULARY);
  const wording = wordingAmong(documents);
  const languages = wording.languages.all.length > 0 ? null : languagesOf(documents);
  const beside = besideOf(documents);
  return documents.map((each) => {
    if (each.kind === 'journey') {
      const findings = checkJourney(each.document, around);
      return declared ? findings : findings.filter(({ code }) => !DECLARED.includes(code));
    }
    const refused = refusalsOf(each, around, wording).filter(
      ({ code }) => declared !== null || !DECLARED.includes(code),
    );
    if (refused.some(isError)) return refused;
    if (each.kind === 'experiment') return checkExperiment(each.document, beside, around.vocabulary);
    return [
      ...refused,
      ...checkLanguages(each, languages, wording),
      ...checkPlaces(each, around),
      ...checkNamed(each, documents),
      ...checkDigest(each, around),
    ];
  });
}

/** Why a document that is no journey cannot be published, beside those it is written with. */
export function refusalsOf({ kind, document }: Document, around: Surroundings, wording: Wording): Graded[] {
  const { vocabulary } = around;
  const refuse = (findings: readonly Finding[]): Graded[] =>
    findings.map((finding) => ({ ...finding, severity: 'error' }));
  const warn = (findings: readonly Finding[]): Graded[] =>
    findings.map((finding) => ({ ...finding, severity: 'warning' }));
  const parse = (shape: z.ZodType): Graded[] => {
    const { error } = shape.safeParse(document);
    return error ? refuse(findingsOf(error.issues, document)) : [];
  };
  switch (kind) {
    case 'message': {
      const compiled = compileMessage(document, 0, wording);
      if (!compiled.ok) return refuse(compiled.findings);
      return checkReads(compiled.message.locales, document, shapesOf(around).sent);
    }
    case 'content':
    case 'offer': {
      const compiled = compileItem(kind, document, 0, vocabulary, wording);
      if (!compiled.ok) return refuse(compiled.findings);
      const written = isObject(document) ? document : {};
      const beyond = ['audience', 'eligibility'].flatMap((each) => windowFaults(written[each], around, `/${each}`));
      return [...checkReads(compiled.item.locales, document, shapesOf(around).page), ...warn(beyond)];
    }
    case 'experiment': {
      const compiled = compileTrial(document, 0, vocabulary);
      return compiled.ok ? [] : refuse(compiled.findings);
    }
    case 'fragment':
      return refusalsOfFragment(document, around, wording);
    case 'placements':
      return parse(Placements);
    case 'site':
      return parse(Site);
    case 'policies': {
      const compiled = compilePolicies(document, vocabulary);
      return compiled.ok ? [] : refuse(compiled.findings);
    }
    case 'segment': {
      const compiled = compileSegment(document, 0, vocabulary);
      return compiled.ok ? checkSegment(compiled.segment, around) : refuse(compiled.findings);
    }
    case 'events': {
      const parsed = parse(EventDeclarations);
      if (parsed.length > 0) return parsed;
      const faults = computedFaults(document);
      return faults.length > 0 ? refuse(faults) : warn(computedWindowFaults(around));
    }
    case 'journey':
      return checkJourney(document, around);
  }
}

function computedFaults(document: unknown): readonly Finding[] {
  const { data } = EventDeclarations.safeParse(document);
  return data ? compileComputed(vocabularyOf(data)).findings : [];
}

function refusalsOfFragment(document: unknown, around: Surroundings, wording: Wording): Graded[] {
  const compiled = compileFragment(document, wording);
  if (!compiled.ok) return compiled.findings.map((finding) => ({ ...finding, severity: 'error' }));
  const shape = shapesOf(around).anywhere;
  return compiled.reads.flatMap(({ pointer, reads }) => checkOwnReads(pointer, reads, shape));
}

/** What experiments may name. */
function besideOf(documents: readonly Document[]): Beside {
  const of = (kind: Document['kind'], shape: typeof Content | typeof Offer) =>
    documents.flatMap((each) => (each.kind === kind ? (shape.safeParse(each.document).data ?? []) : []));
  const [content, offers] = [of('content', Content), of('offer', Offer)];
  const journeys = documents.flatMap((each) =>
    each.kind === 'journey' ? (Journey.safeParse(each.document).data?.id ?? []) : [],
  );
  return {
    content: new Set(content.map(({ id }) => id)),
    offers: new Set(offers.map(({ id }) => id)),
    placements: new Set([...content, ...offers].flatMap(({ placements }) => placements)),
    journeys: new Set(journeys),
  };
}

const warn = (code: Code, pointer: string, message: string, remedy: string): Graded => ({
  ...{ code, severity: severityOf(code), pointer, message, remedy },
});

const localesOf = ({ document }: Document): string[] => {
  const locales: unknown = Reflect.get(Object(document), 'locales');
  return typeof locales === 'object' && locales !== null ? Object.keys(locales) : [];
};

/** Languages that most of the documents of all kinds have. */
function languagesOf(documents: readonly Document[]): string[] {
  const served = documents.map(localesOf).filter((locales) => locales.length > 0);
  return [...new Set(served.flat())].filter(
    (language) => served.filter((locales) => locales.includes(language)).length * 2 > served.length,
  );
}

/** @param common languages of most documents, where the site does not say which there must be */
function checkLanguages(document: Document, common: readonly string[] | null, { languages }: Wording): Graded[] {
  if (document.kind === 'fragment' && common) return [];
  const own = localesOf(document);
  const served = (language: string): boolean => chainOf(language, languages).some((tag) => own.includes(tag));
  const missing = (common ?? languages.all).filter((language) => own.length > 0 && !served(language));
  return missing.map((language) =>
    warn(
      'language-missing',
      '/locales',
      `is not there in ${JSON.stringify(language)}, as ${common ? 'most documents are' : 'site.json asks'}`,
      'Add it: customers of that language get another one until then.',
    ),
  );
}

/** Placements and items that content and offers name. Where no placements are declared, any name is one. */
/** The message that policies let others go with. */
function checkDigest({ kind, document }: Document, { messages }: Surroundings): Graded[] {
  const id = kind === 'policies' ? Policies.safeParse(document).data?.pressure?.digest?.message : undefined;
  if (id === undefined || !messages || messages.has(id)) return [];
  const remedy = `${nearest(id, messages.keys())}Write it below messages/, or correct its name.`;
  return [warn('unknown-message', '/pressure/digest/message', `there is no message ${JSON.stringify(id)}`, remedy)];
}

function checkNamed({ kind, document }: Document, documents: readonly Document[]): Graded[] {
  const { data } =
    kind === 'content' ? Content.safeParse(document) : Offer.safeParse(kind === 'offer' ? document : null);
  if (!data) return [];
  const declared = documents.find((each) => each.kind === 'placements');
  const placements = declared && Placements.safeParse(declared.document).data?.placements;
  const named = [
    ...data.placements.map((name, index) => ({ name, pointer: `/placements/${index}` })),
    ...(data.caps ?? []).flatMap(({ placement }, index) =>
      placement === undefined ? [] : { name: placement, pointer: `/caps/${index}/placement` },
    ),
  ];
  const unknown = named.flatMap(({ name, pointer }) =>
    !placements || Object.hasOwn(placements, name)
      ? []
      : warn(
          'unknown-placement',
          pointer,
          `no placement is called ${JSON.stringify(name)}`,
          `${nearest(name, Object.keys(placements))}Declare it in placements.json, or correct its name.`,
        ),
  );
  const items = documents.flatMap((each) => {
    const id: unknown =
      each.kind === 'content' || each.kind === 'offer' ? Reflect.get(Object(each.document), 'id') : null;
    return typeof id === 'string' ? id : [];
  });
  if (data.fallback === undefined || items.includes(data.fallback)) return unknown;
  const remedy = `${nearest(data.fallback, items)}Write it, or correct its name.`;
  return [
    ...unknown,
    warn('unknown-item', '/fallback', `there is no content or offer ${JSON.stringify(data.fallback)}`, remedy),
  ];
}

/** Stages that content and offers are for: `journey.stage`. */
function checkPlaces({ kind, document }: Document, { journeys }: Surroundings): Graded[] {
  const parsed = kind === 'content' ? Content.safeParse(document) : kind === 'offer' ? Offer.safeParse(document) : null;
  const known = [...(journeys?.values() ?? [])].flatMap(({ id, stages }) =>
    Object.keys(stages).map((stage) => `${id}.${stage}`),
  );
  return (parsed?.data?.stages ?? []).flatMap((place, index) =>
    known.includes(place)
      ? []
      : warn(
          'unknown-place',
          `/stages/${index}`,
          `no journey has the stage ${place}`,
          `${nearest(place, known)}Correct it, or publish that journey.`,
        ),
  );
}
