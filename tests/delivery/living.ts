// An object that lives on by itself: its alarms at their own time, and the queue after each.

import type { Json } from '../../schema/json.ts';
import { alarmOf, deliverTasks, fireAlarm, setClock, tasks, timelineOf } from '../customer/object.ts';

/** Hands everything that waits in the queue to the consumer. */
export const deliverAll = () => deliverTasks(tasks.splice(0));

/** Everything an object wants to do until an instant, at its own time, and the queue after it. */
export async function liveUntil(id: string, until: number): Promise<void> {
  for (let alarm = await alarmOf(id); alarm !== null && alarm <= until; alarm = await alarmOf(id)) {
    setClock(Math.max(alarm, Date.now()));
    await fireAlarm(id);
    await deliverAll();
  }
  setClock(until);
}

/** The lines of a kind in the timeline, oldest first. */
export const told = async (id: string, kind: string): Promise<Json[]> =>
  (await timelineOf(id)).filter((line) => line.kind === kind).map(({ body }) => body);
