import {
  type FileFunctions,
  formatToken,
  HostLabelKey,
  MemberRole,
  Paths,
  readSecretFiles,
  TOKEN_RANDOM_BYTES,
  tokenKind,
} from '@muster/contracts';
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';
import { z } from 'zod';
import { metricLabelName } from './lib/metric-label-name.js';

/** The environment is invalid. `problems` are lines to show to the operator. */
export class EnvError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'EnvError';
  }
}

const integer = (min: number, max: number) =>
  z
    .string()
    .refine((value) => /^\d{1,9}$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: `must be a whole number from ${min} to ${max}`,
    })
    .transform(Number);

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true });

/**
 * Matches a URL with or without a path. The path must need no encoding in URLs, HTML, shell scripts and headers, and
 * must not have a `.` or `..` segment.
 */
const PUBLIC_URL_PATTERN = /^https?:\/\/[^/?#\\@\s]+(\/(?!\.{1,2}(\/|$))[\w.~-]+)*\/?$/i;

/**
 * The first segments of Muster's own paths. A base path must not begin with one of them. If the base path were `/api`,
 * for example, the server could not tell whether a proxy has already removed the base path from `/api/hosts`.
 */
const OWN_PATHS: ReadonlySet<string> = new Set([
  ...[...Object.values(Paths), '/assets', '/icon.svg'].map((path) => path.split('/')[1]!),
  ...['sign-in', 'setup', 'invitation', 'containers', 'hosts', 'images', 'ports', 'events', 'add-host', 'settings'],
]);

/** Normalizes the URL: scheme and host in lower case, and no slash at the end. */
const publicUrl = httpUrl
  .refine((url) => PUBLIC_URL_PATTERN.test(url), {
    error:
      'must be a URL such as https://muster.example.com or https://example.com/muster, with only letters, digits and ' +
      '. _ ~ - in its path',
    abort: true,
  })
  .transform((url) => new URL(url))
  .refine(({ pathname }) => !OWN_PATHS.has(pathname.split('/')[1]!.toLowerCase()), {
    error: 'must not have a path that begins with one of Muster’s own, such as /api or /hosts',
  })
  .transform(({ origin, pathname }) => (origin + pathname).replace(/\/$/, ''));

/** The admin key that `pnpm dev` uses. It is public. */
const PUBLIC_ADMIN_KEY = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES));

const isLoopbackHost = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.[\d.]+$/.test(host);

const PROXY_KEYWORDS: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

const isProxy = (entry: string): boolean =>
  PROXY_KEYWORDS.has(entry) ||
  isIP(entry) !== 0 ||
  ipaddr.IPv4.isValidCIDRFourPartDecimal(entry) ||
  ipaddr.IPv6.isValidCIDR(entry);

/** Rejects `true`, which would let any client choose the address under which rate limits count its requests. */
const trustProxy = z
  .string()
  .transform((value) => value.split(',').map((entry) => entry.trim()))
  .refine((entries) => (entries.length === 1 && /^(false|\d{1,2})$/.test(entries[0]!)) || entries.every(isProxy), {
    error: 'must be false, the number of proxies in front, or a list of their addresses and subnets',
  })
  .transform((entries): false | number | string[] => {
    const [first = 'false'] = entries;
    if (first === 'false') return false;
    return /^\d+$/.test(first) ? Number(first) : entries;
  });

/** An identity provider is trusted only over TLS or on this machine. */
const issuer = httpUrl.refine(
  (url) => url.startsWith('https:') || ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname),
  { error: 'must be an https URL' },
);

/** The domains of email addresses, in lower case. A domain does not include its subdomains. */
const domains = z
  .string()
  .transform((value) => value.split(',').map((entry) => entry.trim()))
  .refine((entries) => entries.every((entry) => /^([a-z\d][a-z\d-]*\.)+[a-z]{2,}$/i.test(entry)), {
    error: 'must be a list of domains such as example.com,example.org, without @ or *',
  })
  .transform((entries): ReadonlySet<string> => new Set(entries.map((entry) => entry.toLowerCase())));

/**
 * Keys of host labels. Rejects keys that differ only in characters such as `.` and `-`, because their Prometheus labels
 * would have the same name.
 */
const labelKeys = z
  .string()
  .transform((value) => value.split(',').map((entry) => entry.trim()))
  .refine((keys) => keys.length <= 8 && keys.every((key) => HostLabelKey.safeParse(key).success), {
    error: 'must be a list of at most 8 keys of host labels, such as env,site',
    abort: true,
  })
  .refine((keys) => new Set(keys.map(metricLabelName)).size === keys.length, {
    error: 'must not have keys that differ only in characters other than letters and digits',
  });

