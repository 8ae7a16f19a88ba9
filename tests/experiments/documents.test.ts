// SPEC.md, X11: what a document must not say.

import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../schema/json.ts';
import { EMPTY_VOCABULARY } from '../../workers/engine/compile.ts';
import { compileTrial } from '../../workers/experiments/compile.ts';

describe('documents', () => {
  it.each([
    ['/arms/1/id', { arms: [{ id: 'a', offers: ['x'] }, { id: 'a' }] }],
    ['/arms', { arms: [{ id: 'a', offers: ['x'] }] }],
    ['/arms', { arms: [{ id: 'a' }, { id: 'b' }], target: { offers: ['x'] } }],
    ['/arms/0/id', { arms: [{ id: 'holdout', offers: ['x'] }, { id: 'b' }] }],
    ['/target', { arms: [{ id: 'a' }], holdout: 0.1 }],
    ['/target/placements', { level: 'placement' }],
    ['/target/placements', { level: 'global', target: { placements: ['hero'] } }],
    [
      '/allocation/thompson/minimum',
      { allocation: { thompson: { minimum: 0.5 } }, arms: ['a', 'b', 'c'].map((id) => ({ id, offers: [id] })) },
    ],
    ['/until', { from: '2026-01-02', until: '2026-01-02' }],
    ['/audience', { audience: 'traits.' }],
    ['/goal/if', { goal: { event: 'Order Completed', within: 'P7D', if: '1 + 1' } }],
    ['/goal/within', { goal: { event: 'Order Completed', within: 'PT0S' } }],
    ['/holdout', { holdout: 1 }],
  ])('X11 a fault at %s is told with its remedy', (pointer, document: JsonObject) => {
    const arms = [{ id: 'a', offers: ['offer-a'] }, { id: 'b' }];
    const goal = { event: 'Order Completed', within: 'P7D' };
    const compiled = compileTrial({ id: 'test', level: 'offer', arms, goal, ...document }, 1, EMPTY_VOCABULARY);
    const findings = compiled.ok ? [] : compiled.findings;
    expect(findings.map((finding) => finding.pointer)).toContain(pointer);
    for (const finding of findings) expect(finding.remedy.length).toBeGreaterThan(10);
  });
});
