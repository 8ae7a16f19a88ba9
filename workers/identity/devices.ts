// The devices a customer was seen on, as their events tell: which device, what kind of it, from when to when. Read from the
// history when somebody asks, so no event pays for it. Rules ID of SPEC.md.

import { LIMITS } from '../../schema/limits.ts';

/** Events of one device under one name and one user agent, taken together. Instants in milliseconds. */
export interface Sighting {
  /** `context.device.id`. */
  readonly deviceId: string | null;
  readonly anonymousId: string | null;
  /** `context.userAgent`. */
  readonly userAgent: string | null;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly events: number;
}

export interface Device {
  /** The device's own id where one is stated, else the anonymous id it goes by. */
  readonly id: string;
  readonly kind: 'phone' | 'tablet' | 'computer' | 'unknown';
  readonly system: string | null;
  readonly browser: string | null;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly events: number;
}

/** The devices of a customer, the one seen last in front, at most `LIMITS.devicesMax`. */
export function devicesOf(sightings: readonly Sighting[]): Device[] {
  const devices = new Map<string, Device>();
  for (const sighting of [...sightings].sort((one, other) => one.lastAt - other.lastAt)) {
    const id = sighting.deviceId ?? sighting.anonymousId;
    if (id === null || id === '') continue;
    const before = devices.get(id);
    const family = familyOf(sighting.userAgent);
    devices.set(id, {
      id,
      ...(before && family.kind === 'unknown'
        ? { kind: before.kind, system: before.system, browser: before.browser }
        : family),
      firstAt: Math.min(before?.firstAt ?? sighting.firstAt, sighting.firstAt),
      lastAt: Math.max(before?.lastAt ?? sighting.lastAt, sighting.lastAt),
      events: (before?.events ?? 0) + sighting.events,
    });
  }
  return [...devices.values()]
    .sort((one, other) => other.lastAt - one.lastAt || (one.id < other.id ? -1 : 1))
    .slice(0, LIMITS.devicesMax);
}

/** The first that is found names it: agents name those they are compatible with as well, and those come later here. */
const SYSTEMS: readonly (readonly [string, RegExp])[] = [
  ['Windows', /Windows/],
  ['iPadOS', /iPad/],
  ['iOS', /iPhone|iPod/],
  ['Android', /Android/],
  ['ChromeOS', /CrOS/],
  ['macOS', /Macintosh|Mac OS X/],
  ['Linux', /Linux|X11/],
];
const BROWSERS: readonly (readonly [string, RegExp])[] = [
  ['Edge', /Edg(?:e|A|iOS)?\//],
  ['Opera', /OPR\/|Opera/],
  ['Samsung Internet', /SamsungBrowser\//],
  ['Firefox', /Firefox\/|FxiOS\//],
  ['Chrome', /Chrome\/|CriOS\/|Chromium\//],
  ['Safari', /Safari\//],
];

/** What a user agent says of a device, in as few words as tell it apart. Its version is nobody's business here. */
export function familyOf(userAgent: string | null): Pick<Device, 'kind' | 'system' | 'browser'> {
  const agent = (userAgent ?? '').slice(0, AGENT_CHARS_MAX);
  const named = (list: typeof SYSTEMS): string | null => list.find(([, pattern]) => pattern.test(agent))?.[0] ?? null;
  const system = named(SYSTEMS);
  return { kind: kindOf(agent, system), system, browser: named(BROWSERS) };
}

const AGENT_CHARS_MAX = 500;

function kindOf(agent: string, system: string | null): Device['kind'] {
  if (system === 'iPadOS' || /Tablet/.test(agent)) return 'tablet';
  if (system === 'iOS') return 'phone';
  if (system === 'Android') return /Mobile/.test(agent) ? 'phone' : 'tablet';
  return system === null ? 'unknown' : 'computer';
}
