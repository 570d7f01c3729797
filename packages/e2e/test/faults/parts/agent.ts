import { EnrollResponse, TokenRotation } from '@muster/contracts';
import { AgentSession, enrollRequest } from '@muster/fleet';
import type { Http, Reply } from '@muster/testkit/http';

/** The API rejected an enrollment. */
class EnrollmentError extends Error {}

const TRIES_MAX = 10;
const RETRY_MS = 1_000;

/**
 * Enrolls a machine. Retries after a 503, as an agent does.
 * @throws EnrollmentError if the API rejects the enrollment, BrokenCallError if no response arrives.
 */
export async function enroll(client: Http, enrollmentToken: string, engineId: string): Promise<AgentSession> {
  for (let tries = 1; ; tries++) {
    const reply = await client.send(enrollRequest(enrollmentToken, engineId));
    if (reply.status === 201 || reply.status === 200) {
      const { hostId, agentToken } = EnrollResponse.parse(JSON.parse(reply.text));
      return new AgentSession(hostId, agentToken);
    }
    if (reply.status !== 503 || tries === TRIES_MAX) {
      throw new EnrollmentError(`enrollment answered ${reply.status}: ${reply.text.slice(0, 500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Returns the new token in the response to a rotation. */
export const rotatedToken = (reply: Reply): string => TokenRotation.parse(JSON.parse(reply.text)).agentToken;
