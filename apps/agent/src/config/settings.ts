/** One thing that can be set: by a flag, a variable of the environment or a line of the configuration file. */
export interface Setting {
  /** Its name in the environment and in the file. */
  variable: string;
  /** Its flag without the dashes; null where only the environment and the file can set it. */
  flag: string | null;
  /** What holds where nobody sets it, in words. */
  fallback: string;
  help: string;
  /** `token`: never shown. `url`: shown without the password that it may hold. */
  secret?: 'token' | 'url';
}

/** Every setting, in the order in which `--help` and `config` show them. */
export const SETTINGS = [
  {
    variable: 'MUSTER_URL',
    flag: 'url',
    fallback: 'where this machine is enrolled',
    help: 'where the API is, such as https://muster.example.com',
  },
  {
    variable: 'MUSTER_ENROLL_TOKEN',
    flag: 'token',
    fallback: 'none',
    help: 'muster_enroll_…; needed until this machine is enrolled',
    secret: 'token',
  },
  {
    variable: 'MUSTER_STATE_DIR',
    flag: 'state-dir',
    fallback: '/var/lib/muster-agent as root, otherwise $XDG_STATE_HOME/muster-agent or ~/.local/state/muster-agent',
    help: 'where its own token is kept',
  },
  {
    variable: 'DOCKER_HOST',
    flag: 'engine',
    fallback: 'the docker context, else the first socket of Docker or Podman that is there',
    help: 'the engine: unix:///path, tcp://host:port or ssh://user@host',
  },
  {
    variable: 'DOCKER_CONTEXT',
    flag: 'context',
    fallback: 'the current one of DOCKER_CONFIG',
    help: 'a docker context that names the engine; DOCKER_HOST goes before it',
  },
  { variable: 'DOCKER_CONFIG', flag: null, fallback: '~/.docker', help: 'where docker keeps its contexts' },
  {
    variable: 'DOCKER_TLS_VERIFY',
    flag: null,
    fallback: 'off',
    help: 'anything: speak TLS to tcp://, with the certificates of DOCKER_CERT_PATH',
  },
  {
    variable: 'DOCKER_CERT_PATH',
    flag: null,
    fallback: 'DOCKER_CONFIG',
    help: 'the folder of ca.pem, cert.pem and key.pem',
  },
  {
    variable: 'DOCKER_API_VERSION',
    flag: null,
    fallback: 'negotiated',
    help: 'the engine’s API version, such as 1.43',
  },
  {
    variable: 'MUSTER_REDACT_NAMES',
    flag: 'redact-names',
    fallback: 'passwords, secrets, tokens, keys and credentials, by the usual names',
    help: 'a pattern: labels and arguments of such names lose their value before it leaves this machine',
  },
  {
    variable: 'MUSTER_REDACT_VALUES',
    flag: 'redact-values',
    fallback: 'tokens of well-known forms, passwords in addresses',
    help: 'a pattern: such text in a label or a command never leaves this machine',
  },
  {
    variable: 'MUSTER_TOKEN_DAYS',
    flag: 'token-days',
    fallback: '30',
    help: 'the age in days at which it has its own token replaced; 0: never',
  },
  {
    variable: 'HTTPS_PROXY',
    flag: null,
    fallback: 'none',
    help: 'the proxy to an https API; https_proxy goes before it',
    secret: 'url',
  },
  {
    variable: 'HTTP_PROXY',
    flag: null,
    fallback: 'none',
    help: 'the proxy to an http API; http_proxy goes before it',
    secret: 'url',
  },
  {
    variable: 'NO_PROXY',
    flag: null,
    fallback: 'none',
    help: 'hosts that are reached without; no_proxy goes before it',
  },
  {
    variable: 'LOG_LEVEL',
    flag: 'log-level',
    fallback: 'info',
    help: 'trace, debug, info, warn, error or silent; the log goes to stderr',
  },
] as const satisfies readonly Setting[];

export type Variable = (typeof SETTINGS)[number]['variable'];

/** Where a value came from. */
export type Origin = 'flag' | 'environment' | 'file';

/** Every value that somebody set, and where. */
export interface LayeredSettings {
  values: Partial<Record<Variable, string>>;
  origins: Partial<Record<Variable, Origin>>;
}

/** Variables that the rest of the world also writes in lower case, which then goes first, as curl has it. */
const LOWER_CASE_TOO: ReadonlySet<Variable> = new Set(['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']);

/** One precedence for all settings: flag, environment, file. What is empty counts as not set. */
export function layerSettings(sources: {
  flags: Readonly<Record<string, string | undefined>>;
  environment: Readonly<Record<string, string | undefined>>;
  file: Readonly<Record<string, string | undefined>>;
}): LayeredSettings {
  const layered: LayeredSettings = { values: {}, origins: {} };
  for (const { variable, flag } of SETTINGS) {
    const lower = LOWER_CASE_TOO.has(variable) ? variable.toLowerCase() : variable;
    const candidates = [
      ['flag', flag === null ? undefined : sources.flags[flag]],
      ['environment', sources.environment[lower] || sources.environment[variable]],
      ['file', sources.file[variable]],
    ] as const;
    const found = candidates.find(([, value]) => value !== undefined && value !== '');
    if (found?.[1] === undefined) continue;
    [layered.origins[variable], layered.values[variable]] = found;
  }
  return layered;
}

/** A line for each setting: its value, without what is secret, and where that came from. */
export function describeSettings({ values, origins }: LayeredSettings, configFile: string | null): string {
  const rows = SETTINGS.map((setting: Setting & { variable: Variable }) => {
    const value = values[setting.variable];
    if (value === undefined) return [setting.variable, setting.fallback, 'default'];
    const origin = origins[setting.variable]!;
    return [
      setting.variable,
      shown(setting, value),
      origin === 'file' ? `file ${configFile}` : nameOf(setting, origin),
    ];
  });
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]!.length));
  const [first, last] = [width(0), width(2)];
  return rows.map(([name, value, origin]) => `${name!.padEnd(first)}  ${origin!.padEnd(last)}  ${value}\n`).join('');
}

/** How to call a setting that came from there: by its flag, or by its variable. */
const nameOf = ({ flag }: Setting, origin: Origin): string => (origin === 'flag' ? `--${flag}` : origin);

function shown({ secret }: Setting, value: string): string {
  if (secret === 'token') return `${value.slice(0, 'muster_enroll_'.length)}… (not shown)`;
  return secret === 'url' ? value.replace(/\/\/[^@/]*@/, '//…@') : value;
}
