// What is counted of a run to price it: the units of the platform's bill. Pure types and their zero, shared by the worker
// that counts (counting.ts) and the bench that asks it (cost.ts).

export interface Counts {
  /** HTTP requests and batches of the queue that reached the Worker. */
  workerRequests: number;
  /** Calls to objects, one an RPC, and alarms that rang. */
  objectRequests: number;
  /** Wall-clock time during which an object was asked or had work put off, summed over objects; milliseconds. */
  objectActiveMs: number;
  /** As SQLite counts them, indexes included, and one for every alarm set or deleted. */
  objectRowsWritten: number;
  objectRowsRead: number;
  /** How many of the rows written are alarms. */
  alarmsSet: number;
  databaseRowsWritten: number;
  databaseRowsRead: number;
  /** Writes, reads and deletes of messages, each of 64 KB or part of it. */
  queueOperations: number;
}

export const noCounts = (): Counts => ({
  workerRequests: 0,
  objectRequests: 0,
  objectActiveMs: 0,
  objectRowsWritten: 0,
  objectRowsRead: 0,
  alarmsSet: 0,
  databaseRowsWritten: 0,
  databaseRowsRead: 0,
  queueOperations: 0,
});
