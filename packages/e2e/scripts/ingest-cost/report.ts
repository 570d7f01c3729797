/** A report of a host, as the process that runs an API receives it. */
export type Report = SnapshotReport | HeartbeatReport;

export interface SnapshotReport {
  kind: 'snapshot';
  hostId: string;
  body: string;
  sequence: number;
  /** Whether the service has the host's last snapshot in memory. If not, the service compares the rows. */
  cached: boolean;
}

/** A heartbeat of an agent that has no problem and has reported its engine before. */
export interface HeartbeatReport {
  kind: 'heartbeat';
  hostId: string;
}

export const HEARTBEAT = {
  engine: { name: 'docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'Debian GNU/Linux 12',
  agentVersion: '0.1.0',
};

/** Runs one version of the API in its own process. */
export interface Target {
  /** Keeps the reports of a round, which `send` sends in order. */
  prepare(reports: readonly Report[]): Promise<void>;
  /**
   * Sends the next `count` reports, `atOnce` at a time. Returns the CPU time of the process, in ms.
   *
   * @throws if the API did not apply a snapshot, or did not recognize the digest of a heartbeat.
   */
  send(count: number, atOnce: number): Promise<number>;
  stop(): Promise<unknown>;
}

/** Sends reports in order, `atOnce` at a time. */
export async function sendInTurns<Item>(
  reports: readonly Item[],
  atOnce: number,
  send: (report: Item, place: number) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < reports.length; start += atOnce)
    await Promise.all(reports.slice(start, start + atOnce).map(send));
}
