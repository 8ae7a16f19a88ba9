// The CDNOW purchases as events: a published data set of real customers (origin: tests/fixtures/README.md).

export interface ImportEvent {
  readonly messageId: string;
  readonly type: 'track';
  readonly event: 'Order Completed';
  readonly userId: string;
  readonly timestamp: string;
  readonly properties: {
    readonly order_id: string;
    readonly revenue: number;
    readonly currency: 'USD';
    readonly quantity: number;
  };
}

/** One row: customer, id in the sample, date as YYYYMMDD, number of CDs, value in dollars. Each at 12:00 UTC of its day. */
export function cdnowEvents(text: string): ImportEvent[] {
  return text.split('\n').flatMap((row, index) => {
    const [customer, , date, quantity, revenue] = row.trim().split(/\s+/);
    if (!customer || !date || quantity === undefined || revenue === undefined) return [];
    const line = index + 1;
    return [
      {
        messageId: `cdnow-${line}`,
        type: 'track',
        event: 'Order Completed',
        userId: customer,
        timestamp: `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}T12:00:00.000Z`,
        properties: {
          order_id: `cdnow-${line}`,
          revenue: Number(revenue),
          currency: 'USD',
          quantity: Number(quantity),
        },
      },
    ];
  });
}
