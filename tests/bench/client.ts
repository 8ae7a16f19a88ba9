// The load: raw keep-alive sockets that send requests made beforehand, so that the client costs little beside the
// server it measures. Requests of one lane go out one after the other, in order; lanes take turns. A closed
// connection or a 503 repeats the very same bytes, hence the same message id, a bounded number of times.

import { connect as connectSocket, type Socket } from 'node:net';

export interface Answer {
  status: number;
  body: string;
}

export interface Phase {
  durationMs: number;
  latenciesMs: number[];
  repeats: number;
}

export interface LoadOptions {
  port: number;
  connections: number;
  isAccepted: (answer: Answer) => boolean;
  onProgress: (done: number) => void;
}

const ATTEMPTS_MAX = 8;
const BACK_OFF_MS = 20;
const ANSWER_MAX_MS = 30_000;

export function makeRequest(method: string, path: string, headers: Record<string, string>, body = ''): Buffer {
  const lines = Object.entries({
    host: 'bench.invalid',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}

/** Sends every lane's requests over `connections` sockets and waits for all answers. Fails if one is never accepted. */
export async function driveLoad(lanes: Buffer[][], options: LoadOptions): Promise<Phase> {
  const ready = lanes.map((requests) => ({ requests, next: 0 })).filter(({ requests }) => requests.length > 0);
  const latenciesMs: number[] = [];
  let repeats = 0;
  const run = async (): Promise<void> => {
    const connection = openConnection(options.port);
    try {
      for (let lane = ready.shift(); lane !== undefined; lane = ready.shift()) {
        const request = lane.requests[lane.next++];
        if (request === undefined) throw new Error('a lane without a request was ready');
        const sentAt = performance.now();
        repeats += await sendUntilAccepted(connection, request, options.isAccepted);
        latenciesMs.push(performance.now() - sentAt);
        if (lane.next < lane.requests.length) ready.push(lane);
        if (latenciesMs.length % 100 === 0) options.onProgress(latenciesMs.length);
      }
    } finally {
      connection.close();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: options.connections }, run));
  return { durationMs: performance.now() - startedAt, latenciesMs, repeats };
}

/** Returns how many times the request had to be repeated. */
async function sendUntilAccepted(
  connection: Connection,
  request: Buffer,
  isAccepted: (answer: Answer) => boolean,
): Promise<number> {
  let failure: unknown;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS * attempt));
    try {
      const answer = await connection.send(request);
      if (isAccepted(answer)) return attempt;
      failure = new Error(`answered ${answer.status}: ${answer.body.slice(0, 500)}`);
      if (answer.status !== 503) break;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`the request was not accepted: ${request.toString().slice(0, 500)}`, { cause: failure });
}

interface Connection {
  /** One request at a time. Opens the socket when there is none, fails when it closes before the answer is whole. */
  send: (request: Buffer) => Promise<Answer>;
  close: () => void;
}

export function openConnection(port: number): Connection {
  let socket: Socket | undefined;
  let received = '';
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  const fail = (error: Error): void => {
    socket?.destroy();
    socket = undefined;
    received = '';
    waiting?.reject(error);
    waiting = undefined;
  };
  const open = (): Socket => {
    const opened = connectSocket({ host: '127.0.0.1', port, noDelay: true });
    opened.setEncoding('latin1');
    opened.setTimeout(ANSWER_MAX_MS);
    const failIfCurrent = (reason: string) => (): void => {
      if (opened === socket) fail(new Error(reason));
    };
    opened.on('error', failIfCurrent('the connection broke'));
    opened.on('close', failIfCurrent('the connection was closed'));
    opened.on('timeout', failIfCurrent(`no answer in ${ANSWER_MAX_MS} ms`));
    opened.on('data', (chunk: string) => {
      received += chunk;
      const answer = parseAnswer(received);
      if (answer === undefined) return;
      received = '';
      const { resolve } = waiting ?? {};
      waiting = undefined;
      resolve?.(answer);
    });
    return opened;
  };
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket ??= open();
        socket.write(request);
      }),
    close: () => {
      const closing = socket;
      socket = undefined;
      closing?.destroy();
    },
  };
}

/** A whole HTTP/1.1 answer (RFC 9112, by length or chunked), or undefined while part of it is missing. Bytes as latin1. */
export function parseAnswer(received: string): Answer | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  const bodyStart = headEnd + 4;
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const bodyEnd = bodyStart + Number(length);
    return received.length < bodyEnd ? undefined : { status, body: received.slice(bodyStart, bodyEnd) };
  }
  if (!head.includes('\r\ntransfer-encoding: chunked')) return { status, body: '' };
  const body = parseChunks(received, bodyStart);
  return body === undefined ? undefined : { status, body };
}

function parseChunks(received: string, start: number): string | undefined {
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = received.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(received.slice(at, lineEnd), 16);
    const chunkEnd = lineEnd + 2 + size;
    if (received.length < chunkEnd + 2) return undefined;
    if (size === 0) return body;
    body += received.slice(lineEnd + 2, chunkEnd);
    at = chunkEnd + 2;
  }
}
