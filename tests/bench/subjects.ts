// Which subjects there are, by the name they are asked for. Those that need more than the project's own packages are
// loaded only when they are named.

import { makeItty } from './itty.ts';
import { makeFloor, type Subject } from './subject.ts';

/** Restate's two, in the order of its own defaults. */
export const RESTATES = ['restate', 'restate-1'];
export const SUBJECTS = ['floor', 'event', 'decide', 'shelf', 'shelf-10', 'itty', ...RESTATES];

export async function makeSubject(name: string): Promise<Subject> {
  switch (name) {
    case 'floor':
      return makeFloor();
    case 'itty':
      return makeItty();
    case 'event':
    case 'decide':
    case 'shelf':
    case 'shelf-10':
    case 'counted': {
      const { makeWaymark } = await import('./waymark.ts');
      return makeWaymark(name);
    }
    case 'restate':
    case 'restate-1': {
      const { makeRestate } = await import('./restate/subject.ts');
      return makeRestate(name, name === 'restate' ? null : 1);
    }
    default:
      throw new Error(`there is no subject ${name}`);
  }
}
