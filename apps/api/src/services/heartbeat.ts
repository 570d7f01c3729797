import { CADENCE_DEFAULT, type Cadence, type Heartbeat, type HeartbeatResponse } from '@muster/contracts';
import type { Database } from '@muster/db';
import { HostDeletedError } from '../errors.js';
import { touchHeartbeat } from '../sql/touch-host.js';

export interface HeartbeatService {
  /**
   * Notes that a host's agent lives and, if its digest is the host's and it can list, that the host's containers
   * are still what they were. `stream` is the agent's run, where it says so.
   * @throws HostDeletedError if the host is gone.
   */
  beat(hostId: string, heartbeat: Heartbeat, stream: string | null): Promise<HeartbeatResponse>;
}

export function createHeartbeatService(
  db: Database,
  { now = () => new Date(), cadence = CADENCE_DEFAULT }: { now?: () => Date; cadence?: Cadence } = {},
): HeartbeatService {
  return {
    async beat(hostId, heartbeat, stream) {
      const matched = await touchHeartbeat(db, hostId, heartbeat, stream, now());
      if (matched === null) throw new HostDeletedError();
      return { snapshotRequired: !matched, cadence };
    },
  };
}
