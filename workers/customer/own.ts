// What a customer sees of themselves (GET /v1/me), and the devices they were seen on: gathered from rows when somebody
// asks, nothing of it kept. What it means stands in workers/identity; only reads.

import { isObject, type JsonObject } from '../../schema/json.ts';
import { LIMITS } from '../../schema/limits.ts';
import { liveRuns } from '../engine/traveller.ts';
import { type Device, devicesOf } from '../identity/devices.ts';
import { type IdentityRules, identifiersIn } from '../identity/identifiers.ts';
import { masked, ORDER_EVENTS, openTasks, ordersOf } from '../identity/own.ts';
import type { Described, Own } from './messages.ts';
import { type CustomerState, stagesOf } from './state.ts';
import { latestEvents, recentSightings, recentTasks } from './storage.ts';

const iso = (at: number): string => new Date(at).toISOString();

/** @param consents as operators see them */
export function ownView(
  sql: SqlStorage,
  state: CustomerState,
  consents: Described['consents'],
  rules: IdentityRules,
): Own {
  const { traits, nextSeq } = state;
  const events = ORDER_EVENTS.flatMap((name) =>
    latestEvents(sql, name, LIMITS.ordersMax).map(({ at, body }) => ({ name, at, message: objectOf(body) })),
  );
  const lines = recentTasks(sql, nextSeq, LIMITS.ownEntriesMax).map(({ at, body }) => ({ at, body: objectOf(body) }));
  const standing = liveRuns(state).map(({ id, enteredAt }) => ({ run: id, enteredAt }));
  return {
    id: state.id,
    language: [traits['locale'], traits['language']].find((text) => typeof text === 'string') ?? null,
    stages: stagesOf(state),
    identifiers: identifiersOf(traits, rules),
    consents,
    orders: ordersOf(events)
      .slice(0, LIMITS.ordersMax)
      .map((order) => ({ ...order, at: iso(order.at) })),
    tasks: openTasks(lines, standing).map(({ task, title, journey, at, dueAt }) => ({
      ...{ task, title, journey, at: iso(at) },
      dueAt: dueAt === null ? null : iso(dueAt),
    })),
    devices: shownDevices(sql, state).map(({ id: _, events: __, ...device }) => device),
  };
}

/** In the order of their priority. */
function identifiersOf(traits: JsonObject, rules: IdentityRules): Own['identifiers'] {
  const stated = identifiersIn(traits, rules);
  return rules.identifiers.flatMap(({ kind, form }) => {
    const value = stated.get(kind);
    return value === undefined ? [] : [{ kind, value: masked(form, value) }];
  });
}

/** The devices as operators see them. */
export function shownDevices(sql: SqlStorage, { nextSeq }: CustomerState): Described['devices'] {
  const seen = recentSightings(sql, nextSeq, LIMITS.ownEntriesMax);
  return devicesOf(seen.map((sighting) => ({ ...sighting, events: 1 }))).map(
    ({ firstAt, lastAt, ...device }: Device) => ({
      ...device,
      firstSeenAt: iso(firstAt),
      lastSeenAt: iso(lastAt),
    }),
  );
}

function objectOf(body: string): JsonObject {
  const parsed: unknown = JSON.parse(body);
  return isObject(parsed) ? parsed : {};
}
