import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Creates in `dir` a CA (ca.pem) and a certificate for 127.0.0.1 (cert.pem, key.pem). The CA issues the certificate,
 * which is valid for servers and clients.
 */
export async function makeCertificates(dir: string): Promise<void> {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  openssl('req', ...key.slice(0, 4), '-nodes', '-subj', '/CN=127.0.0.1', '-keyout', 'key.pem', '-out', 'request.pem');
  await writeFile(join(dir, 'extensions'), 'subjectAltName=IP:127.0.0.1');
  openssl(
    ...['x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'],
    ...['-days', '2', '-extfile', 'extensions', '-out', 'cert.pem'],
  );
}

/** Creates a self-signed certificate for 127.0.0.1 in `dir` (self-signed.pem, self-signed-key.pem). */
export function makeSelfSignedCertificate(dir: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', 'self-signed-key.pem', '-out', 'self-signed.pem'];
  execFileSync('openssl', ['req', '-x509', ...key, ...names, ...files], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
