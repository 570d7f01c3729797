import { Operations } from '@muster/contracts';
import type { Response } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { OverloadedError, RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { sendFile } from '../http/send-file.js';
import { closeIfReaderStalls, STALLED_MS_MAX } from '../http/close-if-reader-stalls.js';
import { route, type Route } from '../http/route.js';
import type { AgentReleaseService } from '../services/agent-release/index.js';
import type { Caller } from '../services/identity/index.js';

/** Maximum number of concurrent downloads from one process. A release file has up to 100 MB. */
const DOWNLOADS_MAX = 256;

/** Maximum number of concurrent downloads to one address. */
const ADDRESS_DOWNLOADS_MAX = 64;

/** Retry-After, in milliseconds, for an address at its limit. */
const RETRY_MS = 5_000;

/**
 * The routes for installing the agent on a machine: a shell script and the files that the script downloads. A client
 * that reads nothing of a pending file for `stalledMsMax` milliseconds is disconnected.
 */
export function agentReleaseRoutes(release: AgentReleaseService, stalledMsMax = STALLED_MS_MAX): Route[] {
  const addressPermits = createKeyedSemaphore({ permits: ADDRESS_DOWNLOADS_MAX, waitingMax: 0, waitMsMax: 0 });
  let downloads = 0;

  /** Counts a download until its response has ended. @throws RateLimitedError | OverloadedError at a limit. */
  function startDownload(caller: Caller, res: Response): void {
    if (downloads >= DOWNLOADS_MAX) throw new OverloadedError();
    const address = addressGroup(caller.address);
    if (addressPermits.acquire(address) !== true) {
      throw new RateLimitedError('Too many downloads from this address are in progress. Retry later.', RETRY_MS);
    }
    downloads += 1;
    closeIfReaderStalls(res, stalledMsMax, () => {
      downloads -= 1;
      addressPermits.release(address);
    });
    // Releases the slot, because from here on the client determines how long the request takes.
    res.locals.slot?.release();
  }

  return [
    route(Operations.describeAgentRelease, () => release.describe()),
    route(Operations.getInstallScript, async ({ res }) => {
      res.type('text/x-shellscript').send(await release.installScript());
    }),
    route(Operations.getAgentRelease, async ({ caller, params, res }) => {
      const path = await release.file(params.file);
      startDownload(caller, res);
      // The file is large and does not change until the next release, so a proxy may cache it but must revalidate it.
      res.type('application/octet-stream').set('Cache-Control', 'public, no-cache');
      await sendFile(res, path);
    }),
  ];
}
