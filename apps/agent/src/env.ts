import { join, resolve } from 'node:path';
import { DISPLAY_NAME_LENGTH_MAX, displayName, parseHostLabels, tokenKind, type HostLabels } from '@muster/contracts';
import { z } from 'zod';
import { EngineAddress } from './engine/address.js';
import { LIST_TIMEOUT_MS_DEFAULT } from './engine/list-timeout.js';
import type { EngineChoice } from './engine/locate-engine.js';
import { homeDirectory } from './lib/home-directory.js';
import { REDACT_NAMES_DEFAULT, REDACT_VALUES_DEFAULT, type RedactionPatterns } from './engine/redact.js';
import type { Variable } from './config/settings.js';
import type { ProxySettings } from './muster/proxy.js';
import type { TrustSettings } from './muster/trust.js';

/** The parsed settings. Only this module and `settings.ts` know the names of the variables. */
export interface AgentEnv {
  /** The API's address without a trailing slash; null if the address in the state directory is used. */
  musterUrl: string | null;
  enrollToken: string | null;
  stateDir: string;
  engine: EngineChoice;
  /** The engine API version to use; null if it is negotiated. */
  engineApiVersion: string | null;
  /** Timeout of the first list of the engine's containers, in milliseconds. Later timeouts adapt to the engine. */
  engineTimeoutMs: number;
  redaction: RedactionPatterns;
  /** The host's name in Muster; null if it is the machine's own. */
  hostName: string | null;
  hostLabels: HostLabels;
  /** Age in days at which the agent rotates its token; 0 if it never does. */
  tokenDays: number;
  proxy: ProxySettings;
  trust: TrustSettings;
  logLevel: LogLevel;
  /** Where each value comes from, for messages. */
  origins: Partial<Record<Variable, string>>;
}

const ENGINE_TIMEOUT_SECONDS_MAX = 300;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MusterUrl = z.string().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const problem =
    url === null || !['http:', 'https:'].includes(url.protocol)
      ? /\[[^\]]*%[^\]]*\]/.test(value)
        ? 'must not contain an IPv6 zone (%eth0), which URLs do not support; use a host name, or an address that needs ' +
          'no zone'
        : 'must be an http or https address, such as https://muster.example.com'
      : url.username !== '' || url.password !== ''
        ? 'must not contain a user name or a password'
        : url.search !== '' || url.hash !== ''
          ? 'must not contain a query or a fragment'
          : null;
  if (url !== null && problem === null) return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  context.issues.push({ code: 'custom', message: problem!, input: value });
  return z.NEVER;
});

const EnrollToken = z.string().refine((value) => tokenKind(value) === 'enroll', {
  error: 'is not an enrollment token (muster_enroll_…), or contains a typo',
});

const HostName = z
  .string()
  .max(DISPLAY_NAME_LENGTH_MAX, { error: `must have at most ${DISPLAY_NAME_LENGTH_MAX} characters` })
  .pipe(displayName(DISPLAY_NAME_LENGTH_MAX));

const LabelList = z.string().transform((value, context): HostLabels => {
  const parsed = parseHostLabels(value);
  if ('labels' in parsed) return parsed.labels;
  context.issues.push({ code: 'custom', message: `is not valid: ${parsed.problem}`, input: value });
  return z.NEVER;
});

