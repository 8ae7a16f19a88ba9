/// <reference types="@cloudflare/vitest-plugin/types" />

// The bindings of wrangler.toml as tests see them, and what vitest.config.ts adds.

declare namespace Cloudflare {
  interface Env {
    readonly CUSTOMER: DurableObjectNamespace;
    readonly TOTALS: DurableObjectNamespace;
    readonly REGISTRY: DurableObjectNamespace;
    readonly DB: D1Database;
    readonly PROJECTIONS: Queue<
      | readonly import('../../workers/customer/messages.ts').Projection[]
      | import('../../workers/customer/messages.ts').Rousing
      | import('../../workers/customer/messages.ts').Announcing
    >;
    readonly MESSAGES: Queue<import('../../workers/customer/messages.ts').MessageTask>;
    readonly EMAIL: SendEmail;
    readonly MAIL_FROM: string;
    readonly LINK_SECRET: string;
    readonly D1_MIGRATIONS: import('cloudflare:test').D1Migration[];
  }
}
