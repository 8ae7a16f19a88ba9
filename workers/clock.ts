// The one place that reads the clock. In production it is the platform's; the local mode may move it forward. Alarms
// are set on the platform's clock, so a due time is translated on its way out.

let offsetMs = 0;

/** Now, milliseconds since 1970. */
export const now = (): number => Date.now() + offsetMs;

/** The platform's instant at which our clock will show `at`. */
export const platformTime = (at: number): number => at - offsetMs;

/** Local mode only (workers/local): how far our clock is ahead of the platform's. */
export function shiftClock(ms: number): void {
  offsetMs = ms;
}
