// The script of a page with @segment/analytics-next, as a shop has it. The test says by the page's address where the
// system is and which options the client gets, and calls `tell`.

import { AnalyticsBrowser } from '@segment/analytics-next';
import { type Calls, readAddress } from './page.ts';

const { server, options } = readAddress();
const client = AnalyticsBrowser.load({ writeKey: 'wk_local', cdnURL: server }, options);

const tell = (calls: Calls): void => {
  for (const [method, ...given] of calls) Reflect.apply(Reflect.get(client, method), client, given);
};
Object.assign(globalThis, { tell });
