import { Paths } from '@muster/contracts';
import { Router } from 'express';
import { toFileError } from '../middleware/file-refusal.js';
import type { AgentReleaseService } from '../services/agent-release.js';

/** What installs the agent on a machine: a script for `sh`, and the files that it fetches. */
export function createAgentReleaseRouter(release: AgentReleaseService): Router {
  const router = Router();

  router.get(Paths.installScript, async (_req, res) => {
    res.type('text/x-shellscript').send(await release.installScript());
  });

  router.get(Paths.agentRelease, async (req, res, next) => {
    const path = await release.file(req.params['file']);
    // Big, and the same until the next release: a proxy may keep it, and must ask whether it still is.
    res.type('application/octet-stream').set('Cache-Control', 'public, no-cache');
    res.sendFile(path, { cacheControl: false, dotfiles: 'allow' }, (error?: unknown) => {
      if (error !== undefined) next(toFileError(error));
    });
  });

  return router;
}
