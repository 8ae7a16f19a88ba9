// Reads journeys with their cases, runs them, and writes cases that are missing. What is wrong with a file is said with its
// line, in the words of `waymark check`. The judgement itself: workers/cases/.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import {
  applyEdits,
  findNodeAtLocation,
  modify,
  type Node,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { type Case, Cases } from '../../schema/cases.ts';
import { EventDeclarations } from '../../schema/catalog.ts';
import { isObject, type Json } from '../../schema/json.ts';
import type { Stand } from '../cases/play.ts';
import { type Failure, type Tested, testJourney } from '../cases/run.ts';
import { wordingOf } from '../decide/fragments.ts';
import { compileMessage, type MessageTemplate } from '../decide/messages.ts';
import { compileJourney, type Vocabulary, vocabularyOf } from '../engine/compile.ts';
import { type Finding, findingsOf } from '../engine/findings.ts';
import type { Machine } from '../engine/machine.ts';
import { type CompiledSegment, compileSegment } from '../knowledge/segments.ts';
import { learnerFor } from '../simulate/setting.ts';
import { readSources } from './files.ts';

/** A fault of a file or a case that fails. */
export interface Complaint {
  readonly file: string;
  readonly line: number;
  readonly pointer: string;
  readonly message: string;
  /** The case, where it is one. */
  readonly case?: string;
}

/** A journey file, what stands beside it, and what is wrong with either. */
export interface Subject {
  readonly journeyFile: string;
  readonly casesFile: string;
  readonly text: string | null;
  readonly cases: Cases | null;
  readonly stand: Stand | null;
  readonly complaints: readonly Complaint[];
}

/** What all journeys of a folder share. */
interface Shelf {
  readonly vocabulary: Vocabulary;
  readonly journeys: ReadonlyMap<string, { readonly path: string; readonly document: unknown }>;
  readonly templates: ReadonlyMap<string, MessageTemplate>;
  readonly segments: readonly CompiledSegment[];
  readonly complaints: readonly Complaint[];
}

export const CASES_ENDING = '.cases.json';

/**
 * The journey files that are meant: those named, those beside files of cases, those of folders; without any, of `folder`.
 * @throws where there is no such file
 */
export function journeyFiles(named: readonly string[], folder: string): string[] {
  return (named.length > 0 ? named : [folder]).flatMap((path) => {
    if (existsSync(path) && statSync(path).isDirectory())
      return readSources(path).sources.flatMap((source) =>
        source.kind === 'journey' ? [join(path, source.path)] : [],
      );
    const file = path.endsWith(CASES_ENDING) ? `${path.slice(0, -CASES_ENDING.length)}.json` : path;
    if (!existsSync(file)) throw new Error(`There is no journey ${file}.`);
    return [file];
  });
}

/** @throws where a file that was named is not there */
export function readSubjects(files: readonly string[]): {
  subjects: Subject[];
  vocabularyOf: (file: string) => Vocabulary;
} {
  const shelves = new Map<string, Shelf>();
  const shelfOf = (file: string): Shelf => {
    const folder = dirname(file);
    const shelf = shelves.get(folder) ?? readShelf(folder);
    shelves.set(folder, shelf);
    return shelf;
  };
  return {
    subjects: files.map((file) => readSubject(file, shelfOf(file))),
    vocabularyOf: (file) => shelfOf(file).vocabulary,
  };
}

function readShelf(folder: string): Shelf {
  const { sources, faults } = readSources(folder);
  const events = sources.find(({ kind }) => kind === 'events');
  const declared = EventDeclarations.safeParse(events?.document ?? { events: {} });
  const of = (wanted: string) => sources.filter(({ kind }) => kind === wanted).map(({ document }) => document);
  const wording = wordingOf(of('fragment'), of('site')[0]);
  const vocabulary = vocabularyOf(declared.success ? declared.data : { events: {}, traits: {} });
  const templates = new Map<string, MessageTemplate>();
  for (const { kind, document } of sources) {
    const compiled = kind === 'message' ? compileMessage(document, 1, wording) : null;
    if (compiled?.ok) templates.set(compiled.message.id, compiled.message);
  }
  const undeclared = declared.success
    ? []
    : complaintsOf(join(folder, 'events.json'), findingsOf(declared.error.issues, events?.document));
  return {
    vocabulary,
    journeys: new Map(
      sources.flatMap(({ kind, path, document }) =>
        kind === 'journey' && isObject(document) && typeof document['id'] === 'string'
          ? [[document['id'], { path: join(folder, path), document }]]
          : [],
      ),
    ),
    templates,
    segments: of('segment').flatMap((document) => {
      const compiled = compileSegment(document, 1, vocabulary);
      return compiled.ok ? [compiled.segment] : [];
    }),
    complaints: [
      ...undeclared,
      ...faults.map(({ path, line, detail }) => ({
        ...{ file: join(folder, path), line, pointer: '', message: `is not JSON: ${detail}` },
      })),
    ],
  };
}

