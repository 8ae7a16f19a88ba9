// The subject "itty": itty-durable on the same raw workerd, with the same storage and the same load as the floor.

import { makeCounting, type Subject } from './subject.ts';

export const makeItty = (): Subject => makeCounting('itty', 'itty-worker.ts');
