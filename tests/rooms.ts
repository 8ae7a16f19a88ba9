// Which test runs where: pure functions in Node, the customer's object in workerd, tests that start the real server, and
// those that set hostile input, browsers and failures upon it or start it for one feature. `npm test` runs the first
// three, `npm run check` and CI all. Every test stands in exactly one room; tests/tidy holds that.

const UNDER_PRESSURE = ['tests/api/{pressure,told,timers,logs}.test.ts'];
const OF_ONE_FEATURE = ['tests/api/{consent,idempotency,privacy,library,mail,replay,simulate,watch}.test.ts'];

export interface Room {
  readonly include: string[];
  readonly exclude?: string[];
}

export const ROOMS = {
  pure: {
    include: [
      'tests/{accounts,check,consent,decide,engine,experiments,histories,identity,journeys,knowledge,pressure,privacy,schema,simulation,site,tidy,totals}/**/*.test.ts',
    ],
  },
  platform: { include: ['tests/{customer,delivery,render}/**/*.test.ts'] },
  server: { include: ['tests/{api,bench}/**/*.test.ts'], exclude: [...UNDER_PRESSURE, ...OF_ONE_FEATURE] },
  edge: { include: ['tests/{browser,cli,contract}/**/*.test.ts', ...UNDER_PRESSURE, ...OF_ONE_FEATURE] },
} satisfies Record<string, Room>;