function readSubject(journeyFile: string, shelf: Shelf): Subject {
  const casesFile = join(dirname(journeyFile), `${basename(journeyFile, '.json')}${CASES_ENDING}`);
  const text = existsSync(casesFile) ? readFileSync(casesFile, 'utf8') : null;
  const document: unknown = parse(readFileSync(journeyFile, 'utf8'), [], { allowTrailingComma: true });
  const complaints: Complaint[] = shelf.complaints.filter(
    ({ file }) => basename(file) === 'events.json' || file === journeyFile,
  );
  const machine = compiled(document, journeyFile, shelf, complaints);
  const cases = text === null ? null : readCases(text, casesFile, machine, complaints);
  const others = (cases?.with ?? []).flatMap((id, index) => {
    const other = shelf.journeys.get(id);
    if (other) return compiled(other.document, other.path, shelf, complaints) ?? [];
    complaints.push(at(casesFile, text ?? '', `/with/${index}`, `there is no journey ${id} in this folder`));
    return [];
  });
  const { vocabulary, templates, segments } = shelf;
  const stand = machine && {
    ...{ machine, others, templates, defaultLocale: 'en', resolve: vocabulary.resolve },
    learner: learnerFor([machine, ...others], vocabulary, segments),
  };
  return { journeyFile, casesFile, text, cases, stand: complaints.length > 0 ? null : stand, complaints };
}

function compiled(document: unknown, file: string, { vocabulary }: Shelf, complaints: Complaint[]): Machine | null {
  const result = compileJourney(document, 1, vocabulary);
  if (result.ok) return result.machine;
  complaints.push(...complaintsOf(file, result.findings));
  return null;
}

function readCases(text: string, file: string, machine: Machine | null, complaints: Complaint[]): Cases | null {
  const errors: ParseError[] = [];
  const document: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length;
    complaints.push({ file, line, pointer: '', message: `is not JSON: ${printParseErrorCode(first.error)}` });
    return null;
  }
  const parsed = Cases.safeParse(document);
  if (!parsed.success) {
    complaints.push(...complaintsOf(file, findingsOf(parsed.error.issues, document)));
    return null;
  }
  if (machine && parsed.data.journey !== machine.id)
    complaints.push(
      at(
        file,
        text,
        '/journey',
        `the journey beside it is ${machine.id}; write that, or move the file beside its journey`,
      ),
    );
  return parsed.data;
}

function complaintsOf(file: string, findings: readonly Finding[]): Complaint[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return findings.map(({ pointer, message, remedy }) => at(file, text, pointer, `${message}. ${remedy}`));
}

const at = (file: string, text: string, pointer: string, message: string): Complaint => ({
  ...{ file, line: lineOf(text, pointer), pointer, message },
});

/** The line of a pointer's value; of what is missing, the line of what it is missing in. */
export function lineOf(text: string, pointer: string): number {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  let node: Node | undefined = tree;
  for (let length = path.length; tree && length >= 0; length--) {
    const parts = path.slice(0, length).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    node = findNodeAtLocation(tree, parts);
    if (node) break;
  }
  return text.slice(0, node?.offset ?? 0).split('\n').length;
}

export interface Judged extends Tested {
  readonly journeyFile: string;
  readonly casesFile: string;
  readonly complaints: readonly Complaint[];
}

/** Runs a subject's cases; one that cannot be read has its complaints alone. */
export function judge({ journeyFile, casesFile, text, cases, stand, complaints }: Subject): Judged {
  const files = { journeyFile, casesFile };
  if (!stand)
    return {
      ...files,
      journey: basename(journeyFile, '.json'),
      cases: 0,
      failures: [],
      elements: [],
      uncovered: [],
      complaints,
    };
  const tested = testJourney(stand, { cases: cases?.cases ?? [] });
  return {
    ...files,
    ...tested,
    complaints: tested.failures.map((failure) => complaintOf(failure, casesFile, text ?? '')),
  };
}

const complaintOf = (failure: Failure, file: string, text: string): Complaint => ({
  ...at(file, text, failure.pointer, failure.message),
  case: failure.case,
});

/** The text of a file of cases with more of them; comments and what stands there stay. */
export function withCases(subject: Subject, more: readonly Case[]): string {
  const { text, stand, casesFile } = subject;
  if (text === null) {
    const schema = relative(dirname(casesFile), join(import.meta.dirname, '../../schema/generated/cases.schema.json'));
    return `${JSON.stringify({ $schema: schema, journey: stand?.machine.id ?? '', cases: more }, null, 2)}\n`;
  }
  const formattingOptions = { insertSpaces: true, tabSize: 2, eol: '\n' };
  return more.reduce(
    (current, each) =>
      applyEdits(current, modify(current, ['cases', -1], each as Json, { formattingOptions, isArrayInsertion: true })),
    text,
  );
}

export function writeCases(subject: Subject, more: readonly Case[]): void {
  writeFileSync(subject.casesFile, withCases(subject, more));
}
