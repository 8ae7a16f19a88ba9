// Calls of a running system, for commands: where it is and with which key comes from the environment.

export interface System {
  readonly address: string;
  readonly adminKey: string;
}

/** `WAYMARK_URL` and `WAYMARK_ADMIN_KEY`; without them the local system on its usual port. */
export function systemFromEnvironment(): System {
  const port = process.env['PORT'] ?? '8787';
  return {
    address: process.env['WAYMARK_URL'] ?? `http://127.0.0.1:${port}`,
    adminKey: process.env['WAYMARK_ADMIN_KEY'] ?? 'sk_local',
  };
}

const TRIES_MAX = 8;

/**
 * One admin call, repeated with growing pauses where the system cannot be reached or asks to wait (429, 503).
 * @throws with the system's own words on any other refusal
 */
export async function callAdmin<T>(system: System, method: 'GET' | 'POST', path: string, body?: string): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(system.address + path, {
      method,
      headers: { authorization: `Bearer ${system.adminKey}` },
      ...(body === undefined ? {} : { body }),
    }).catch(() => null);
    if (response?.ok) return (await response.json()) as T;
    const passing = response === null || response.status === 429 || response.status === 503;
    if (!passing || attempt >= TRIES_MAX) {
      const said = response
        ? `${response.status}: ${await response.text()}`
        : `nothing answers at ${system.address}; is the system running?`;
      throw new Error(`${method} ${path} failed with ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempt, 10_000)));
  }
}
