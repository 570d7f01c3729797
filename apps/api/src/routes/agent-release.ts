import { Paths } from '@muster/contracts';
import { Router } from 'express';
import { addressGroup } from '../lib/address-group.js';
import { OverloadedError, RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { toFileError } from '../http/file-refusal.js';
import { closeIfReaderStalls, STALLED_MS_MAX } from '../http/close-if-reader-stalls.js';
import type { AgentReleaseService } from '../services/delivery/index.js';

/** Release files that one process, and one address, may download at a time. Each is up to 100 MB. */
const DOWNLOADS_MAX = 256;
const ADDRESS_DOWNLOADS_MAX = 64;

/** Retry-After for an address at its limit. */
const RETRY_MS = 5_000;

/**
 * Serves what installs the agent on a machine: a shell script and the files that it downloads. `stalledMsMax`:
 * milliseconds within which a client must read some of a file.
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
      throw new RateLimitedError('Too many downloads to this address. Retry later.', RETRY_MS);
    }
    downloads += 1;
    closeIfReaderStalls(res, stalledMsMax, () => {
      downloads -= 1;
      shares.release(address);
    });
    // From here on the client determines how long it takes.
    res.locals.slot?.release();
    // The file is large and does not change until the next release: a proxy may cache it but must revalidate it.
    res.type('application/octet-stream').set('Cache-Control', 'public, no-cache');
    res.sendFile(path, { cacheControl: false, dotfiles: 'allow' }, (error?: unknown) => {
      if (error !== undefined) next(toFileError(error));
    });
  });

  return router;
}
