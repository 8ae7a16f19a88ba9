// What a measurement is to `npm run bench`: a name, the subjects it compares when none are named, sizes that suit it, and
// a run that ends in text. Its last line is the figure that scripts read.

import type { Subject } from './subject.ts';
import type { Settings } from './turns.ts';

export const OURS_AND_FLOOR = ['floor', 'event'];

export interface Measure {
  name: string;
  subjects: string[];
  /** Sizes that differ from the general ones; what the command line says goes before both. */
  sizes: Partial<Settings>;
  run: (subjects: Subject[], settings: Settings) => Promise<Report>;
}

export interface Report {
  text: string;
  /** Whatever the text was made of, for `--json`. */
  rounds: unknown;
}
