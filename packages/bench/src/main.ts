import { startCluster } from './cluster.js';
import { planOf } from './plan.js';
import { runService } from './sections/service.js';

const cluster = await startCluster();
try {
  const plan = planOf({ quick: true, rounds: null, hosts: null });
  const result = await runService({
    cluster,
    plan,
    progress: (line) => console.error(line),
    signal: new AbortController().signal,
  });
  for (const cell of result.cells) {
    console.log(cell.containers, cell.percent, cell.kind, cell.concurrency);
    for (const f of cell.figures)
      console.log(
        '  ',
        f.contender.padEnd(20),
        f.snapshotsPerSecond.median.toFixed(1),
        f.nodeCpuMs.toFixed(2),
        f.postgresCpuMs.toFixed(2),
        f.snapshots,
        cell.ratios[f.contender]?.median.toFixed(2),
      );
  }
} finally {
  await cluster.stop();
}
