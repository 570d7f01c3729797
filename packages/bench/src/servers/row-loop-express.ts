/** The row loop behind Express: parses the body, and executes one prepared upsert for each container. */
import type { Container } from '@muster/contracts';
import { deliverRowByRow } from '../contenders/row-by-row.js';
import { answerOf, hostIdOf, serve } from './serve.js';

serve((app, pool) => {
  app.post('/{*path}', async (req, res) => {
    const hostId = hostIdOf(req.headers);
    const containers = JSON.parse((req.body as Buffer).toString()) as Container[];
    await deliverRowByRow(pool, { hostId, containers });
    res.json(answerOf(hostId, containers.length));
  });
});