/**
 * A group's name may contain colons, because the role follows the last colon. A comma in the name must be escaped with
 * a backslash.
 */
const roleByGroup = z.string().transform((value, context): ReadonlyMap<string, MemberRole> => {
  const roles = new Map<string, MemberRole>();
  const refuse = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  for (const entry of value.split(/(?<!\\),/)) {
    const [, group, role] = /^(.*\S)\s*:\s*(\S+)$/s.exec(entry.trim()) ?? [];
    const { data } = MemberRole.safeParse(role);
    if (group === undefined || data === undefined) {
      return refuse(
        'must be a list of groups with the role owner, admin or viewer, such as ops-admins:admin,everyone:viewer',
      );
    }
    const name = group.replaceAll('\\,', ',');
    if (roles.has(name)) return refuse('must not have the same group twice');
    roles.set(name, data);
  }
  return roles;
});

/** The secrets, which can also be read from a file: NAME_FILE is the path of the file with the value of NAME. */
export const SECRET_VARIABLES = [
  'DATABASE_URL',
  'MUSTER_ADMIN_KEY',
  'MUSTER_SECRET',
  'MUSTER_OIDC_CLIENT_SECRET',
  'MUSTER_METRICS_TOKEN',
] as const;

/** The directory in which `pnpm --filter @muster/agent package` builds the agent release. */
export const AGENT_RELEASE_DIR_DEFAULT = 'apps/agent/release';

/** Every variable that the API reads. A test checks that `.env.example` has the same names and defaults. */
export const EnvVariables = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65_535).default(3000),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// URL' }).optional(),
  MUSTER_DATA_DIR: z.string().default('.muster/data'),
  MUSTER_ADMIN_KEY: z
    .string()
    .refine((key) => tokenKind(key) === 'key', { error: 'must be a well-formed muster_key_… token' })
    .optional(),
  MUSTER_SECRET: z.string().min(32, { error: 'must be at least 32 characters long' }).optional(),
  MUSTER_OIDC_ISSUER: issuer.optional(),
  MUSTER_OIDC_CLIENT_ID: z.string().optional(),
  MUSTER_OIDC_CLIENT_SECRET: z.string().optional(),
  MUSTER_OIDC_NAME: z.string().default('single sign-on'),
  MUSTER_OIDC_STRANGER_ROLE: z
    .enum(['none', 'viewer', 'admin'], { error: 'must be none, viewer or admin' })
    .default('none'),
  MUSTER_OIDC_TRUST_EMAIL: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .default('false')
    .transform((value) => value === 'true'),
  MUSTER_OIDC_DOMAINS: domains.optional(),
  MUSTER_OIDC_ROLE_CLAIM: z.string().regex(/^\S+$/, { error: 'must be the name of a claim such as groups' }).optional(),
  MUSTER_OIDC_ROLES: roleByGroup.optional(),
  MUSTER_PUBLIC_URL: publicUrl.optional(),
  MUSTER_AGENT_RELEASE_DIR: z.string().default(AGENT_RELEASE_DIR_DEFAULT),
  MUSTER_AGENT_RELEASE_BUILD_COMMAND: z.string().optional(),
  MUSTER_HEARTBEAT_SECONDS: integer(1, 3_600).default(10),
  MUSTER_SNAPSHOT_SECONDS: integer(1, 86_400).default(60),
  MUSTER_SNAPSHOT_MEMORY_MIB: integer(0, 65_536).default(64),
  MUSTER_AGENT_REQUESTS_PER_MINUTE: integer(0, 1_000_000).default(600),
  MUSTER_AUTH_FAILURES_PER_MINUTE: integer(0, 1_000_000).default(60),
  MUSTER_SIGN_INS_PER_MINUTE: integer(0, 1_000_000).default(20),
  MUSTER_TRUST_PROXY: trustProxy.default(false),
  MUSTER_REQUESTS_IN_WORK_MAX: integer(8, 100_000).default(256),
  MUSTER_BODY_MEMORY_MIB: integer(32, 65_536).default(64),
  MUSTER_EVENT_RETENTION_DAYS: integer(0, 36_500).default(90),
  MUSTER_DRAIN_SECONDS: integer(0, 300).default(5),
  MUSTER_METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,200}$/, { error: 'must be 16 to 200 printable ASCII characters without spaces' })
    .optional(),
  MUSTER_METRICS_HOST_LABELS: labelKeys.default([]),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
});
export type Env = z.output<typeof EnvVariables>;

