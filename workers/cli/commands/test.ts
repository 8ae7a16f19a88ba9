// `waymark test`: the cases beside journeys, on a virtual clock; what they do not cover, and cases for that.

import { relative, resolve } from 'node:path';
import { type Generated, generateCases } from '../../cases/generate.ts';
import { type Judged, journeyFiles, judge, readSubjects, type Subject, withCases, writeCases } from '../cases.ts';
import { type Command, EXIT, Misuse, readArgs } from '../command.ts';
import { startProgress } from '../progress.ts';
import { JOURNEYS } from '../publish.ts';

export const command: Command = {
  summary: 'runs the cases beside journeys, and says what they leave untested',
  usage: `waymark test [FILES] [--generate [--print]] [--json]

Runs NAME.cases.json beside each journey of FILES (journeys, files of cases or folders; default: journeys/) on a virtual
clock, with the journey's own conditions, waits, experiments and messages. Nothing is sent and no system is asked.
Says which stages, transitions, entries, exits, steps, branches, arms and outcomes of waits no case comes to.

  --generate   finds the shortest way to each of those and adds it to the file as a case, with what happens as what is
               expected: read it before you keep it. What no way was found to is named
  --print      with --generate: writes nothing and prints the file as it would be
  --json       the results as JSON

Exits with 1 where a case fails or a file cannot be read.`,
  run: async (args) => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: {
        generate: { type: 'boolean', default: false },
        print: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (values.print && !values.generate) throw new Misuse('--print goes with --generate.');
    const files = journeyFiles(
      positionals.map((file) => resolve(file)),
      JOURNEYS,
    );
    let { subjects, vocabularyOf } = readSubjects(files);
    const generated = new Map<string, Generated>();
    if (values.generate) {
      const progress = startProgress('Journeys', subjects.length);
      for (const subject of subjects) {
        const found = generate(subject, vocabularyOf(subject.journeyFile).declarations);
        progress.advance(1);
        if (!found) continue;
        generated.set(subject.journeyFile, found);
        if (found.cases.length > 0 && !values.print) writeCases(subject, found.cases);
      }
      progress.done();
      if (values.print && !values.json) {
        for (const subject of subjects)
          process.stdout.write(withCases(subject, generated.get(subject.journeyFile)?.cases ?? []));
        return EXIT.fine;
      }
      if (!values.print) subjects = readSubjects(files).subjects;
    }
    const judged = subjects.map(judge);
    if (values.json)
      console.log(
        JSON.stringify(
          judged.map((each) => reportOf(each, generated.get(each.journeyFile))),
          null,
          2,
        ),
      );
    else for (const each of judged) say(each, generated.get(each.journeyFile));
    return judged.some(({ complaints }) => complaints.length > 0) ? EXIT.failed : EXIT.fine;
  },
};

function generate(subject: Subject, declarations: Parameters<typeof generateCases>[1]): Generated | null {
  if (!subject.stand) return null;
  const { uncovered } = judge(subject);
  if (uncovered.length === 0) return null;
  return generateCases(subject.stand, declarations, new Set(uncovered.map(({ pointer }) => pointer)));
}

const shown = (file: string): string => relative(process.cwd(), file);

function reportOf(judged: Judged, found: Generated | undefined): object {
  const { journeyFile, casesFile, journey, cases, elements, uncovered, complaints, failures } = judged;
  return {
    ...{ journey, journeyFile: shown(journeyFile), casesFile: shown(casesFile), cases },
    covered: elements.length - uncovered.length,
    elements: elements.length,
    uncovered,
    complaints: complaints.map((each) => ({ ...each, file: shown(each.file) })),
    failures,
    ...(found ? { generated: found.cases, unreached: found.unreached } : {}),
  };
}

function say(
  { journey, cases, elements, uncovered, complaints, failures }: Judged,
  found: Generated | undefined,
): void {
  const failing = new Set(failures.map(({ pointer }) => pointer.split('/').slice(0, 3).join('/'))).size;
  const result =
    failing > 0
      ? `${failing} of ${count(cases, 'case')} failed`
      : cases === 0
        ? 'no cases'
        : `${count(cases, 'case')} passed`;
  const coverage =
    elements.length === 0 ? '' : `; ${elements.length - uncovered.length} of ${count(elements.length, 'part')} covered`;
  console.log(`${journey}: ${elements.length === 0 ? 'not run' : result}${coverage}`);
  for (const { file, line, pointer, message, case: name } of complaints)
    console.log(
      `  ${shown(file)}:${line} ${pointer}\n    ${name === undefined ? '' : `${JSON.stringify(name)}: `}${message}`,
    );
  if (found && found.cases.length > 0)
    console.log(`  Added ${count(found.cases.length, 'case')}. Read them before you keep them.`);
  const unreached = new Set(found?.unreached.map(({ pointer }) => pointer));
  for (const { pointer, label } of uncovered)
    console.log(`  ${unreached.has(pointer) ? 'No way found to' : 'Not covered'}: ${pointer} (${label})`);
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
