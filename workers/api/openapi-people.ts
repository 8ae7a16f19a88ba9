// What OpenAPI says of the pages that links of mails open. The routes themselves are consent.ts.

import { z } from 'zod';
import type { Route } from './openapi-route.ts';

/** Of the local mode: good until 2100, and of a customer who has no messages. */
const TOKENS = {
  confirm:
    '1As0J3U6OrKbSfhHNC2JxAVySi5I7TJActBcpQqDZkgBm1WcC2KK297wiF1tZqsNXQHbX7jFkpHS-Es0gflhuzrDDOMKPZ4vAkrqXbdeuPVmrSOqnYf1QiLOlfHz9qjXM0yXbYVaG_VuS_7Si5Hxd83AM_MmYsfqrf5J9RwPnuZte',
  unsubscribe:
    '1OwNzJRvC8qnvLDptWMxTLWe2YR0KdoC_ehHMgOsYAXSDAnDCvlxbfIETvSpeQWqD_j2DgoVDqBPUxpoGqLrC8O5SgGWasWCTO8MTwIOiKkaCLkpPu-WYDXkgD2xblKoqOq9tAPKQrJqUYnu9dstawZPNEEUbWuaQKm-z3NAlPJGsC9YXSw',
  preferences:
    '18BOB5ove-gxBINUBzgP9ZlYpNi0fbW7scbyaczbBwUGqo0q5g2whNZJiDNaV_MMGAnM6azgPL0UPJJBMa_S1z57BleeoF_OojloK9XikKBR333uKbPKh07T43DGi62NV_N--L0Qt4q5x2iMr8yPR8dPlhJ8MuHkK8YztPik',
};

const SHOWN = 'The page, in the customer’s language. It has no script and loads nothing. ';
const FAULTS = 'Who asks for text/html gets the faults as pages too.';

function pageAndForm(
  of: keyof typeof TOKENS,
  [page, does, description]: readonly [page: string, does: string, description: string],
): Route[] {
  const path = `/${of}/{token}`;
  const params = z.object({ token: z.string().meta({ example: TOKENS[of] }) });
  const common = { path, tag: 'people', open: true, params } as const;
  const problems = of === 'unsubscribe' ? [404] : [404, 410];
  const answers = { 200: { types: ['text/html'], words: 'The page.' } };
  const named = of[0]?.toUpperCase() + of.slice(1);
  return [
    { ...common, method: 'get', id: `show${named}`, summary: page, description: SHOWN + FAULTS, answers, problems },
    {
      ...common,
      method: 'post',
      id: `do${named}`,
      summary: does,
      description,
      answers,
      problems: of === 'preferences' ? [...problems, 413] : problems,
    },
  ];
}

export const PEOPLE_ROUTES: readonly Route[] = [
  ...pageAndForm('confirm', [
    'The question whether a yes is confirmed (double opt-in)',
    'Confirm the yes the link was sent for',
    'Whatever the body is. A yes that was taken back since is not confirmed, and the page says so.',
  ]),
  ...pageAndForm('unsubscribe', [
    'The question whether messages of a kind shall end',
    'End messages of the kind the link came with (RFC 8058)',
    'Whatever the body is. It holds at once, also for messages that wait.',
  ]),
  ...pageAndForm('preferences', [
    'The preference centre: purposes, channels, frequency, pause',
    'Choose anew',
    'The body is the form of the page, application/x-www-form-urlencoded: yes (purpose/channel, repeated), frequency (any, weekly, monthly), pause (none, kept, P30D, P90D). What is not among yes is withdrawn.',
  ]),
];
