/** Measures what servers and a fleet do in a period. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Paths, type Summary } from '@muster/contracts';
import type { Api } from '@muster/testkit';
import type { Http } from '@muster/testkit/http';
import { familyCpuMs } from '@muster/testkit/proc';
import type { startFleet } from './fleet.js';

/** Time between two readings of the hosts' freshness. It is short compared with the time until a host is stale. */
const POLL_MS = 2_000;

export interface MeterOptions {
  fleet: ReturnType<typeof startFleet>;
  server: () => Http;
  adminKey: string;
  /** Returns the running replicas. */
  apis: () => Api[];
  postgresPid: number;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** Returns the CPU time of all threads of a process in ms; 0 if it has ended. Source: proc(5). */
function cpuMsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

/** Returns the memory of a running process in MiB. */
const rssMiBOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;

export function createMeter({ fleet, server, adminKey, apis, postgresPid }: MeterOptions) {
  let notOnlineMax = 0;
  let isStopped = false;

  async function watchFreshness(): Promise<void> {
    while (!isStopped) {
      await sleep(POLL_MS);
      const reply = await server()
        .send({ path: Paths.summary, token: adminKey })
        .catch(() => null);
      if (reply?.status !== 200) continue;
      const { total, byFreshness } = (JSON.parse(reply.text) as Summary).hosts;
      notOnlineMax = Math.max(notOnlineMax, total - byFreshness.online);
    }
  }
  const watching = watchFreshness();

  return {
    /** Returns what happened while `action` ran. CPU times are in seconds, latencies are [p50, p99, longest] in ms. */
    async measure(action: () => Promise<unknown>) {
      const cpuMsBefore = new Map(apis().map(({ program }) => [program.pid, cpuMsOf(program.pid)]));
      const postgresMsBefore = familyCpuMs(postgresPid);
      const startedAt = performance.now();
      notOnlineMax = 0;
      fleet.takeCounts();
      await action();
      const pids = apis().map(({ program }) => program.pid);
      const apiMs = pids.map((pid) => cpuMsOf(pid) - (cpuMsBefore.get(pid) ?? 0));
      return {
        seconds: rounded((performance.now() - startedAt) / 1_000),
        apiCpuSeconds: apiMs.map((ms) => rounded(ms / 1_000)),
        apiMiB: pids.map((pid) => Math.round(rssMiBOf(pid))),
        postgresCpuSeconds: rounded((familyCpuMs(postgresPid) - postgresMsBefore) / 1_000),
        notOnlineMax,
        ...fleet.takeCounts(),
      };
    },
    async stop(): Promise<void> {
      isStopped = true;
      await watching;
    },
  };
}
