// The OpenAPI document against what it describes: the routes of the apps, the Zod schemas, itself.

import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { Event } from '../../schema/event.ts';
import { isObject, type Json, type JsonObject } from '../../schema/json.ts';
import { createApp } from '../../workers/api/app.ts';
import { bodiesOf, openApiDocument } from '../../workers/api/openapi.ts';
import { NDJSON_EXAMPLE } from '../../workers/api/openapi-examples.ts';
import { ROUTES } from '../../workers/api/openapi-routes.ts';
import { SCHEMAS } from '../../workers/api/openapi-schemas.ts';
import { clockRoutes } from '../../workers/local/clock.ts';

const document: Json = JSON.parse(JSON.stringify(openApiDocument()));

/** The value at a path of members; undefined where there is none. */
const at = (value: Json | undefined, ...path: string[]): Json | undefined =>
  path.reduce<Json | undefined>((inner, name) => (isObject(inner) ? inner[name] : undefined), value);

function walk(value: Json, visit: (object: JsonObject) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (isObject(value)) {
    visit(value);
    for (const item of Object.values(value)) walk(item, visit);
  }
}

function objects(value: Json | undefined): [string, JsonObject][] {
  return isObject(value) ? Object.entries(value).flatMap(([name, item]) => (isObject(item) ? [[name, item]] : [])) : [];
}

const operations = objects(at(document, 'paths')).flatMap(([path, item]) =>
  objects(item).map(([method, operation]) => ({ path, method, operation })),
);
const documented = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort();

