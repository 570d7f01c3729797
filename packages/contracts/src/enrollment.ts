import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';
import {
  DISPLAY_NAME_LENGTH_MAX,
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  ENROLLMENT_TOKEN_SECONDS_MAX,
  ENROLLMENT_TOKEN_USES_MAX,
  HOST_NAME_SUBSTITUTE,
  MACHINE_PROPERTY_LENGTH_MAX,
} from './limits.js';
import { HostFacts } from './host-facts.js';
import { HostLabels } from './host-labels.js';
import { displayName, machineName, text } from './text.js';

const Timestamp = z.iso.datetime();

export const EnrollmentTokenRequest = z.strictObject({
  name: displayName(DISPLAY_NAME_LENGTH_MAX),
  expiresInSeconds: z.int().min(1).max(ENROLLMENT_TOKEN_SECONDS_MAX).default(ENROLLMENT_TOKEN_SECONDS_DEFAULT),
  maxUses: z.int().min(1).max(ENROLLMENT_TOKEN_USES_MAX).default(1),
  /** Labels of the hosts that enroll with the token. Labels that an operator or the agent sets have precedence. */
  labels: HostLabels.default({}),
});
export type EnrollmentTokenRequest = z.output<typeof EnrollmentTokenRequest>;

/** An enrollment token without its secret. */
export const EnrollmentToken = z.object({
  id: z.uuid(),
  name: z.string(),
  maxUses: z.int(),
  uses: z.int(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  revokedAt: Timestamp.nullable(),
  labels: HostLabels,
});
export type EnrollmentToken = z.output<typeof EnrollmentToken>;

/** A new enrollment token. The secret `token` is shown only in this response. */
export const EnrollmentTokenCreated = EnrollmentToken.extend({ token: z.string() });
export type EnrollmentTokenCreated = z.output<typeof EnrollmentTokenCreated>;

/** A property of the machine, as reported by its agent. */
const machineProperty = (min: number) => text(min, MACHINE_PROPERTY_LENGTH_MAX);

/** The host's container engine. For example, the name is `Docker`, the version `28.5.2`, and the API version `1.51`. */
export const Engine = z.object({
  name: machineProperty(1),
  version: machineProperty(0),
  apiVersion: machineProperty(0),
});
export type Engine = z.output<typeof Engine>;

/**
 * Requests an agent token for a host. The bearer token is an enrollment token. `engineId` identifies the machine, so
 * enrolling again with the same `engineId` returns the same host.
 */
export const EnrollRequest = z.object({
  name: machineName(DISPLAY_NAME_LENGTH_MAX, HOST_NAME_SUBSTITUTE),
  engineId: machineProperty(1),
  engine: Engine,
  os: machineProperty(0),
  arch: machineProperty(0),
  agentVersion: machineProperty(0),
  facts: HostFacts.optional(),
});
export type EnrollRequest = z.output<typeof EnrollRequest>;

/** The response to an enrollment: 201 for a new host, 200 for a known one. The token is shown only in this response. */
export const EnrollResponse = z.object({
  hostId: z.uuid(),
  agentToken: z.string(),
  cadence: Cadence,
  accepts: Accepts.optional(),
});
export type EnrollResponse = z.output<typeof EnrollResponse>;

/** The response (201) to a token rotation. The old token stays valid until the new one is first used. */
export const TokenRotation = z.object({ agentToken: z.string(), cadence: Cadence, accepts: Accepts.optional() });
export type TokenRotation = z.output<typeof TokenRotation>;

/** The host that an agent token belongs to. */
export const TokenHolder = z.object({ hostId: z.uuid(), cadence: Cadence, accepts: Accepts.optional() });
export type TokenHolder = z.output<typeof TokenHolder>;
