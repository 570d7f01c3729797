/** A setting, which can be given as a flag, an environment variable or a line in the configuration file. */
export interface Setting {
  /** Name in the environment and in the configuration file. */
  variable: string;
  /** Name of the flag without the dashes; null if the setting has no flag. */
  flag: string | null;
  /** Description of the default value, as shown to people. */
  fallback: string;
  help: string;
  /** `token` values are never shown, and `url` values are shown without their user name and password. */
  secret?: 'token' | 'url';
}

/** Every setting, in the order in which `--help` and `config` show them. */
export const SETTINGS = [
  {
    variable: 'MUSTER_URL',
    flag: 'url',
    fallback: 'the API that this machine is enrolled with',
    help: 'the address of the Muster API, such as https://muster.example.com',
  },
  {
    variable: 'MUSTER_ENROLL_TOKEN',
    flag: 'token',
    fallback: 'none',
    help: 'the enrollment token, muster_enroll_…; required until this machine is enrolled',
    secret: 'token',
  },
  {
    variable: 'MUSTER_ENROLL_TOKEN_FILE',
    flag: 'token-file',
    fallback: 'none',
    help: 'a file with the enrollment token, in place of MUSTER_ENROLL_TOKEN; it must exist whenever the agent starts',
  },
  {
    variable: 'MUSTER_STATE_DIR',
    flag: 'state-dir',
    fallback: '/var/lib/muster-agent as root, otherwise $XDG_STATE_HOME/muster-agent or ~/.local/state/muster-agent',
    help: 'the directory of the agent token and other state; keep it across restarts',
  },
  {
    variable: 'DOCKER_HOST',
    flag: 'engine',
    fallback: 'the engine of the docker context, or else the first existing socket of Docker or Podman',
    help: 'the engine’s address: unix:///path, tcp://host:port or ssh://user@host',
  },
  {
    variable: 'DOCKER_CONTEXT',
    flag: 'context',
    fallback: 'the current context in DOCKER_CONFIG',
    help: 'a docker context that names the engine; DOCKER_HOST overrides it',
  },
  { variable: 'DOCKER_CONFIG', flag: null, fallback: '~/.docker', help: 'the directory with docker’s contexts' },
  {
    variable: 'DOCKER_TLS_VERIFY',
    flag: null,
    fallback: 'off',
    help: 'any value turns on TLS for tcp:// addresses, with the certificates in DOCKER_CERT_PATH',
  },
  {
    variable: 'DOCKER_CERT_PATH',
    flag: null,
    fallback: 'DOCKER_CONFIG',
    help: 'the directory with ca.pem, cert.pem and key.pem',
  },
  {
    variable: 'DOCKER_API_VERSION',
    flag: null,
    fallback: 'negotiated',
    help: 'the engine’s API version, such as 1.43',
  },
  {
    variable: 'MUSTER_ENGINE_TIMEOUT',
    flag: 'engine-timeout',
    fallback: '15',
    help: 'seconds that the first list of containers may take, 1 to 300; later limits adapt to the engine',
  },
  {
    variable: 'MUSTER_REDACT_NAMES',
    flag: 'redact-names',
    fallback: 'usual names of passwords, secrets, tokens, keys and credentials',
    help: 'regular expression: values of labels and arguments with matching names are redacted before they are sent',
  },
  {
    variable: 'MUSTER_REDACT_VALUES',
    flag: 'redact-values',
    fallback: 'tokens in well-known formats, passwords in URLs',
    help: 'regular expression: matching text in labels and commands is redacted before it is sent',
  },
  {
    variable: 'MUSTER_HOST_NAME',
    flag: 'name',
    fallback: 'the name of the engine’s machine',
    help: 'the host’s name in Muster, unless an operator sets another one',
  },
  {
    variable: 'MUSTER_HOST_LABELS',
    flag: 'labels',
    fallback: 'none',
    help: 'labels of the host, such as env=prod,site=fra; operators can replace them',
  },
  {
    variable: 'MUSTER_TOKEN_DAYS',
    flag: 'token-days',
    fallback: '30',
    help: 'age in days at which the agent rotates its token; 0 turns rotation off',
  },
  {
    variable: 'HTTPS_PROXY',
    flag: null,
    fallback: 'none',
    help: 'the proxy for an https API; https_proxy overrides it',
    secret: 'url',
  },
  {
    variable: 'HTTP_PROXY',
    flag: null,
    fallback: 'none',
    help: 'the proxy for an http API; http_proxy overrides it',
    secret: 'url',
  },
  {
    variable: 'NO_PROXY',
    flag: null,
    fallback: 'none',
    help: 'hosts, addresses and networks (10.0.0.0/8) for which no proxy is used; no_proxy overrides it',
  },
  {
    variable: 'MUSTER_CA_FILE',
    flag: 'ca-file',
    fallback: 'none',
    help: 'a file with CA certificates (PEM) that the agent trusts for the API, in addition to the system’s',
  },
  {
    variable: 'SSL_CERT_FILE',
    flag: null,
    fallback: 'the system’s CA certificates, or those in Node.js if the system has none',
    help: 'a file with CA certificates (PEM) that replaces the system’s',
  },
  {
    variable: 'NODE_EXTRA_CA_CERTS',
    flag: null,
    fallback: 'none',
    help: 'the same as MUSTER_CA_FILE; both files are used',
  },
  {
    variable: 'LOG_LEVEL',
    flag: 'log-level',
    fallback: 'info',
    help: 'trace, debug, info, warn, error or silent; the log goes to stderr',
  },
] as const satisfies readonly Setting[];

