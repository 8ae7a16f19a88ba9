// The script of a page with @rudderstack/analytics-js, as a shop has it. The test says by the page's address where the
// system is and which options the client gets, and calls `tell`.

import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
import { type Calls, readAddress } from './page.ts';

const { server, options } = readAddress();
const client = new RudderAnalytics();
client.load('wk_local', server, { configUrl: server, ...options });

const tell = (calls: Calls): void => {
  for (const [method, ...given] of calls) Reflect.apply(Reflect.get(client, method), client, given);
};
Object.assign(globalThis, { tell });
