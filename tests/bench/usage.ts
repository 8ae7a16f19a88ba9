// What `npm run bench -- --help` says.

export const USAGE = `npm run bench -- [measurement ...] [subject ...] [options]

Without names: engine, and events of event and decide beside the floor. Needs nothing but the project.

measurements
  engine    the engine beside XState and a reducer by hand, in this process
  events    throughput, latency, CPU, memory (meant when only subjects are named); 500 customers of 10 events
  decisions three placements from 500 offers and 2,000 content, and ten times that: floor, shelf, shelf-10
  reads     where does a customer stand: floor, event, restate, restate-1
  identity  a warm event of an anonymous customer, a known one, and by an id left behind: event
  memory    2,000 customers touched within 8 s: floor, event
  fsyncs    waits for the disk of a warm event, by strace: floor, event
  visible   from an event's answer until the overview and the next read show it: event
  disk      bytes of state an event leaves: floor, event
  cost      dollars for a million events, from counted units and public prices (prices.ts)

subjects, where those of the measurement are not the ones you want
  floor     the least the platform can do (floor.ts)
  event     events of ours; decide: with a decision in the answer
  shelf     decisions from a large catalog; shelf-10: from ten times that (assortment.ts)
  itty      the floor's task by itty-durable
  restate   Restate as shipped and with one partition (restate-1 alone: only that); installed into
            tests/bench/restate when first asked for (220 MB)

options
  --rounds 3  --customers N  --events N  --connections 32  --seed 1
  --folder DIR   on which disk the state lies (default: the system's temporary folder); on a disk in memory, such as
                 /dev/shm, the cost of fsync vanishes
  --json         everything that was measured, in place of the tables

Every round each subject gets a fresh process and fresh state, one after the other, under the same load. Figures are
medians with the lowest and highest round; a ratio is taken within each round. Progress goes to the error output.`;
