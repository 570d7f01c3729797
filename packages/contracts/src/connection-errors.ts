import { toTerminalText } from './terminal-text.js';

/** The settings with which a program connects to the API, and the names of these settings. */
export interface ConnectionSettings {
  /** The address of the API, as configured. */
  url: string;
  /** The name of the setting that contains the address, such as `MUSTER_URL`. */
  urlSetting: string;
  /** The name of the setting that contains additional CA certificates, such as `MUSTER_CA_FILE`. */
  caSetting: string;
  /** The proxy in use, and the name of the setting that contains it; null for a direct connection. */
  proxy: { url: string; setting: string } | null;
}

/** A request without a response. */
export interface ConnectionError {
  /** The code of Node's error, such as `ECONNREFUSED`; null if there is none. */
  code: string | null;
  message: string;
  /** Whether the connection to the proxy failed. False if the connection to the API failed, through a proxy or not. */
  isAtProxy: boolean;
  /** The status with which the proxy refused to connect to the API; null if it did not refuse. */
  connectStatus: number | null;
  /** The request's own timeout, in milliseconds. Set only if the request timed out. */
  timeoutMs?: number;
}

/** A response that is not from Muster. */
export interface ForeignResponse {
  /** The requested path, without the path of the API's address. */
  path: string;
  status: number;
  /** The value of the header `Location`; null if there is none. */
  location: string | null;
  /** The body, or its beginning. */
  body: string;
}

/**
 * What went wrong on the way to the API. `problem` is a clause without the API's address, and `advice` says what to do.
 * Both are one line that is safe to show on a terminal, and contain no password.
 */
export interface ConnectionDiagnosis {
  kind: 'proxy' | 'unreachable' | 'certificate' | 'protocol' | 'redirect' | 'sign-in' | 'foreign';
  problem: string;
  advice: string;
}

/** Describes why a request had no response. */
export function describeConnectionError(settings: ConnectionSettings, error: ConnectionError): ConnectionDiagnosis {
  const { url, urlSetting, proxy } = settings;
  const { isAtProxy, connectStatus } = error;
  if (proxy !== null && connectStatus !== null) return describeRefusedTunnel(url, proxy, connectStatus);
  const failure = describeFailure(settings, error);
  if (proxy === null) return failure;
  const { host, hostname } = new URL(url);
  const name = nameOf(proxy);
  if (isAtProxy) {
    return {
      kind: 'proxy',
      problem: `${name} ${failure.problem}; NO_PROXY does not cover ${hostname}`,
      advice:
        failure.kind === 'certificate'
          ? failure.advice
          : `correct ${proxy.setting}, or add ${hostname} to NO_PROXY if no proxy is needed for it`,
    };
  }
  if (failure.kind === 'certificate') {
    return { ...failure, problem: `${failure.problem} (through ${name}, which may replace certificates)` };
  }
  return {
    ...failure,
    problem: `${failure.problem} (through ${name})`,
    ...(failure.kind === 'unreachable'
      ? { advice: `check that the proxy may connect to ${host}, and that ${urlSetting} is correct` }
      : {}),
  };
}

/** Describes a response that is not from Muster. */
export function describeForeignResponse(settings: ConnectionSettings, response: ForeignResponse): ConnectionDiagnosis {
  const diagnosis = describeResponse(settings, response);
  const { url, proxy } = settings;
  // A response through a tunnel cannot be from the proxy.
  if (proxy === null || url.startsWith('https:') || diagnosis.kind === 'proxy') return diagnosis;
  return { ...diagnosis, problem: `${diagnosis.problem} (through ${nameOf(proxy)})` };
}

