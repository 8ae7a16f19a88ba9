// The Worker as `npm start` runs it: the same app with the keys everybody knows and a clock that can be moved. It is a
// program of its own, so that none of this is in a deployment's bundle (workers/index.ts never imports it).

import { env } from 'cloudflare:workers';
import { createApp } from '../api/app.ts';
import { json, type LocalMode } from '../api/context.ts';
import type { KeyRow } from '../catalog/catalog.ts';
import { hashKey } from '../catalog/keys.ts';
import { shiftClock } from '../clock.ts';
import { liftFloodLimit } from '../customer/flood.ts';
import { useLocalOrigin } from '../customer/links.ts';
import { handleQueue, type QueueBody } from '../delivery/queue.ts';
import { clockRoutes, type LocalEnv } from './clock.ts';
import { forgetMails, localMail, mailboxRoutes } from './mailbox.ts';

export { Customer } from '../customer/customer.ts';
export { Registry } from '../customer/registry.ts';
export { Totals } from '../totals/totals.ts';

const localKey = (key: string, role: KeyRow['role']): [string, KeyRow] => {
  const hash = hashKey(key);
  return [hash, { hash, name: key, role, tokenMode: 'off', tokenSecret: 'ts_local', createdAt: 0 }];
};

const offset: unknown = Reflect.get(env, 'CLOCK_OFFSET_MS');
liftFloodLimit();
shiftClock(typeof offset === 'number' ? offset : 0);

const local: LocalMode = {
  keys: new Map([localKey('wk_local', 'write'), localKey('sk_local', 'admin')]),
  linkSecret: 'ls_local',
  ready: false,
  forgetMails,
};
const app = createApp(local);
app.routes.route('/admin', clockRoutes());
app.routes.route('/', mailboxRoutes());
app.routes.post('/admin/ready', () => {
  local.ready = true;
  return json({ ready: true });
});

let known = false;
/** The first call to the port itself tells where that is; what this process asks by itself names none. */
function noteOrigin({ url }: Request): void {
  if (known) return;
  const { origin, port } = new URL(url);
  if (port === '') return;
  known = true;
  useLocalOrigin(origin);
}

export default {
  fetch: (request, bindings, execution) => {
    noteOrigin(request);
    return app.fetch(request, bindings, execution);
  },
  queue: (batch, bindings) => handleQueue(batch, { ...bindings, EMAIL: localMail(bindings) }),
} satisfies ExportedHandler<LocalEnv, QueueBody>;
