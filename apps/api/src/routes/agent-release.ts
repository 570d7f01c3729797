import { Paths } from '@muster/contracts';
import { Router } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { OverloadedError, RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { toFileError } from '../http/file-refusal.js';
import { closeWhenStalled, STALLED_MS_MAX } from '../http/stalled-readers.js';
import type { AgentReleaseService } from '../services/delivery/agent-release.js';

/** Files of the release that one process sends at once, and those that one address gets. Each is up to 100 MB. */
const DOWNLOADS_MAX = 256;
const ADDRESS_DOWNLOADS_MAX = 64;

/** Milliseconds after which an address that gets many may ask again. */
const RETRY_MS = 5_000;

/**
 * What installs the agent on a machine: a script for `sh`, and the files that it fetches. `stalledMsMax`: milliseconds in
 * which a client must take some of a file.
 */
export function createAgentReleaseRouter(release: AgentReleaseService, stalledMsMax = STALLED_MS_MAX): Router {
  const router = Router();
  const shares = createKeyedSemaphore({ permits: ADDRESS_DOWNLOADS_MAX, waitingMax: 0, waitMsMax: 0 });
  let downloads = 0;

  router.get(Paths.installScript, async (_req, res) => {
    res.type('text/x-shellscript').send(await release.installScript());
  });

  router.get(Paths.agentRelease, async (req, res, next) => {
    const path = await release.file(req.params['file']);
    if (downloads >= DOWNLOADS_MAX) throw new OverloadedError();
    const address = addressGroup(req.ip ?? '');
    if (shares.acquire(address) !== true) {
      throw new RateLimitedError('Too many files are sent to this address already.', RETRY_MS);
    }
    downloads += 1;
    closeWhenStalled(res, stalledMsMax, () => {
      downloads -= 1;
      shares.release(address);
    });
    // From here on it is the client who takes time.
    res.locals.work?.leave();
    // Big, and the same until the next release: a proxy may keep it, and must ask whether it still is.
    res.type('application/octet-stream').set('Cache-Control', 'public, no-cache');
    res.sendFile(path, { cacheControl: false, dotfiles: 'allow' }, (error?: unknown) => {
      if (error !== undefined) next(toFileError(error));
    });
  });

  return router;
}
