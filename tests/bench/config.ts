// The raw configuration of `workerd serve`, as Cap'n Proto text. D1 and Queues have no local server of their own: they
// are workers that ship inside Miniflare. So the configuration Miniflare generates is taken as JSON, cut down to what
// the measured worker reaches, freed from Miniflare's Node side, and given a socket that leads straight to the worker.
// Pure but for `writeConfig`. Not here: starting Miniflare (prepare.ts) and workerd (workerd.ts).

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface ServiceConfig extends JsonObject {
  name: string;
}

export interface RuntimeConfig {
  services: ServiceConfig[];
  extensions: JsonObject[];
}

/** Miniflare's socket to its own Node process; the workers inside treat it as optional (it takes their log lines). */
const LOOPBACK_SERVICE = 'loopback';

/** Keys of a worker that lead into Miniflare's own process or to a container engine. */
const miniflareKeys = ['globalOutbound', 'containerEngine', 'tails', 'streamingTails'];

/** Keys of a service that hold the name of another one, or a designator with it. */
const designatorKeys = new Set(['service', 'queue', 'durableObjectNamespace', 'cacheApiOutbound', 'fetcher']);

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The names of all services that a value of the configuration designates. */
function designated(value: Json, key = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => designated(item));
  if (!isObject(value)) return key === 'localDisk' && typeof value === 'string' ? [value] : [];
  const names = Object.entries(value).flatMap(([name, item]) => designated(item, name));
  const own = value.serviceName ?? (designatorKeys.has(key) ? value.name : undefined);
  return typeof own === 'string' ? [own, ...names] : names;
}

/** Drops what only a Miniflare process can answer, and restores the one void that JSON has lost. */
function detach(service: ServiceConfig): ServiceConfig {
  if (!isObject(service.worker)) return service;
  const worker = { ...service.worker };
  for (const key of miniflareKeys) delete worker[key];
  if (Array.isArray(worker.bindings)) {
    worker.bindings = worker.bindings.filter((binding) => !designated(binding).includes(LOOPBACK_SERVICE));
  }
  if (isObject(worker.durableObjectStorage) && Object.keys(worker.durableObjectStorage).length === 0) {
    worker.durableObjectStorage = { inMemory: null };
  }
  return { ...service, worker };
}

/** Keeps the service `root`, everything it reaches, and the extension modules those import by name. */
export function reduceConfig(config: RuntimeConfig, root: string): RuntimeConfig {
  const byName = new Map(config.services.map((service) => [service.name, detach(service)]));
  const kept = new Map<string, ServiceConfig>();
  const waiting = [root];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const service = byName.get(name);
    if (service === undefined) throw new Error(`the configuration designates no service of the name ${name}`);
    if (kept.has(name)) continue;
    kept.set(name, service);
    waiting.push(...designated(service));
  }
  const text = JSON.stringify([...kept.values()]);
  const extensions = config.extensions.filter(
    ({ modules }) =>
      Array.isArray(modules) &&
      modules.some((module) => isObject(module) && typeof module.name === 'string' && text.includes(module.name)),
  );
  return { services: [...kept.values()], extensions };
}

/** Writes `config` with one socket, on a free port of 127.0.0.1, that leads to the service `root`. Returns its path. */
export function writeConfig(config: RuntimeConfig, root: string, folder: string): string {
  mkdirSync(join(folder, 'modules'), { recursive: true });
  let moduleCount = 0;
  const embed = (source: string): string => {
    const file = `modules/${moduleCount++}.js`;
    writeFileSync(join(folder, file), source);
    return `embed ${quote(file)}`;
  };
  const sockets = [{ name: 'http', address: '127.0.0.1:0', service: { name: root }, http: {} }];
  const path = join(folder, 'config.capnp');
  const value: JsonObject = { services: config.services, extensions: config.extensions, sockets };
  const text = encode(value, embed, '');
  writeFileSync(path, `using Workerd = import "/workerd/workerd.capnp";\nconst config :Workerd.Config = ${text};\n`);
  return path;
}

/** Cap'n Proto text has the escapes of C, not JSON's \u; JSON.stringify writes one only for rare control characters. */
function quote(text: string): string {
  const quoted = JSON.stringify(text);
  if (quoted.includes('\\u')) throw new Error(`cannot be written as Cap'n Proto text: ${quoted}`);
  return quoted;
}

function encode(value: Json, embed: (source: string) => string, key: string): string {
  if (value === null) return 'void';
  if (typeof value === 'string') return key === 'esModule' ? embed(value) : quote(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => encode(item, embed, '')).join(',\n')}]`;
  return `(${Object.entries(value)
    .map(([name, item]) => `${name} = ${encode(item, embed, name)}`)
    .join(', ')})`;
}

/** The same configuration with its disk folders below `to` that were below `from`. */
export function moveDisks(config: RuntimeConfig, from: string, to: string): RuntimeConfig {
  const services = config.services.map((service) => {
    const { disk } = service;
    if (!isObject(disk) || typeof disk.path !== 'string') return service;
    return { ...service, disk: { ...disk, path: disk.path.replace(from, to) } };
  });
  return { ...config, services };
}
