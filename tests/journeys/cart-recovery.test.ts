// The shipped cart recovery: one run for each cart, two reminders at most, nothing after an order. The document and its
// templates are those of journeys/; the engine and the renderer are the real ones.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventDeclarations } from '../../schema/catalog.ts';
import type { JsonObject } from '../../schema/json.ts';
import { compileMessage, type MessageTemplate, renderMessage } from '../../workers/decide/messages.ts';
import { vocabularyOf } from '../../workers/engine/compile.ts';
import { DAY, HOUR, machineOf, makeDriver, moves, sends } from '../engine/driver.ts';

const FOLDER = join(import.meta.dirname, '../../journeys');
const read = (file: string) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
const vocabulary = vocabularyOf(EventDeclarations.parse(read('events.json')));
const machine = machineOf(read('cart-recovery.json'), 1, vocabulary);
const shop = () => makeDriver([machine], { vocabulary });
const cart = (id: string, more: JsonObject = {}): JsonObject => ({ cart_id: id, ...more });

function templateOf(id: string): MessageTemplate {
  const compiled = compileMessage(read(`messages/${id}.json`), 1);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.findings));
  return compiled.message;
}

describe('cart recovery', () => {
  it('reminds after four hours, once more after two days, then leaves the cart in peace', () => {
    const driver = shop();
    driver.send('Product Added', 0, cart('c1'));
    expect(driver.advance(4 * HOUR - 1)).toEqual([]);
    const log = driver.advance(30 * DAY);
    expect(moves(log)).toEqual(['filling > reminded', 'reminded > given-up']);
    expect(log.filter((effect) => effect.kind === 'send').map(({ message, at }) => [message, at])).toEqual([
      ['cart-reminder', 4 * HOUR],
      ['cart-last-reminder', 4 * HOUR + 2 * DAY],
    ]);
    expect(driver.run().endedAt).toBe(4 * HOUR + 7 * DAY);
  });

  it('whatever happens to the cart puts the reminder off', () => {
    const driver = shop();
    ['Product Added', 'Product Removed', 'Cart Viewed', 'Checkout Started'].forEach((name, n) => {
      driver.send(name, n * 3 * HOUR, cart('c1'));
    });
    expect(sends(driver.advance(9 * HOUR + 4 * HOUR - 1))).toEqual([]);
    expect(sends(driver.advance(13 * HOUR))).toEqual(['cart-reminder']);
  });

  it('an order ends it at once, also between the two reminders', () => {
    for (const at of [HOUR, 5 * HOUR, 2 * DAY]) {
      const driver = shop();
      driver.send('Product Added', 0, cart('c1'));
      driver.send('Order Completed', at, cart('c1'));
      const before = driver.log.length;
      driver.advance(60 * DAY);
      expect(driver.log.length).toBe(before);
      expect(driver.run().endedAt).toBe(at);
    }
  });

  it('an order of one cart says nothing about another; an order without a cart ends all', () => {
    const driver = shop();
    driver.send('Product Added', 0, cart('c1'));
    driver.send('Product Added', 0, cart('c2'));
    driver.send('Order Completed', HOUR, cart('c1'));
    expect(driver.runs().map((run) => run.endedAt === undefined)).toEqual([false, true]);
    driver.send('Order Completed', 2 * HOUR);
    expect(driver.runs().every((run) => run.endedAt !== undefined)).toBe(true);
  });

  it('a cart that is filled again after the order begins anew', () => {
    const driver = shop();
    driver.send('Product Added', 0, cart('c1'));
    driver.send('Order Completed', HOUR, cart('c1'));
    driver.send('Product Added', DAY, cart('c1'));
    expect(driver.runs()).toMatchObject([{ key: 'c1', stage: 'filling', startedAt: DAY }]);
  });

  it('an article added without a cart begins nothing', () => {
    const driver = shop();
    driver.send('Product Added', 0, { product_id: 'p1' });
    expect(driver.runs()).toEqual([]);
  });

  it('no customer is ever reminded more than twice of one cart between two things that happen to it', () => {
    const happening = fc.record({
      name: fc.constantFrom(
        'Product Added',
        'Product Removed',
        'Cart Viewed',
        'Checkout Started',
        'Order Completed',
        'page',
      ),
      cart: fc.constantFrom('c1', 'c2'),
      pass: fc.integer({ min: 0, max: 4 * DAY }),
    });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 25 }), (happenings) => {
        const driver = shop();
        let at = 0;
        let seen = 0;
        for (const { name, cart: id, pass } of happenings) {
          at += pass;
          driver.advance(at);
          const reminders = new Map<string, number>();
          for (const effect of driver.log.slice(seen)) {
            if (effect.kind === 'send') reminders.set(effect.run, (reminders.get(effect.run) ?? 0) + 1);
          }
          for (const count of reminders.values()) expect(count).toBeLessThanOrEqual(2);
          seen = driver.log.length;
          driver.send(name, at, cart(id));
        }
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe('its mails', () => {
  const values = {
    traits: { firstName: 'Änne <b>' },
    event: { name: 'Product Added', properties: { name: 'Akku & Säge' } },
    journey: { id: 'cart-recovery', stage: 'reminded', key: 'c 1&2' },
    customer: { id: 'u:1' },
  };

  it.each(['cart-reminder', 'cart-last-reminder'])('%s says the same in German and English', (id) => {
    const template = templateOf(id);
    expect([...template.locales.keys()]).toEqual(['de', 'en']);
    for (const locale of ['de', 'en']) {
      const rendered = renderMessage(template, [locale], values);
      expect(rendered?.locale).toBe(locale);
      expect(rendered?.text).toContain('Akku & Säge');
      expect(rendered?.text).toContain('cart=c+1%262');
      expect(rendered?.html).toContain('Akku &amp; Säge');
      expect(rendered?.html).toContain('Änne &lt;b&gt;');
    }
  });

  it('a customer of whom nothing is known is spoken to as well', () => {
    const rendered = renderMessage(templateOf('cart-reminder'), [], {
      traits: {},
      event: { properties: {} },
      journey: {},
    });
    expect(rendered?.text).toMatch(/^Guten Tag,\n\nSie haben einen Artikel/);
  });
});
