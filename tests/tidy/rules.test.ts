// Every rule of a SPEC.md stands in the name of a test, and every rule a test names exists. Each part has letters of its own,
// single or in pairs.

import { describe, expect, it } from 'vitest';
import { filesBelow, readText } from './source.ts';

const rules = filesBelow('workers')
  .filter((file) => file.endsWith('/SPEC.md'))
  .flatMap((file) => [...readText(file).matchAll(/^- ([A-Z]{1,2}\d+) /gm)].map(([, rule]) => rule));
const groups = [...new Set(rules.map((rule = '') => rule.replace(/\d+/, '')))];

/** Rule ids at the beginning of quoted text, as in `it('T3 a transition …')`. */
const named = filesBelow('tests')
  .filter((file) => file.endsWith('.test.ts') && !file.startsWith('tests/tidy/'))
  .flatMap((file) => [...readText(file).matchAll(new RegExp(`['"\`]((?:(?:${groups.join('|')})\\d{1,2} )+)\\S`, 'g'))])
  .flatMap(([, ids]) => ids?.trim().split(' ') ?? []);

describe('the rules of SPEC.md', () => {
  it('are numbered without gaps and without doubles', () => {
    expect(rules.length).toBeGreaterThan(40);
    for (const group of groups) {
      const numbers = rules.flatMap((rule = '') =>
        rule.replace(/\d+/, '') === group ? Number(rule.slice(group.length)) : [],
      );
      expect([group, numbers]).toEqual([group, numbers.map((_, index) => index + 1)]);
    }
  });

  it('stand each in the name of a test', () => {
    expect(rules.filter((rule) => rule !== undefined && !named.includes(rule))).toEqual([]);
  });

  it('exist, wherever a test names one', () => {
    expect([...new Set(named)].filter((rule) => !rules.includes(rule))).toEqual([]);
  });
});