export type Variable = (typeof SETTINGS)[number]['variable'];

/** The source of a value. */
export type Origin = 'flag' | 'environment' | 'file';

/** All values that are set, and the source of each. */
export interface LayeredSettings {
  values: Partial<Record<Variable, string>>;
  origins: Partial<Record<Variable, Origin>>;
}

/** Variables that are also read in lower case. The lower-case variable takes precedence, as in curl. */
const CASE_INSENSITIVE_VARIABLES: ReadonlySet<Variable> = new Set(['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']);

/** The secrets that can also be read from a file: the path is the value of NAME_FILE. */
export const SECRET_VARIABLES = ['MUSTER_ENROLL_TOKEN'] as const satisfies readonly Variable[];

/** Maps each secret to its NAME_FILE, and each NAME_FILE to its secret. */
const FILE_ALTERNATIVES: ReadonlyMap<Variable, Variable> = new Map(
  SECRET_VARIABLES.flatMap((name) => [
    [name, `${name}_FILE`],
    [`${name}_FILE`, name],
  ]),
);

/** The sources of values, in descending order of precedence. */
const PRECEDENCE: readonly Origin[] = ['flag', 'environment', 'file'];

/**
 * Merges the sources: a flag overrides the environment, which overrides the file. A secret also overrides its NAME_FILE
 * from a source of lower precedence. In the same way, a NAME_FILE overrides its secret. Empty values count as unset.
 */
export function layerSettings(sources: {
  flags: Readonly<Record<string, string | undefined>>;
  environment: Readonly<Record<string, string | undefined>>;
  file: Readonly<Record<string, string | undefined>>;
}): LayeredSettings {
  const layered: LayeredSettings = { values: {}, origins: {} };
  const find = (variable: Variable): readonly [Origin, string] | undefined => {
    const flag = SETTINGS.find((setting) => setting.variable === variable)?.flag ?? null;
    const environmentName = CASE_INSENSITIVE_VARIABLES.has(variable) ? variable.toLowerCase() : variable;
    const candidates = [
      ['flag', flag === null ? undefined : sources.flags[flag]],
      ['environment', sources.environment[environmentName] || sources.environment[variable]],
      ['file', sources.file[variable]],
    ] as const;
    return candidates.find((candidate): candidate is readonly [Origin, string] => Boolean(candidate[1]));
  };
  for (const { variable } of SETTINGS) {
    const found = find(variable);
    const alternative = FILE_ALTERNATIVES.get(variable);
    const other = alternative === undefined ? undefined : find(alternative);
    if (found === undefined) continue;
    if (other !== undefined && PRECEDENCE.indexOf(other[0]) < PRECEDENCE.indexOf(found[0])) continue;
    [layered.origins[variable], layered.values[variable]] = found;
  }
  return layered;
}

/** Returns one line per setting: its name, source and value, with secrets hidden. */
export function describeSettings(layered: LayeredSettings, configFile: string | null): string {
  const origins = describeOrigins(layered, configFile);
  const rows = SETTINGS.map((setting: Setting & { variable: Variable }) => {
    const value = layered.values[setting.variable];
    if (value === undefined) return [setting.variable, setting.fallback, 'default'];
    return [setting.variable, formatValue(setting, value), origins[setting.variable]!];
  });
  const columnWidth = (column: number): number => Math.max(...rows.map((row) => row[column]!.length));
  const [nameWidth, originWidth] = [columnWidth(0), columnWidth(2)];
  return rows
    .map(([name, value, origin]) => `${name!.padEnd(nameWidth)}  ${origin!.padEnd(originWidth)}  ${value}\n`)
    .join('');
}

/** Returns where each value comes from: the name of its flag, `environment`, or `file` and the file's path. */
export function describeOrigins(
  { origins }: LayeredSettings,
  configFile: string | null,
): Partial<Record<Variable, string>> {
  const described: Partial<Record<Variable, string>> = {};
  for (const { variable, flag } of SETTINGS) {
    const origin = origins[variable];
    if (origin === undefined) continue;
    described[variable] = origin === 'flag' ? `--${flag}` : origin === 'file' ? `file ${configFile}` : origin;
  }
  return described;
}

function formatValue({ secret }: Setting, value: string): string {
  if (secret === 'token') return `${value.slice(0, 'muster_enroll_'.length)}… (not shown)`;
  return secret === 'url' ? value.replace(/\/\/[^@/]*@/, '//…@') : value;
}
