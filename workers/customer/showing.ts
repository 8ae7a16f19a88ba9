// A customer's contact pressure as operators see it (CP15): instants as ISO 8601. It only reads.

import type { Catalog } from '../catalog/catalog.ts';
import { zoneFor } from '../pressure/room.ts';
import { standingOf } from '../pressure/standing.ts';
import { consentsOf } from './consents.ts';
import { contactsOf, roomOf, wishFor } from './contacts.ts';
import type { ShownPressure } from './messages.ts';
import { gapsOf } from './overdue.ts';
import type { CustomerState } from './state.ts';
import { waitingMessages } from './stored.ts';

const iso = (at: number): string => new Date(at).toISOString();

export function shownPressure(sql: SqlStorage, state: CustomerState, catalog: Catalog, now: number): ShownPressure {
  const { policies } = catalog;
  const { pressure } = policies;
  const zone = zoneFor(pressure, state.traits['timezone']);
  const of = { sql, state, policies, now };
  return {
    zone,
    wish: consentsOf(sql, state, policies.consent).frequency,
    rules: standingOf(pressure, wishFor(of), contactsOf(sql, state), zone, now).map(
      ({ window, distanceMs, freeAt, ...rest }) => ({
        ...rest,
        window: window && { from: iso(window.from), to: iso(window.to) },
        distanceMs,
        freeAt: iso(freeAt),
      }),
    ),
    least: gapsOf(sql, state, policies).map(({ rule, since, at }) => ({
      ...{ rule: rule.id, purpose: rule.purpose, channel: rule.channel },
      ...{ since: iso(since), overdueAt: iso(at) },
    })),
    waiting: waitingMessages(sql).map((message) => {
      const { key, journey, template, channel, purpose, tags = [], priority = 0, at, heldUntil } = message;
      const room = roomOf(of, { key, channel, purpose, tags });
      return {
        ...{ key, journey, message: template, channel, purpose, priority, since: iso(at) },
        until: heldUntil === undefined || heldUntil <= now ? null : iso(heldUntil),
        rule: room.kind === 'now' ? null : room.rule,
      };
    }),
  };
}
