// Every size, depth and count the system accepts, in one place. A limit is part of the contract: tests stand below, at
// and above each. Units stand last in the names. Sources of the platform's own figures: schema/STORAGE.md.

export const LIMITS = {
  /** One event as JSON, HTTP contract. */
  eventBytesMax: 32 * 1024,
  /** One request body after decoding, HTTP contract. */
  bodyBytesMax: 500 * 1024,
  /** One NDJSON import call after decoding. */
  importBytesMax: 4 * 1024 * 1024,
  /** Subject of a message, before and after rendering (RFC 5322 allows a line of 998). */
  subjectCharsMax: 500,
  /** Text or HTML of one message, rendered. */
  messageCharsMax: 256 * 1024,
  /** How often a message is handed to its provider before it is given up. */
  messageAttemptsMax: 12,
  /** Events in one call, HTTP contract. */
  eventsPerCallMax: 500,
  /** Channels of one purpose, and sources of a yes that has to be confirmed. */
  channelsMax: 20,
  /** Rules of contact pressure, what one may allow, and its days without messages. */
  pressureRulesMax: 50,
  pressureCountMax: 100,
  leastRulesMax: 20,
  /** Messages one digest lists. */
  digestItemsMax: 20,
  holidaysMax: 500,
  /** Contacts that are remembered of one customer. */
  contactsMax: 500,
  /** Events that are kept whatever a customer says. */
  necessaryEventsMax: 200,
  /** How long it is known who has read a customer, unless the policies say otherwise. */
  accessLogDays: 400,
  /** Events whose retention is declared, the shortest there is, and lines looked at in one commit when their time is over. */
  retentionEventsMax: 500,
  retentionMsMin: 7 * 86_400_000,
  retentionLinesMax: 1_000,
  /** Statements on what no policy names, of one customer; and mails that ask for a confirmation, of one purpose and day. */
  consentUnnamedMax: 40,
  confirmationsMax: 3,
  /** Signals of consent in one event. */
  consentSignalsMax: 50,
  /** Characters of a TC string; of 2,000 vendors, a bit each, they are about 800. */
  tcfCharsMax: 8 * 1024,
  /** Publishes of journeys a customer remembers having met; older ones are forgotten. */
  catalogsMetMax: 1_000,
  /** Items a placement shows at most, and items looked at to fill it. */
  slotsMax: 50,
  candidatesMax: 2_000,
  /** Caps of one item, and how many a cap may allow: so many instants are kept of each kind and placement. */
  capsMax: 10,
  capMostMax: 50,
  /** Units of one total: pieces, hundredths of a currency, codes. */
  totalMax: 1_000_000_000,
  /** Single-use codes in one call, and characters of one. */
  codesPerCallMax: 10_000,
  codeCharsMax: 64,
  /** Redemptions of one total that a customer remembers, so that a return gives back. */
  settledMax: 20,
  /** How often a decision is made again because a total had run out. */
  claimRoundsMax: 4,
  /** How long a decision waits for a total, milliseconds. */
  claimWaitMs: 150,
  /** Countries, devices, referrers, products and topics one item names. */
  termsMax: 100,
  /** How long after a decision what came of it still counts. */
  attributionMs: 30 * 86_400_000,
  /** Identifiers that are declared, and how many former values of one are remembered until they are given back. */
  identifiersMax: 20,
  /** Entries of context.externalIds of one event that are looked at. */
  externalIdsMax: 50,
  identifiersHeldMax: 10,
  /** Lines of the timeline, the newest, that a customer's devices and open tasks are read from; and devices shown. */
  ownEntriesMax: 2_000,
  devicesMax: 20,
  /** Orders looked at to know what a customer owns. */
  ordersMax: 200,
  /** Customers one message of a rousing looks after. */
  rousedPageMax: 200,
  /** Customers one message of an announcement tells. */
  announcedPageMax: 100,
  /** Placements asked for in one decision. */
  placementsMax: 20,
  /** Languages of a site, and of the chain one has. */
  languagesMax: 50,
  /** Source of one template or fragment, and of all it renders; how deep fragments may render others. */
  templateCharsMax: 100_000,
  fragmentDepthMax: 3,
  /** Tags inside tags. */
  templateDepthMax: 20,
  /** Loops inside loops of one template, those of its fragments included. */
  templateLoopDepthMax: 1,
  /** What rendering one field may cost: nodes and filters, and characters and elements that these read and make. */
  templateStepsMax: 10_000,
  templateWorkCharsMax: 1_000_000,
  /** Formatters of dates and numbers an isolate keeps: one each language, zone and style. */
  formattersMax: 1_000,
  /** Nesting of any JSON we accept. */
  jsonDepthMax: 32,
  /** One string inside an event. */
  stringCharsMax: 16 * 1024,
  /** Elements of one array inside an event. */
  arrayItemsMax: 1_000,
  /** Members of one object inside an event. */
  objectMembersMax: 1_000,
  /** Identifiers: user, anonymous, group and message ids. */
  idCharsMax: 256,
  /** URIs in the attributes of a CloudEvent. */
  uriCharsMax: 2_048,
  /** Cases in one file, and steps in one case. */
  casesMax: 1_000,
  caseStepsMax: 1_000,
  /** Names of events, traits, stages, journeys, placements. */
  nameCharsMax: 200,
  /** Traits of one customer, as JSON. */
  traitsBytesMax: 64 * 1024,
  /** One catalog document as JSON. */
  documentBytesMax: 256 * 1024,
  /** Documents of the catalog an isolate holds. */
  catalogDocumentsMax: 20_000,
  /** Stages of one journey. */
  stagesMax: 1_000,
  /** Transitions or timers of one stage. */
  transitionsPerStageMax: 100,
  /** Steps of one stage, nested ones included. */
  stepsPerStageMax: 500,
  /** Dates in data one stage may wait for: each keeps an instant in the run. */
  datesPerStageMax: 10,
  /** Arms of one experiment. */
  armsMax: 20,
  /** Offers or content of one arm, and under test in one experiment. */
  experimentItemsMax: 200,
  /** Experiments of a catalog: each decision asks those that its candidates belong to. */
  experimentsMax: 500,
  /** Counts of one experiment that are read: days, times arms, contexts and shares. The newest days come first. */
  experimentCellsMax: 50_000,
  /** Contexts of which results tell the counts apart. */
  experimentContextsMax: 100,
  /** Computed traits that are declared, and segments of a catalog. */
  computedMax: 100,
  segmentsMax: 200,
  /** A text that a computed trait tells apart. */
  computedCharsMax: 200,
  /** Different values that a computed trait counts one by one; past it the history is read again each time. */
  tallyValuesMax: 200,
  /** Customers an estimate asks, unless told otherwise; and at most. */
  estimateSample: 200,
  estimateSampleMax: 1_000,
  /** People who act for an account, and events they share with it. */
  accountMembersMax: 200,
  sharedEventsMax: 50,
  /** Audiences a customer is in. */
  audiencesMax: 500,
  /** Members of an emitted event, a webhook's body. */
  expressionsMax: 50,
  /** Tags of a journey, and tags it suspends. */
  tagsMax: 20,
  /** Entries a cap may count: their instants are kept in the run. */
  capEntriesMax: 20,
  /** A recurrence rule, and the instants apart it may come: an hour. */
  rruleCharsMax: 500,
  scheduleMsMin: 3_600_000,
  /** Stages one input may lead a run through by `always` and `goto`; more is a fault that stands in the timeline. */
  stagesPerInputMax: 20,
  /** Events one input may make happen by `emit`, `start`, `cancel` and `audience`, and how deep they may follow from each other. */
  emitsPerInputMax: 100,
  emitDepthMax: 8,
  /** A property of the starting event as JSON, where a run keeps it for `start`. */
  keptCharsMax: 256,
  /** The body of a webhook's answer as JSON, where a run keeps it for `answers`. */
  answerCharsMax: 1_024,
  /** Nesting of branches. */
  stepDepthMax: 10,
  /** Source of one CEL condition. */
  conditionCharsMax: 2_048,
  /** Elements of a list literal in a condition. */
  conditionListMax: 1_000,
  /** Comprehensions inside comprehensions. */
  conditionMacroDepthMax: 2,
  /** Elements all comprehensions of one condition may run through in one evaluation. */
  conditionIterationsMax: 10_000,
  /** Instructions one input may run in one journey run; more is a fault that stands in the timeline. */
  instructionsPerInputMax: 1_000,
  /** Timers fired in one commit; the rest follows in the next one, at once. */
  timersPerCommitMax: 500,
  /** Runs of one customer that are not over. */
  runsPerCustomerMax: 200,
  /** Runs that are over a customer's keyed journeys are remembered by; older ones are forgotten (E8). */
  endedRunsMax: 200,
  /** The longest delay a journey may state: ten years, far inside what an alarm can hold. */
  delayMsMax: 3_653 * 86_400_000,
  /** One page of the timeline or of a customer list. */
  pageItemsMax: 200,
  /** Entries moved in one step when an anonymous customer becomes known. */
  movePageEntriesMax: 500,
  /** The newest messages an anonymous customer hands over when it becomes known. */
  movedMessagesMax: 500,
  /** How long a page waits for a customer's object before it shows the defaults. */
  decideWaitMs: 250,
} as const;

