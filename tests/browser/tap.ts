// A listener on the wire between browser and system: passes everything on unchanged and hears what is answered. For what a
// page sends while it is left, of which the browser tells nobody.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

export interface Answered {
  readonly path: string;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Tap {
  readonly address: string;
  /** The next answer to a path that begins like this. */
  readonly next: (path: string) => Promise<Answered>;
  readonly close: () => Promise<void>;
}

export async function openTap(system: string): Promise<Tap> {
  const { hostname, port } = new URL(system);
  let waiting: { path: string; resolve: (answered: Answered) => void }[] = [];
  const server = createServer((asked, answer) => {
    const { method, headers, url: path = '/' } = asked;
    const passed = request({ hostname, port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
      response.on('end', () => {
        for (const one of waiting.filter((candidate) => path.startsWith(candidate.path)))
          one.resolve({ path, status: response.statusCode, headers });
        waiting = waiting.filter((candidate) => !path.startsWith(candidate.path));
      });
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the tap has no port');
  return {
    address: `http://127.0.0.1:${address.port}`,
    next: (path) => {
      const { promise, resolve } = Promise.withResolvers<Answered>();
      waiting.push({ path, resolve });
      return promise;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
