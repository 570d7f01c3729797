import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { tokenKind } from '@muster/contracts';
import { z } from 'zod';
import { DOCKER_HOST_DEFAULT, EngineAddress } from './engine/address.js';

/** What the environment tells the agent. This module alone knows the variables' names. */
export interface AgentEnv {
  /** The API's address without a trailing slash; null where the state directory has to tell it. */
  musterUrl: string | null;
  enrollToken: string | null;
  stateDir: string;
  engine: EngineAddress;
  /** The engine API version to speak, or null to negotiate. */
  engineApiVersion: string | null;
  logLevel: LogLevel;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MusterUrl = z.string().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const problem =
    url === null || !['http:', 'https:'].includes(url.protocol)
      ? 'must be an http or https address, such as https://muster.example.com'
      : url.username !== '' || url.password !== ''
        ? 'must not hold a user name or a password'
        : url.search !== '' || url.hash !== ''
          ? 'must not hold a query or a fragment'
          : null;
  if (url !== null && problem === null) return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  context.issues.push({ code: 'custom', message: problem!, input: value });
  return z.NEVER;
});

const EnrollToken = z.string().refine((value) => tokenKind(value) === 'enroll', {
  error: 'is not an enrollment token (muster_enroll_…), or was copied with a mistake',
});

const EnvSchema = z.object({
  MUSTER_URL: MusterUrl.optional(),
  MUSTER_ENROLL_TOKEN: EnrollToken.optional(),
  MUSTER_STATE_DIR: z.string().optional(),
  DOCKER_HOST: EngineAddress.prefault(DOCKER_HOST_DEFAULT),
  DOCKER_API_VERSION: z
    .string()
    .regex(/^\d{1,3}\.\d{1,3}$/, { error: 'must be a version such as 1.43' })
    .optional(),
  DOCKER_TLS_VERIFY: z.undefined({ error: 'is set, but this agent cannot speak TLS to an engine yet' }).optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  XDG_STATE_HOME: z.string().optional(),
});

/** The environment read, or one line for each bad value. Empty values count as unset, as Docker's own tools do. */
export function parseEnv(
  source: Readonly<Record<string, string | undefined>>,
  machine: { isRoot: boolean; home: string } = { isRoot: process.getuid?.() === 0, home: homedir() },
): { success: true; env: AgentEnv } | { success: false; errors: string[] } {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ''));
  const result = EnvSchema.safeParse(given);
  if (!result.success) {
    return { success: false, errors: result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`) };
  }
  const env = result.data;
  return {
    success: true,
    env: {
      musterUrl: env.MUSTER_URL ?? null,
      enrollToken: env.MUSTER_ENROLL_TOKEN ?? null,
      stateDir: resolve(env.MUSTER_STATE_DIR ?? defaultStateDir(env.XDG_STATE_HOME, machine)),
      engine: env.DOCKER_HOST,
      engineApiVersion: env.DOCKER_API_VERSION ?? null,
      logLevel: env.LOG_LEVEL,
    },
  };
}

/** Where systemd's `StateDirectory=` and the XDG base directory specification put such things. */
const defaultStateDir = (xdgStateHome: string | undefined, machine: { isRoot: boolean; home: string }): string =>
  machine.isRoot
    ? '/var/lib/muster-agent'
    : join(xdgStateHome ?? join(machine.home, '.local', 'state'), 'muster-agent');
