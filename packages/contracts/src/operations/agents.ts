import { EnrollRequest, EnrollResponse, TokenHolder, TokenRotation } from '../enrollment.js';
import { Heartbeat, HeartbeatResponse } from '../heartbeat.js';
import { SNAPSHOT_BODY_BYTES_MAX } from '../limits.js';
import type { Operation } from '../operation.js';
import { Paths } from '../paths.js';
import { ProblemTypes } from '../problem.js';
import { HeartbeatHeaders, SnapshotHeaders } from '../snapshot-headers.js';
import { Snapshot } from '../snapshot.js';
import { SyncSummary } from '../sync-summary.js';

/** The operations of agents. */
export const AgentOperations = {
  enroll: {
    method: 'POST',
    path: Paths.agentEnroll,
    tag: 'Agents',
    access: 'enroll',
    summary: 'Enroll a host and get its agent token',
    description:
      'Registers the machine as a host and returns an agent token for it, which no other call returns. A known ' +
      '`engineId` returns the same host (200): the host keeps its history, and its earlier agent tokens are ' +
      'revoked. Two kinds of calls do not consume another use of the enrollment token: a repeated call before the ' +
      'agent token is first used, and a call with a token for several hosts that enrolled this host before. Fails ' +
      'with 409 and `Retry-After` if a host with this `engineId` was seen recently. Fails with 403 if the ' +
      'enrollment token was created for another host. Also fails with 403 if an operator revoked the host’s tokens ' +
      'and the enrollment token was not created to restore this host.',
    body: EnrollRequest,
    answers: { 200: EnrollResponse, 201: EnrollResponse },
    refusals: [ProblemTypes.engineIdInUse, ProblemTypes.forbidden],
  },
  reportContainers: {
    method: 'POST',
    path: Paths.agentContainers,
    tag: 'Agents',
    access: 'agent',
    summary: 'Report a snapshot of the host’s containers',
    description:
      'Makes the stored containers of the host equal to the snapshot in one transaction. `applied: true` means that ' +
      'the transaction is committed. Containers that a complete snapshot does not contain are marked as removed. If ' +
      'the API has already applied a newer snapshot (by stream and sequence), nothing is stored, and the 200 ' +
      'response has `applied: false` and a `reason`. If any container is invalid, the whole snapshot is refused ' +
      'with 400. If a host’s snapshots cost too much to process, they get 429 with `Retry-After`.',
    headers: SnapshotHeaders,
    body: Snapshot,
    bodyBytesMax: SNAPSHOT_BODY_BYTES_MAX,
    limits: 'snapshots',
    answers: { 200: SyncSummary },
  },
  heartbeat: {
    method: 'POST',
    path: Paths.agentHeartbeat,
    tag: 'Agents',
    access: 'agent',
    summary: 'Report that the agent is running',
    description:
      'Confirms the host’s state without sending it: `digest` is the digest of the last applied snapshot, or null ' +
      'if the agent cannot list its containers. The response states whether the agent must send a snapshot, and at ' +
      'which intervals it reports. The call also records the agent’s problems and versions, and the facts about the ' +
      'machine if they are sent.',
    headers: HeartbeatHeaders,
    body: Heartbeat,
    answers: { 200: HeartbeatResponse },
  },
  rotateAgentToken: {
    method: 'POST',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Rotate the agent token',
    description:
      'Issues a new agent token for the host. The old token stays valid until the new one is first used. A new ' +
      'token expires if it is not used within 24 hours. If the agent lost the response, it can rotate again: this ' +
      'replaces the unused token. Fails with 409 if another machine uses the token (`clone_suspected`).',
    limits: 'rotations',
    answers: { 201: TokenRotation },
    refusals: [ProblemTypes.conflict],
  },
  getAgentTokenHolder: {
    method: 'GET',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Identify the host of an agent token',
    description: 'Returns the id of the host that the token belongs to, and the cadence.',
    answers: { 200: TokenHolder },
  },
  leave: {
    method: 'DELETE',
    path: Paths.agentToken,
    tag: 'Agents',
    access: 'agent',
    summary: 'Revoke all agent tokens of the host',
    description:
      'For an agent that is being uninstalled: revokes all agent tokens of its host. The host’s containers and ' +
      'history are kept. The host’s freshness is `left` until it is enrolled again. Fails with 409, and revokes ' +
      'nothing, if another machine uses the token (`clone_suspected`). In this case, delete the token on this ' +
      'machine instead.',
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
} as const satisfies Record<string, Operation>;
