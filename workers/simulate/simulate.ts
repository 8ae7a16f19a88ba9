// A population on a virtual clock: each customer lives through all of its time, one after the other, and leaves its lines in
// the report. Customers know nothing of each other, so that is what all at once would give.

import { newCustomer, passTime, receive, type Setting, type SimulatedEvent } from './customer.ts';
import { customerName, lifeOf, type Plan } from './population.ts';
import { openReport, type Report, type Span } from './report.ts';

/** A customer and its events in order of time. */
export interface Life {
  readonly id: string;
  /** When the customer becomes known, milliseconds. */
  readonly from: number;
  readonly events: Iterable<SimulatedEvent>;
}

/** @param onCustomer after each customer, for who watches */
export function simulate(
  setting: Setting,
  lives: Iterable<Life>,
  span: Span,
  onCustomer: (count: number) => void = () => undefined,
): Report {
  const { line, close, report } = openReport(setting.machines.values(), span);
  let count = 0;
  for (const { id, from, events } of lives) {
    const customer = newCustomer(setting, id, from, line);
    for (const event of events) receive(customer, event);
    passTime(customer, span.until);
    close(customer);
    onCustomer(++count);
  }
  return report();
}

export function* syntheticLives(plan: Plan, customers: number): Generator<Life> {
  for (let number = 1; number <= customers; number++)
    yield { id: `u:${customerName(number)}`, from: plan.from, events: lifeOf(plan, number) };
}