/** Method and path of every handler, parameters as OpenAPI writes them; middleware has no method. */
function registered(routes: readonly { method: string; path: string }[]): string[] {
  const handlers = routes.filter(({ method }) => method !== 'ALL');
  return [...new Set(handlers.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`))].sort();
}

/** What is no JSON: the docs page and the script of a page. */
const isFile = (path: string): boolean => /^\/(docs|waymark)/.test(path);

/** What links of mails open. */
const PAGES = ['/confirm/{token}', '/unsubscribe/{token}', '/preferences/{token}'];

describe('the document', () => {
  it('is OpenAPI 3.1 with a title and a version', () => {
    expect(at(document, 'openapi')).toBe('3.1.0');
    expect(typeof at(document, 'info', 'title')).toBe('string');
    expect(typeof at(document, 'info', 'version')).toBe('string');
  });

  it('is made once', () => expect(openApiDocument()).toBe(openApiDocument()));

  it('refers to nothing that is not in it', () => {
    let references = 0;
    walk(document, ({ $ref }) => {
      if ($ref === undefined) return;
      const [root, ...path] = String($ref).split('/');
      expect(root).toBe('#');
      expect(at(document, ...path), String($ref)).toBeDefined();
      references++;
    });
    expect(references).toBeGreaterThan(200);
  });

  it('names each operation once, under a tag it explains, with words', () => {
    const ids = operations.map(({ operation }) => operation['operationId']);
    expect(new Set(ids).size).toBe(operations.length);
    const tags = at(document, 'tags');
    const names = Array.isArray(tags) ? tags.map((tag) => at(tag, 'name')) : [];
    for (const { operation } of operations) {
      expect(operation['summary']).toMatch(/\w/);
      for (const tag of Array.isArray(operation['tags']) ? operation['tags'] : ['none']) expect(names).toContain(tag);
    }
  });

  it('asks for each parameter of a path, and for no other', () => {
    for (const { path, operation } of operations) {
      const parameters = Array.isArray(operation['parameters']) ? operation['parameters'] : [];
      const inPath = parameters.filter((parameter) => at(parameter, 'in') === 'path');
      expect(inPath.map((parameter) => `{${at(parameter, 'name')}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      for (const parameter of inPath) expect(at(parameter, 'required')).toBe(true);
    }
  });

  it('secures every operation with schemes it declares, but those that tell nothing or have the key in their path', () => {
    const open = ['/healthz', '/openapi.json', '/v1/projects/{key}/settings', '/v1/m', '/r/{token}', ...PAGES];
    const schemes = objects(at(document, 'components', 'securitySchemes')).map(([name]) => name);
    for (const { path, operation } of operations) {
      const security = Array.isArray(operation['security']) ? operation['security'] : [];
      const names = security.flatMap((scheme) => (isObject(scheme) ? Object.keys(scheme) : []));
      if (path.startsWith('/admin/')) expect(names).toEqual(['bearer']);
      else expect(names.length === 0, path).toBe(open.includes(path) || isFile(path));
      expect(schemes).toEqual(expect.arrayContaining(names));
    }
  });

  it('answers every error with problem+json, and says how long to wait where that helps', () => {
    for (const { path, operation } of operations)
      for (const [status, answer] of objects(operation['responses'])) {
        const name = String(answer['$ref'] ?? '').split('/');
        const response = name.length > 1 ? at(document, ...name.slice(1)) : answer;
        const types = Object.keys(at(response, 'content') ?? {});
        if ((isFile(path) || PAGES.includes(path)) && status === '200') continue;
        const led = status.startsWith('3');
        const type = Number(status) >= 400 ? 'application/problem+json' : 'application/json';
        expect(types, `${path} ${status}`).toEqual(
          led ? [] : path.endsWith('/export') && status === '200' ? [type, 'text/html'] : [type],
        );
        if (status === '429' || status === '503') expect(at(response, 'headers', 'Retry-After')).toBeDefined();
      }
  });

  it('has every answer that its routes can give', () => {
    for (const { path, operation } of operations) {
      const statuses = Object.keys(at(operation, 'responses') ?? {});
      const security = JSON.stringify(operation['security'] ?? []);
      const expected = [
        ...(security === '[]' ? [] : ['401']),
        ...(path.startsWith('/admin/') ? ['403'] : []),
        ...(security.includes('writeKey') && path !== '/sourceConfig/' ? ['429'] : []),
        ...(operation['requestBody'] === undefined ? [] : ['400', '413']),
        '503',
      ];
      for (const status of expected) expect([path, statuses]).toEqual([path, expect.arrayContaining([status])]);
      expect(statuses.some((status) => Number(status) < 400)).toBe(true);
    }
  });

  it('uses every schema it has', () => {
    const used = new Set<string>();
    walk(document, ({ $ref }) => used.add(String($ref)));
    const unused = objects(at(document, 'components', 'schemas'))
      .map(([name]) => name)
      .filter((name) => !used.has(`#/components/schemas/${name}`));
    expect(unused).toEqual([]);
  });

  it('has no word of Zod’s own in its schemas', () => {
    walk(at(document, 'components') ?? null, (schema) => {
      for (const word of ['$schema', '$id', '$defs', '~standard'])
        expect(schema[word] === undefined || isObject(schema[word])).toBe(true);
    });
    expect(JSON.stringify(document)).not.toContain('__s');
  });
});

describe('the routes', () => {
  const deployed = createApp(null).routes;
  const local = createApp({ keys: new Map(), linkSecret: 'l', ready: true, forgetMails: async () => 0 }).routes;
  local.route('/admin', clockRoutes());

  it('of a deployment are documented, and no other but those marked as local', () => {
    const ofLocalMode = ROUTES.filter(({ tag }) => tag === 'local').map(
      ({ method, path }) => `${method.toUpperCase()} ${path}`,
    );
    expect(documented.filter((route) => !ofLocalMode.includes(route))).toEqual(registered(deployed.routes));
  });

  it('of local mode are documented, but the tick that the process around it asks for', () => {
    const inner = ['POST /admin/clock/tick'];
    expect(documented).toEqual(registered(local.routes).filter((route) => !inner.includes(route)));
  });
});

describe('the examples', () => {
  const bodies = ROUTES.flatMap((route) => bodiesOf(route).map((body) => ({ id: route.id, ...body })));

  it.each(bodies)('of $id is a valid $schema', ({ schema, example }) => {
    const checked: z.ZodType = SCHEMAS[schema];
    expect(checked.safeParse(example).error).toBeUndefined();
  });

  it('of the import are valid events with a timestamp', () => {
    for (const line of NDJSON_EXAMPLE.split('\n'))
      expect(Event.parse(JSON.parse(line)).timestamp).toEqual(expect.any(Number));
  });
});