/** How long changes of stage are gathered before the index is told (contract: it knows within 5 s), milliseconds. */
export const GATHER_MS = 250;
/**
 * When an object checks that the index has what it was told, milliseconds. The queue repeats what D1 did not take; this
 * is for a message that was lost with its queue.
 */
export const CHECK_INDEX_AFTER_MS = 30_000;
/** How long a message that was claimed for sending is left alone before its fate is taken to be unknown, milliseconds. */
export const CLAIM_MS = 60_000;
/** When a message that was handed to the queue is handed to it again, if nobody has settled it by then, milliseconds. */
export const REQUEUE_AFTER_MS = 90_000;
/** How long an unconfirmed effect waits before it is sent again, milliseconds. */
export const RESEND_AFTER_MS = 10_000;
export const RESEND_AFTER_MAX_MS = 3_600_000;
/** An isolate looks at the catalog's version row when its copy is older than this, milliseconds. */
export const CATALOG_FRESH_MS = 2_000;
/** Past this age a request waits for that look, so that a change is seen within 5 s, milliseconds. */
export const CATALOG_STALE_MS = 4_000;

/** Calls one public write key may make, as wrangler.toml has it for the binding KEY_RATE; a test holds the two equal. */
export const KEY_RATE = { requests: 5_000, periodSeconds: 10 } as const;
/**
 * Events of one customer: sustained, and at once after a pause. A shopper sends a few a minute; twice the 500 a second that
 * a busy kiosk or till under one id may reach still pass, and an object is good for about 1,000 calls a second anyway.
 */
