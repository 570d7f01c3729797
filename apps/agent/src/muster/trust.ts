import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { ExitCodes, StopError } from '../exit.js';

/** The files with the CA certificates that the agent trusts, as PEM; null if unset. */
export interface TrustSettings {
  /** Certificates that are trusted in addition (MUSTER_CA_FILE). */
  caFile: string | null;
  /** The file that replaces the system's CA certificates (SSL_CERT_FILE), as in OpenSSL and Go. */
  systemFile: string | null;
  /** Certificates that are trusted in addition (NODE_EXTRA_CA_CERTS), as in Node.js. */
  extraFile: string | null;
}

export const TRUST_DEFAULT: TrustSettings = { caFile: null, systemFile: null, extraFile: null };

/** The usual paths of the system's CA certificates: Debian and Alpine, Fedora, openSUSE, RHEL, and the BSDs. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const PEM_CERTIFICATES = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END \1?CERTIFICATE-----/g;

/**
 * Loads the certificates that the agent trusts: the system's certificates, and the certificates that the settings add.
 * On a system without certificates, uses the certificates built into Node.js. Reads files, so a caller without TLS must
 * not call it.
 * @throws StopError if a file of the settings cannot be used.
 */
export function loadTrust({ caFile, systemFile, extraFile }: TrustSettings): SecureContext {
  const certificates = [
    ...(systemFile === null ? readSystemCertificates() : readCertificates('SSL_CERT_FILE', systemFile)),
    ...(caFile === null ? [] : readCertificates('MUSTER_CA_FILE', caFile)),
    // The file is read here, because Node.js does not use it in this case. Node.js reads the file only if the variable
    // is in the environment, and adds the certificates only to its own certificates.
    ...(extraFile === null ? [] : readCertificates('NODE_EXTRA_CA_CERTS', extraFile)),
  ];
  return createSecureContext({ ca: certificates });
}

/** Returns the certificates of the first bundle that contains any. */
function readSystemCertificates(): readonly string[] {
  for (const path of SYSTEM_BUNDLES) {
    const certificates = readPem(path);
    if (certificates !== null && certificates.length > 0) return certificates;
  }
  return rootCertificates;
}

function readPem(path: string): string[] | null {
  try {
    return readFileSync(path, 'latin1').match(PEM_CERTIFICATES) ?? [];
  } catch {
    return null;
  }
}

/** Reads a file that the operator chose. Each of its certificates must be valid PEM. */
function readCertificates(variable: string, path: string): string[] {
  const unusable = (reason: string): StopError =>
    new StopError(`cannot use ${path} (${variable}): ${reason}`, ExitCodes.usage);
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw unusable(READ_ERRORS[code ?? ''] ?? message);
  }
  const certificates = text.match(PEM_CERTIFICATES) ?? [];
  if (certificates.length === 0) {
    throw unusable('it contains no certificate in PEM format, which begins with -----BEGIN CERTIFICATE-----');
  }
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      throw unusable(`its certificate ${index + 1} of ${certificates.length} is damaged`);
    }
  }
  return certificates;
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  EACCES: 'the agent’s user may not read it',
  EISDIR: 'it is a directory; name a file in it',
};
