/**
 * The limit of the stack: Express reads the same body as Muster's route, updates one row with a prepared statement, and
 * answers with as many bytes. It does not authenticate, validate, or store containers.
 */
import { answerOf, hostIdOf, serve } from './serve.js';

serve((app, pool) => {
  app.post('/{*path}', async (req, res) => {
    const hostId = hostIdOf(req.headers);
    const text = `UPDATE hosts SET "lastSeenAt" = now() WHERE id = $1`;
    await pool.query({ name: 'touch-host', text, values: [hostId] });
    res.json(answerOf(hostId, (req.body as Buffer).length));
  });
});