export const CUSTOMER_RATE = { eventsPerSecond: 1_000, burstEvents: 5_000 } as const;

/** Customer tokens and the keys they are signed with (workers/identity/SPEC.md, TK). */
export const TOKEN = {
  /** Accounts one token names. */
  accountsMax: 20,
  charsMax: 8_192,
  /** Keys of one write key that are in force: the one that signs and the one before it. */
  keysMax: 2,
  /** How far the clock of who signs may be ahead. */
  skewMs: 30_000,
  /** The last instant a date can hold, in seconds. */
  secondsMax: 8.64e12,
  rsaBitsMin: 2_048,
  rsaBitsMax: 8_192,
} as const;
/** What is kept of admin writes that came with an Idempotency-Key (workers/api/idempotency.ts). */
export const IDEMPOTENCY = {
  /** How long an answer is given again. */
  keptMs: 86_400_000,
  /** Keys kept at once; the oldest are forgotten first. */
  keysMax: 2_000,
  keyCharsMax: 255,
  /** An answer longer than this is not kept, and the key is free again. */
  answerCharsMax: 256 * 1024,
  /** After this a call that has not answered is taken to have died. */
  claimMs: 120_000,
} as const;
/** What one call of POST /admin/simulate may ask for: about a second of work. `waymark simulate` has no such bounds. */
export const SIMULATION = {
  customersMax: 1_000,
  daysMax: 730,
  customerDaysMax: 50_000,
  /** Events and timers of all customers together. */
  inputsMax: 200_000,
  journeysMax: 20,
} as const;
/** How long an operator's call waits for D1 and objects before it is answered 503; imports take the time they need. */
export const ADMIN_WAIT_MS = 20_000;
/** What the snippet of a page keeps and sends (workers/browser). A message stays below LIMITS.eventBytesMax with what is put around it. */
export const SNIPPET = {
  /** Messages that wait; the oldest goes first. */
  queueMax: 100,
  /** One message as JSON. */
  messageCharsMax: 30_000,
  /** Messages of one call: all of the largest stay below LIMITS.bodyBytesMax. */
  callMax: 15,
  /** Placements of one question, LIMITS.placementsMax. */
  placementsMax: 20,
  /** After this a call is taken to have failed. */
  waitMs: 8_000,
  /** The longest pause before a call is tried again. */
  pauseMsMax: 60_000,
} as const;
/** The snippet as it is served, gzipped: less than an image of a few lines of text. */
export const SNIPPET_GZIP_BYTES_MAX = 3_072;
/** Server-side rendering of placements (workers/render). */
export const RENDER = {
  /** How long a page is held up in all, where its Worker says nothing else. */
  budgetMs: 300,
  /** After this a call that was begun early is given up, even if the page has not come to its placements yet. */
  callMsMax: 5_000,
  /** Different placements of a page; more keep their fallback. One call takes LIMITS.placementsMax. */
  placementsMax: 20,
} as const;