function describeResponse(
  settings: ConnectionSettings,
  { path, status, location, body }: ForeignResponse,
): ConnectionDiagnosis {
  const { url, urlSetting, proxy } = settings;
  if (PLAINTEXT_ON_TLS_PORT.test(body)) return describeTlsPort(settings);
  if (status === 407 && proxy !== null) return describeRefusedTunnel(url, proxy, status);
  const redirect = status >= 300 && status < 400 && location !== null ? readRedirect(url, path, location) : null;
  if (redirect !== null && redirect.base !== null) {
    return {
      kind: 'redirect',
      problem: `it redirects to ${redirect.base}`,
      advice: `set ${urlSetting} to ${redirect.base}`,
    };
  }
  const isSignIn = redirect === null ? status === 401 || SIGN_IN_FORM.test(body) : redirect.isSignIn;
  if (isSignIn) {
    const area = path.startsWith('/api/') ? path.split('/').slice(0, path.startsWith('/api/agent/') ? 3 : 2) : [path];
    return {
      kind: 'sign-in',
      problem: `something in front of Muster requires a sign-in (${status}${redirect === null ? '' : ` to ${redirect.shown}`})`,
      advice: `let ${area.join('/')}${area.length === 1 ? '' : '/*'} through without a sign-in there; Muster checks its own tokens`,
    };
  }
  if (redirect !== null) {
    return {
      kind: 'redirect',
      problem: `it redirects to ${redirect.shown}, which is not an address of Muster’s API`,
      advice: `set ${urlSetting} to Muster’s own address, which does not redirect`,
    };
  }
  const title = titleOf(body);
  const page = title === null ? '' : `: ${title}`;
  if (status in ADVICE_BY_REFUSAL) {
    return {
      kind: 'foreign',
      problem: `a proxy or firewall in front of Muster refuses the request (${status}${page})`,
      advice: ADVICE_BY_REFUSAL[status as keyof typeof ADVICE_BY_REFUSAL].replace('PATH', path),
    };
  }
  if (status >= 500) {
    return {
      kind: 'unreachable',
      problem: `a proxy in front of Muster answers ${status}${page}`,
      advice: 'check that Muster’s API is running, and that the proxy connects to its port',
    };
  }
  return {
    kind: 'foreign',
    problem: `the server at this address is not Muster (${status}${page})`,
    advice: `set ${urlSetting} to Muster’s address, with its port and its path`,
  };
}

/** Matches the responses of nginx, Go, Node's proxies and Apache to plain HTTP on a TLS port. */
const PLAINTEXT_ON_TLS_PORT =
  /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL-enabled/i;

