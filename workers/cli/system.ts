// Starts a local system whole: host up, journeys/ published, open for events. What `npm start` and the demo share.

import { type Host, type HostOptions, startHost } from './host.ts';
import { JOURNEYS, type Outcome, publishFolder, showRefusals } from './publish.ts';

/** Local mode's admin key; it exists nowhere else. */
export const LOCAL_ADMIN = { authorization: 'Bearer sk_local', 'content-type': 'application/json' };

export interface SystemOptions extends HostOptions {
  readonly journeys?: string;
}

export interface System {
  readonly host: Host;
  readonly port: number;
  /** Publishes the folder's documents as they are now. */
  readonly publish: () => Promise<Outcome>;
}

/**
 * @param options `journeys` is the folder of documents; the project's own where none is named
 * @throws with words for the person at the terminal
 */
export async function startSystem({ journeys = JOURNEYS, ...options }: SystemOptions): Promise<System> {
  const host = await startHost(options);
  const publish = () =>
    publishFolder(journeys, (path, body) => host.ask(path, { method: 'POST', headers: LOCAL_ADMIN, body }));
  const outcome = await publish();
  if (!outcome.ok) {
    showRefusals(outcome.refusals);
    console.error('journeys/ was not published. What was published before goes on.');
  }
  await host.ask('/admin/ready', { method: 'POST', headers: LOCAL_ADMIN });
  return { host, port: host.port, publish };
}
