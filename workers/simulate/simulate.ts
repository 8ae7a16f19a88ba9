// A population on a virtual clock: each customer lives through all of its time, one after the other, and leaves its lines in
// the report. Customers know nothing of each other, so that is what all at once would give.

import {
  applyEvent,
  newCustomer,
  passTime,
  type Setting,
  type SimulatedCustomer,
  type SimulatedEvent,
} from './customer.ts';
import { customerName, lifeOf, type Plan } from './population.ts';
import { openReport, type Report, type Span } from './report.ts';

/** A customer and its events in order of time. */
export interface Life {
  readonly id: string;
  /** When the customer becomes known, milliseconds. */
  readonly from: number;
  readonly events: Iterable<SimulatedEvent>;
}

export interface Watch {
  /** After each customer. */
  readonly onCustomer?: (count: number) => void;
  /** Events and timers of all customers together, past which no further event is applied; without end where it is not said. */
  readonly inputsMax?: number;
}

export function simulate(setting: Setting, lives: Iterable<Life>, span: Span, watch: Watch = {}): Report {
  const { line, fault, close, report } = openReport(setting.machines.values(), span);
  const { inputsMax = Infinity, onCustomer } = watch;
  let [count, inputs] = [0, 0];
  for (const { id, from, events } of lives) {
    if (inputs >= inputsMax) {
      fault(`The simulation ends after ${count} customers: it took more than ${inputsMax} events and timers.`);
      break;
    }
    const customer = newCustomer(setting, id, from, line);
    live(customer, events, span.until, inputsMax - inputs, fault);
    close(customer);
    inputs += customer.state.events + customer.state.timersFired;
    onCustomer?.(++count);
  }
  return report();
}

function live(
  customer: SimulatedCustomer,
  events: Iterable<SimulatedEvent>,
  until: number,
  inputsMax: number,
  fault: (detail: string) => void,
): void {
  const { state } = customer;
  for (const event of events) {
    if (state.events + state.timersFired >= inputsMax) return;
    if (!passTime(customer, Math.max(event.at, state.lastInputAt))) {
      fault(TIMERS_WITHOUT_END);
      return;
    }
    applyEvent(customer, event, Math.max(event.at, state.lastInputAt));
  }
  if (!passTime(customer, until)) fault(TIMERS_WITHOUT_END);
}

const TIMERS_WITHOUT_END =
  'More timers are due before one input than a customer may have: the life of that customer ends there. Look for a loop of short delays.';

export function* syntheticLives(plan: Plan, customers: number): Generator<Life> {
  for (let number = 1; number <= customers; number++)
    yield { id: `u:${customerName(number)}`, from: plan.from, events: lifeOf(plan, number) };
}
