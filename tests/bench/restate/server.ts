// Restate's server and the process with the handlers, as one server of the benchmark: everything on 127.0.0.1 and on
// free ports, state in the given folder, configuration as shipped but for addresses, logs, telemetry and, if asked, the
// number of partitions. CPU and memory are those of both processes.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCpuUs, readMemoryBytes } from '../proc.ts';
import type { Server } from '../subject.ts';
import { stop } from '../workerd.ts';
import { findRestate } from './install.ts';

export interface RestateServer extends Server {
  adminPort: number;
}

const START_MAX_MS = 60_000;
const POLL_MS = 100;
const COMPLAINT_CHARS_MAX = 4_000;

/** @param partitions null: as many as the server takes by itself */
export async function startRestate(folder: string, partitions: number | null): Promise<RestateServer> {
  const program = findRestate();
  const [ingressPort, adminPort, nodePort] = await findPorts(3);
  if (ingressPort === undefined || adminPort === undefined) throw new Error('no free ports');
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('RESTATE_'));
  const handlers = fork(join(import.meta.dirname, 'endpoint.ts'), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The SDK writes two lines for every call unless it is told not to.
    env: { ...process.env, NODE_ENV: 'production', RESTATE_LOGGING: 'ERROR' },
  });
  const server = spawn(program, ['--no-logo'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(own),
      RESTATE_BASE_DIR: join(folder, 'restate-data'),
      RESTATE_NODE_NAME: 'bench',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${nodePort}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${nodePort}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingressPort}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${adminPort}`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      // It asks GitHub for a newer release when it starts, which no setting prevents; that this fails is no complaint.
      RESTATE_LOG_FILTER: 'error,octocrab=off',
      RESTATE_LOG_DISABLE_ANSI_CODES: 'true',
      DO_NOT_TRACK: '1',
      ...(partitions === null ? {} : { RESTATE_DEFAULT_NUM_PARTITIONS: String(partitions) }),
    },
  });
  const children = [server, handlers];
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
  });
  let complaints = '';
  for (const stream of children.flatMap((child) => [child.stdout, child.stderr])) {
    stream?.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-COMPLAINT_CHARS_MAX);
    });
  }
  const stopAll = async (): Promise<void> => {
    for (const child of children) await stop(child);
  };
  try {
    const handlersPort = await untilTold(handlers);
    await untilHealthy(`http://127.0.0.1:${adminPort}/health`, server);
    await register(adminPort, `http://127.0.0.1:${handlersPort}`);
  } catch (cause) {
    await stopAll();
    throw new Error(`Restate did not start: ${complaints}`, { cause });
  }
  const pids = children.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  return {
    pids,
    port: ingressPort,
    adminPort,
    cpuUs: () => pids.map(readCpuUs).reduce((sum, us) => sum + us, 0),
    memoryBytes: () => {
      const each = pids.map(readMemoryBytes);
      return {
        now: each.reduce((sum, { now }) => sum + now, 0),
        peak: each.reduce((sum, { peak }) => sum + peak, 0),
      };
    },
    complaints: () => complaints,
    stop: stopAll,
  };
}

/** Ports that were free a moment ago; Restate cannot be handed a socket. */
async function findPorts(count: number): Promise<number[]> {
  const listening = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(listening.map((server) => once(server, 'listening')));
  const ports = listening.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a socket without a port');
    return address.port;
  });
  await Promise.all(listening.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function untilTold(handlers: ChildProcess): Promise<number> {
  const [message]: { port: number }[] = await once(handlers, 'message', { signal: AbortSignal.timeout(START_MAX_MS) });
  if (message === undefined) throw new Error('the handlers told no port');
  return message.port;
}

async function untilHealthy(url: string, server: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MAX_MS;
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const healthy = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return;
    await pause(POLL_MS);
  }
  throw new Error(`not ready after ${START_MAX_MS} ms`);
}

/** Tells the server where the handlers are; partitions may still be starting, which it answers with an error. */
async function register(adminPort: number, uri: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });
  if (!response.ok) throw new Error(`registering answered ${response.status}: ${await response.text()}`);
}
