// What templates read that nobody declared: a name that is not there is empty for every customer, so it is an error. Asked of
// content, offers and messages in every language, with the fragments they render.

import type { Content } from '../../schema/catalog.ts';
import { escapePointer } from '../../schema/json.ts';
import { missingOn, type Shape, valuesShape } from '../decide/declared.ts';
import type { Variants } from '../decide/variants.ts';
import { nearest } from '../engine/nearest.ts';
import type { Graded, Surroundings } from './look.ts';
import { severityOf } from './codes.ts';
import { stepsOf } from './expressions.ts';

type Written = { readonly [locale: string]: { readonly [field: string]: unknown } };

/** @param written the document's languages as they are written: what a variant takes from others is told there */
export function checkReads(variants: Variants, written: Written | Content['locales'], shape: Shape): Graded[] {
  return [...variants].flatMap(([locale, fields]) =>
    fields.flatMap((field): Graded[] => {
      const own = Object.hasOwn(written, locale) ? written[locale] : undefined;
      if (field.kind === 'fixed' || !own || !Object.hasOwn(own, field.name)) return [];
      const told = new Set<string>();
      return field.reads.flatMap(({ path, row, col, fragment }) => {
        const missing = missingOn(path, shape);
        const whole = path.map((segment) => segment ?? '[]').join('.');
        if (!missing || told.has(whole)) return [];
        told.add(whole);
        const where = `${fragment === null ? '' : `of the fragment ${fragment}, `}line:${row}, col:${col}`;
        return [
          {
            code: 'unknown-variable',
            severity: severityOf('unknown-variable'),
            pointer: `/locales/${escapePointer(locale)}/${escapePointer(field.name)}`,
            message: `reads ${whole}, and ${missing.within === '' ? 'a template' : missing.within} has no ${JSON.stringify(missing.name)}, ${where}`,
            remedy: `${nearest(missing.name, missing.names)}${remedyOf(missing.within, missing.names)}`,
          },
        ];
      });
    }),
  );
}

const remedyOf = (within: string, names: readonly string[]): string =>
  within.startsWith('traits') || within.startsWith('event.properties')
    ? 'Correct its spelling, or declare it in events.json.'
    : `There is ${names.join(', ')}.`;

/** What the templates of a catalog may read. */
export function shapesOf({ vocabulary, journeys }: Surroundings): { readonly page: Shape; readonly sent: Shape } {
  const all = journeys && [...journeys.values()];
  const set = (all ?? []).flatMap((journey) => stepsOf(journey)).flatMap(({ step }) => ('set' in step ? [step.set] : []));
  const declared = {
    declarations: vocabulary.declarations,
    set,
    journeys: all && all.length > 0 ? all.map(({ id }) => id) : null,
  };
  return { page: valuesShape(declared, false), sent: valuesShape(declared, true) };
}