/** Matches the HTML of a page that asks for a password. */
const SIGN_IN_FORM = /<input[^>]*type\s*=\s*["']?password/i;

/** Matches the address of a sign-in page. */
const SIGN_IN_ADDRESS = /(?:log|sign)[-_]?in|oauth|openid|saml|[/.-]sso|[/.-]auth|authorize|accounts?\./i;

/** What to do if a proxy refuses a request with this status. Muster's own refusals are problem documents. */
const ADVICE_BY_REFUSAL = {
  403: 'allow PATH in the proxy or firewall',
  405: 'allow the methods GET, POST, PATCH, PUT and DELETE for PATH in the proxy or firewall',
  408: 'allow requests more time in the proxy or firewall',
  413: 'raise its limit for request bodies to 10 MiB (nginx: client_max_body_size 10m)',
  429: 'raise its rate limit',
} as const;

const TITLE_LENGTH_MAX = 60;

/** Returns the title of an HTML page, or the beginning of a text; null if there is neither. */
function titleOf(body: string): string | null {
  const isMarkup = /^\s*</.test(body);
  const text = /<title[^>]*>([^<]*)/i.exec(body)?.[1] ?? (isMarkup || /^\s*[{[]/.test(body) ? '' : body);
  const line = toTerminalText(text.toWellFormed().replace(/\s+/g, ' ').trim());
  return line === '' ? null : Array.from(line).slice(0, TITLE_LENGTH_MAX).join('');
}

/**
 * Reads the target of a redirect. `base` is the new address of the API, if the target has the same path at another
 * address, or the same host with another scheme. `shown` is the target without its query, which may contain secrets.
 */
function readRedirect(
  url: string,
  path: string,
  location: string,
): { base: string | null; shown: string; isSignIn: boolean } | null {
  const requested = new URL(url.replace(/\/+$/, '') + path);
  if (!URL.canParse(location, requested.href)) return null;
  const target = new URL(location, requested);
  if (!/^https?:$/.test(target.protocol)) return null;
  const isUpgrade = target.protocol === 'https:' && requested.protocol === 'http:';
  const isSameTarget = target.origin + target.pathname === requested.origin + requested.pathname;
  const shown = toTerminalText(withoutCredentials(target.origin + target.pathname).slice(0, 200));
  const isSignIn = SIGN_IN_ADDRESS.test(target.host + target.pathname);
  if (target.pathname.endsWith(path) && !isSameTarget) {
    return { base: target.origin + target.pathname.slice(0, -path.length), shown, isSignIn };
  }
  if (isUpgrade && target.hostname === requested.hostname && !isSignIn) {
    return { base: target.origin + new URL(url).pathname.replace(/\/+$/, ''), shown, isSignIn };
  }
  return { base: null, shown, isSignIn };
}

/** Returns the address without its user name and password. */
function withoutCredentials(address: string): string {
  const url = new URL(address);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

const nameOf = ({ url, setting }: NonNullable<ConnectionSettings['proxy']>): string =>
  `the proxy ${withoutCredentials(url)} (${setting})`;

function describeRefusedTunnel(
  url: string,
  proxy: NonNullable<ConnectionSettings['proxy']>,
  status: number,
): ConnectionDiagnosis {
  const { host, hostname, protocol } = new URL(url);
  const answered = `${nameOf(proxy)} answered ${status}${protocol === 'https:' ? ' to CONNECT' : ''}`;
  if (status === 407) {
    return {
      kind: 'proxy',
      problem: `${answered}: it requires a user name and a password, or rejects the ones given`,
      advice: `set ${proxy.setting} to http://USER:PASSWORD@host:port`,
    };
  }
  return {
    kind: 'proxy',
    problem: answered,
    advice:
      status >= 500
        ? `check that the proxy can reach ${host}, or add ${hostname} to NO_PROXY`
        : `allow connections to ${host} in the proxy, or add ${hostname} to NO_PROXY`,
  };
}

/** Describes an http: address whose port speaks TLS. */
export const describeTlsPort = ({ url, urlSetting }: ConnectionSettings): ConnectionDiagnosis => ({
  kind: 'protocol',
  problem: 'this port speaks TLS, and the address begins with http:',
  advice: `set ${urlSetting} to ${url.replace(/^http:/, 'https:')}`,
});

/** Describes what failed. If the proxy failed, the caller must prepend the proxy's name to `problem`. */
function describeFailure(
  settings: ConnectionSettings,
  { code, message, isAtProxy, timeoutMs }: ConnectionError,
): ConnectionDiagnosis {
  const { url, urlSetting, caSetting } = settings;
  const server = isAtProxy ? new URL(settings.proxy?.url ?? url) : new URL(url);
  const subject = isAtProxy ? '' : 'the server ';
  const unreachable = (problem: string, advice: string): ConnectionDiagnosis => ({
    kind: 'unreachable',
    problem,
    advice,
  });
  const certificate = (problem: string, advice: string): ConnectionDiagnosis => ({
    kind: 'certificate',
    problem: isAtProxy ? `has a certificate that is not accepted: ${problem}` : problem,
    advice,
  });
  if (timeoutMs !== undefined) {
    return unreachable(
      `${subject}did not answer within ${timeoutMs / 1_000} s`,
      `check that the API is not overloaded, that ${urlSetting} is its address, and the firewalls on the way`,
    );
  }
  switch (code ?? '') {
    case 'ECONNREFUSED':
      return unreachable(
        `${subject}refuses connections on port ${portOf(server)}`,
        `check that the API is running, and that ${urlSetting} has the right port`,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unreachable(
        isAtProxy ? `has a name that cannot be resolved` : `the name ${server.hostname} cannot be resolved`,
        code === 'ENOTFOUND'
          ? `check the spelling in ${urlSetting}, and this machine’s DNS settings`
          : 'check this machine’s DNS settings: its name server does not answer',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return unreachable(
        isAtProxy ? 'cannot be reached: there is no route to it' : `there is no route to ${server.hostname}`,
        'check this machine’s network, and the firewalls on the way',
      );
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return unreachable(
        `${subject}does not answer in time`,
        `check ${urlSetting}, and the firewalls on the way to the server`,
      );
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return certificate(
        'its certificate is self-signed',
        `set ${caSetting} to a file with that certificate (PEM), or give the server a certificate of a known CA`,
      );
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return certificate(
        'its certificate is from a CA that this machine does not trust',
        `set ${caSetting} to a file with the certificate of that CA (PEM), or add it to the system’s CA certificates`,
      );
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_UNTRUSTED':
      return certificate(
        'its certificate is from a CA that this machine does not trust, or the server does not send the intermediate certificates',
        `set ${caSetting} to a file with the certificate of that CA (PEM), or let the server send its whole chain`,
      );
    case 'CERT_HAS_EXPIRED':
      return certificate('its certificate has expired', 'renew it on the server, or correct this machine’s clock');
    case 'CERT_NOT_YET_VALID':
      return certificate(
        'its certificate is not valid yet',
        'correct this machine’s clock, or the server’s certificate',
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return certificate(
        `its certificate is for another name than ${server.hostname}`,
        `set ${urlSetting} to a name in the certificate, or add ${server.hostname} to the certificate`,
      );
  }
  // undici reports a parser error without a code. OpenSSL's codes differ between versions. The message is therefore
  // also searched.
  const text = `${code ?? ''} ${message}`;
  if (/wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long|http[ _]request|unexpected_message/i.test(text)) {
    if (isAtProxy) return unreachable('does not speak TLS', 'use http: for the proxy');
    return {
      kind: 'protocol',
      problem: 'this port does not speak TLS, and the address begins with https:',
      advice: `set ${urlSetting} to ${url.replace(/^https:/, 'http:')}, or to the port that speaks TLS`,
    };
  }
  if (/HPE_|parse error|HTTP\/1\.1 protocol/i.test(text)) {
    if (isAtProxy) return unreachable('does not answer with HTTP', 'check its address');
    return {
      kind: 'protocol',
      problem: 'the server at this address does not speak HTTP',
      advice: url.startsWith('http:')
        ? `set ${urlSetting} to ${url.replace(/^http:/, 'https:')} if this port speaks TLS, otherwise correct its port`
        : `set ${urlSetting} to Muster’s address, with its port`,
    };
  }
  if (/ECONNRESET|EPIPE|UND_ERR_SOCKET|socket hang up|closed|disconnected/i.test(text)) {
    return unreachable(
      isAtProxy ? 'closes the connection without an answer' : 'the connection was closed without an answer',
      url.startsWith('http:')
        ? `set ${urlSetting} to ${url.replace(/^http:/, 'https:')} if this port speaks TLS, otherwise check the server`
        : 'check the server, and the firewalls and proxies on the way',
    );
  }
  if (/certificate|unsupported protocol|handshake|alert|EPROTO|ERR_SSL|ERR_TLS/i.test(text)) {
    return certificate(
      `the TLS connection failed: ${firstLine(message)}`,
      'check the TLS settings of the server, and of the proxies on the way',
    );
  }
  return unreachable(
    isAtProxy ? `cannot be reached: ${firstLine(message)}` : firstLine(message),
    `check that the API is running, and that ${urlSetting} is its address`,
  );
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === 'https:' ? '443' : '80');

/** OpenSSL's messages end with a position in its source code and a line feed. */
const firstLine = (message: string): string => {
  const line = toTerminalText(
    message
      .split('\n')[0]!
      .replace(/:\.\.\/deps\/.*$/, '')
      .trim(),
  );
  return line === '' ? 'the connection failed' : line;
};