const ProxyUrl = z
  .string()
  // As in curl, http is the default.
  .transform((value) => (/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`))
  .refine((value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : ''), {
    error: 'must be an http or https address such as http://proxy.example.com:3128; SOCKS is not supported',
    abort: true,
  })
  .refine((value) => !/%(?![0-9a-f]{2})/i.test(new URL(value).username + new URL(value).password), {
    error: 'has a % in its user name or password that must be written as %25',
  });

const patternSchema = (fallback: RegExp) =>
  z
    .string()
    .transform((value, context): RegExp => {
      try {
        return new RegExp(value, 'gi');
      } catch (error) {
        context.issues.push({ code: 'custom', message: (error as Error).message.toLowerCase(), input: value });
        return z.NEVER;
      }
    })
    .optional()
    .transform((value) => value ?? fallback);

const EnvSchema = z.object({
  MUSTER_URL: MusterUrl.optional(),
  MUSTER_ENROLL_TOKEN: EnrollToken.optional(),
  MUSTER_STATE_DIR: z.string().optional(),
  DOCKER_HOST: EngineAddress.optional(),
  DOCKER_CONTEXT: z.string().optional(),
  DOCKER_CONFIG: z.string().optional(),
  DOCKER_TLS_VERIFY: z.string().optional(),
  DOCKER_CERT_PATH: z.string().optional(),
  DOCKER_API_VERSION: z
    .string()
    .regex(/^\d{1,3}\.\d{1,3}$/, { error: 'must be a version such as 1.43' })
    .optional(),
  MUSTER_ENGINE_TIMEOUT: z
    .string()
    .refine((value) => /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= ENGINE_TIMEOUT_SECONDS_MAX, {
      error: `must be a number of seconds from 1 to ${ENGINE_TIMEOUT_SECONDS_MAX}`,
    })
    .default(String(LIST_TIMEOUT_MS_DEFAULT / 1_000))
    .transform((seconds) => Number(seconds) * 1_000),
  MUSTER_REDACT_NAMES: patternSchema(REDACT_NAMES_DEFAULT),
  MUSTER_REDACT_VALUES: patternSchema(REDACT_VALUES_DEFAULT),
  MUSTER_HOST_NAME: HostName.optional(),
  MUSTER_HOST_LABELS: LabelList.optional(),
  MUSTER_TOKEN_DAYS: z
    .string()
    .regex(/^\d{1,4}$/, { error: 'must be a number of days, or 0' })
    .default('30')
    .transform(Number),
  HTTPS_PROXY: ProxyUrl.optional(),
  HTTP_PROXY: ProxyUrl.optional(),
  NO_PROXY: z.string().optional(),
  MUSTER_CA_FILE: z.string().optional(),
  SSL_CERT_FILE: z.string().optional(),
  NODE_EXTRA_CA_CERTS: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  XDG_STATE_HOME: z.string().optional(),
  XDG_RUNTIME_DIR: z.string().optional(),
});

/**
 * Parses the merged settings. Returns the parsed settings, or one line per invalid value. Empty values count as unset,
 * as in Docker's own tools. `origins` says where each value comes from.
 */
export function parseEnv(
  source: Readonly<Record<string, string | undefined>>,
  machine: { isRoot: boolean; home: string } = { isRoot: process.getuid?.() === 0, home: homeDirectory() },
  origins: Partial<Record<Variable, string>> = {},
): { success: true; env: AgentEnv } | { success: false; errors: string[] } {
  const nonEmptyValues = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = EnvSchema.safeParse(nonEmptyValues);
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
      engine: toEngineChoice(env, machine.home),
      engineApiVersion: env.DOCKER_API_VERSION ?? null,
      engineTimeoutMs: env.MUSTER_ENGINE_TIMEOUT,
      redaction: { names: env.MUSTER_REDACT_NAMES, values: env.MUSTER_REDACT_VALUES },
      hostName: env.MUSTER_HOST_NAME ?? null,
      hostLabels: env.MUSTER_HOST_LABELS ?? {},
      tokenDays: env.MUSTER_TOKEN_DAYS,
      proxy: { https: env.HTTPS_PROXY ?? null, http: env.HTTP_PROXY ?? null, noProxy: env.NO_PROXY ?? null },
      trust: {
        caFile: env.MUSTER_CA_FILE ?? null,
        systemFile: env.SSL_CERT_FILE ?? null,
        extraFile: env.NODE_EXTRA_CA_CERTS ?? null,
      },
      logLevel: env.LOG_LEVEL,
      origins,
    },
  };
}

function toEngineChoice(env: z.output<typeof EnvSchema>, home: string): EngineChoice {
  const configDir = resolve(env.DOCKER_CONFIG ?? join(home, '.docker'));
  return {
    address: env.DOCKER_HOST ?? null,
    context: env.DOCKER_CONTEXT ?? null,
    configDir,
    // As in Docker's own tools, any value that is not empty turns TLS on.
    tls:
      env.DOCKER_TLS_VERIFY === undefined
        ? null
        : { certPath: resolve(env.DOCKER_CERT_PATH ?? configDir), isVerified: true },
    runtimeDir: env.XDG_RUNTIME_DIR ?? null,
  };
}

/** Returns the path of systemd's `StateDirectory=` for root, and a path in the XDG state directory for other users. */
const defaultStateDir = (xdgStateHome: string | undefined, machine: { isRoot: boolean; home: string }): string =>
  machine.isRoot
    ? '/var/lib/muster-agent'
    : join(xdgStateHome ?? join(machine.home, '.local', 'state'), 'muster-agent');
