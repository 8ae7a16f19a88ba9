// A large catalog for the measure of decisions: every document competes for the same three placements and may be shown to
// every customer of the mix; what comes on top of that for ten times the catalog stands in other placements and stages, as it
// would in a shop that grew.

export const PLACEMENTS = ['first', 'second', 'third'] as const;

export interface Document {
  readonly kind: 'offer' | 'content';
  readonly id: string;
  readonly body: object;
}

export const OFFERS = 500;
export const CONTENT = 2_000;
const OTHER_PLACEMENTS = 27;
const STAGES = ['lifecycle.usage', 'lifecycle.repurchase', 'lifecycle.dormant'];

/** Every fourth has a template, every third an audience; of offers every fifth a formula and a cap. */
function documentOf(kind: Document['kind'], index: number, placements: readonly string[], stages: readonly string[]) {
  const id = `${kind}-${placements[0]}-${index}`;
  const title = index % 4 === 0 ? `{{ traits.firstName | default: "You" }}, number ${index}` : `Number ${index}`;
  const body = {
    ...{ id, kind: kind === 'offer' ? 'offer' : 'article', placements, stages, priority: index % 100 },
    ...(index % 3 === 0 ? { audience: "traits.kind != 'business' && count('Order Refunded') < 3" } : {}),
    ...(kind === 'offer' && index % 5 === 1
      ? { rank: `value * weight + (traits.kind == 'business' ? ${index % 7}.0 : 0.0)`, value: index % 90 }
      : {}),
    ...(kind === 'offer' ? { benefit: { kind: 'percent', value: 10 } } : {}),
    ...(kind === 'offer' && index % 5 === 0 ? { caps: [{ event: 'impression', most: 50, within: 'P7D' }] } : {}),
    locales: { en: { title, body: 'What the page shows.', url: `https://shop.example/${id}` }, de: { title } },
  };
  return { kind, id, body };
}

/** @param times how many times the catalog: 1 or 10 */
export function makeAssortment(times: number): Document[] {
  const base = (kind: Document['kind'], count: number): Document[] =>
    Array.from({ length: count }, (_, index) => documentOf(kind, index, [PLACEMENTS[index % 3] ?? 'first'], []));
  const rest = (kind: Document['kind'], count: number): Document[] =>
    Array.from({ length: count * (times - 1) }, (_, index) =>
      index % 2 === 0
        ? documentOf(kind, index, [`other-${index % OTHER_PLACEMENTS}`], [])
        : documentOf(kind, index, [`${PLACEMENTS[index % 3]}`, 'elsewhere'], [STAGES[index % STAGES.length] ?? '']),
    );
  return [
    ...base('offer', OFFERS),
    ...base('content', CONTENT),
    ...rest('offer', OFFERS).map((document) => ({ ...document, ...renamed(document, 'more') })),
    ...rest('content', CONTENT).map((document) => ({ ...document, ...renamed(document, 'more') })),
  ];
}

const renamed = ({ id, body }: Document, prefix: string): Pick<Document, 'id' | 'body'> => ({
  id: `${prefix}-${id}`,
  body: { ...body, id: `${prefix}-${id}` },
});
