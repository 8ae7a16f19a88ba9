// Starts a local system whole: host up, journeys/ published, open for events. What `npm start` and the demo share.

import { type Host, type HostOptions, startHost } from './host.ts';
import { publishJourneys } from './publish.ts';

/** Local mode's admin key; it exists nowhere else. */
export const LOCAL_ADMIN = { authorization: 'Bearer sk_local', 'content-type': 'application/json' };

/** @throws with words for the person at the terminal */
export async function startSystem(options: HostOptions): Promise<{ host: Host; port: number }> {
  const host = await startHost(options);
  const published = await publishJourneys((path, body) =>
    host.ask(path, { method: 'POST', headers: LOCAL_ADMIN, body }),
  );
  if (!published) console.error('journeys/ was not published. What was published before goes on.');
  await host.ask('/admin/ready', { method: 'POST', headers: LOCAL_ADMIN });
  return { host, port: host.port };
}
