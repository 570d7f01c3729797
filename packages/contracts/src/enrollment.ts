import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';
import { DISPLAY_NAME_LENGTH_MAX, FACT_LENGTH_MAX } from './limits.js';
import { machineName, text } from './text.js';

/** A fact that an agent tells of its machine. */
const fact = (min: number) => text(min, FACT_LENGTH_MAX);

/** The container engine beside an agent, as it names itself: `Docker`, `28.5.2`, `1.51`. */
export const Engine = z.object({ name: fact(1), version: fact(0), apiVersion: fact(0) });
export type Engine = z.output<typeof Engine>;

/** The name of a host whose own cannot be seen, until an operator renames it. */
const HOST_NAME_SUBSTITUTE = 'unnamed';

/**
 * Asks for a host's own token, with an enrollment token as bearer. `engineId` is the machine's identity: the same
 * one comes back as the same host.
 */
export const EnrollRequest = z.object({
  name: machineName(DISPLAY_NAME_LENGTH_MAX, HOST_NAME_SUBSTITUTE),
  engineId: fact(1),
  engine: Engine,
  os: fact(0),
  arch: fact(0),
  agentVersion: fact(0),
});
export type EnrollRequest = z.output<typeof EnrollRequest>;

/** 201 for a new host, 200 for one that came back. The token is shown in this answer only. */
export const EnrollResponse = z.object({
  hostId: z.uuid(),
  agentToken: z.string(),
  cadence: Cadence,
  accepts: Accepts.optional(),
});
export type EnrollResponse = z.output<typeof EnrollResponse>;

/** 201 of a rotation. The old token lives until this one is first used. */
export const TokenRotation = z.object({ agentToken: z.string(), cadence: Cadence, accepts: Accepts.optional() });
export type TokenRotation = z.output<typeof TokenRotation>;

/** 200: whose an agent token is. */
export const TokenHolder = z.object({ hostId: z.uuid(), cadence: Cadence, accepts: Accepts.optional() });
export type TokenHolder = z.output<typeof TokenHolder>;