/**
 * Parses the settings; an empty variable counts as unset. Uses `files` to read the secrets that are set as files.
 * @throws EnvError that lists each invalid variable, but never a value, which may be a secret.
 */
export function parseEnv(source: Readonly<Record<string, string | undefined>>, files: FileFunctions): Env {
  const { values: set, problems: unread } = readSecretFiles(source, SECRET_VARIABLES, files);
  const parsed = EnvVariables.safeParse(set);
  const wrong = parsed.error?.issues.map(({ path, message }) => `${String(path[0])} ${message}`) ?? [];
  // If a secret's file could not be read, `oidcProblems` is not called, because it would also report the secret as
  // missing.
  const problems = [...unread, ...wrong, ...(unread.length === 0 ? oidcProblems(set) : [])];
  if (parsed.success && parsed.data.MUSTER_ADMIN_KEY === PUBLIC_ADMIN_KEY && !isReachableOnlyLocally(parsed.data)) {
    problems.push(
      'MUSTER_ADMIN_KEY must be a key of your own: this one is public and only allowed in development, with the ' +
        'embedded database and with HOST and MUSTER_PUBLIC_URL on a loopback address',
    );
  }
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new EnvError(problems);
}

/** True if no other machine can reach this API and no other process can reach its database. */
const isReachableOnlyLocally = ({ DATABASE_URL, HOST, MUSTER_PUBLIC_URL }: Env): boolean =>
  DATABASE_URL === undefined &&
  isLoopbackHost(HOST) &&
  (MUSTER_PUBLIC_URL === undefined || isLoopbackHost(new URL(MUSTER_PUBLIC_URL).hostname));

/** The variables of the identity provider: either all or none must be set. */
const OIDC_VARIABLES = ['MUSTER_OIDC_ISSUER', 'MUSTER_OIDC_CLIENT_ID', 'MUSTER_OIDC_CLIENT_SECRET'] as const;

/** The variables that map groups to roles: either both or none must be set. */
const ROLE_VARIABLES = ['MUSTER_OIDC_ROLE_CLAIM', 'MUSTER_OIDC_ROLES'] as const;

/**
 * Matches the path of a Microsoft Entra ID issuer that serves all tenants or personal accounts. The UUID is the tenant
 * of personal accounts.
 */
const MULTI_TENANT_PATH_PATTERN = /^\/(common|organizations|consumers|9188040d-6c67-4c5b-b112-36a304b66dad)(\/|$)/i;
const MICROSOFT_HOSTS: ReadonlySet<string> = new Set([
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
  'login.windows.net',
]);

/**
 * Whether an issuer serves several Microsoft tenants. The administrator of any of these tenants can create an account
 * with any email address. Personal accounts can also have any address.
 */
function isMultiTenant(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname, pathname } = new URL(url);
  return MICROSOFT_HOSTS.has(hostname) && MULTI_TENANT_PATH_PATTERN.test(pathname);
}

/**
 * Returns the problems that concern several of the identity provider's variables. `set` contains the variables that
 * have a value.
 */
function oidcProblems(set: Readonly<Record<string, string | undefined>>): string[] {
  const names = new Set(Object.keys(set));
  const strangerRole = set['MUSTER_OIDC_STRANGER_ROLE'];
  const isAnySet = (variables: readonly string[]) => variables.some((name) => names.has(name));
  const missing = (variables: readonly string[], purpose: string) =>
    variables.filter((name) => !names.has(name)).map((name) => `${name} must be set to ${purpose}`);
  const problems: string[] = [];
  if (isAnySet([...OIDC_VARIABLES, ...ROLE_VARIABLES, 'MUSTER_OIDC_DOMAINS'])) {
    problems.push(...missing(OIDC_VARIABLES, 'sign in with an identity provider'));
  }
  if (isAnySet(ROLE_VARIABLES))
    problems.push(...missing(ROLE_VARIABLES, "take roles from the identity provider's groups"));
  if (isAnySet(ROLE_VARIABLES) && strangerRole !== undefined && strangerRole !== 'none') {
    problems.push(
      'MUSTER_OIDC_STRANGER_ROLE must be none if MUSTER_OIDC_ROLES is set: assign the role to a group that contains everyone',
    );
  }
  if (set['MUSTER_OIDC_TRUST_EMAIL'] === 'true' && isMultiTenant(set['MUSTER_OIDC_ISSUER'] ?? '')) {
    problems.push(
      'MUSTER_OIDC_ISSUER must name one tenant by its id, not common, organizations or consumers, if ' +
        'MUSTER_OIDC_TRUST_EMAIL is true: otherwise, the administrator of any tenant could use the address of a member',
    );
  }
  return problems;
}
