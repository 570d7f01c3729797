import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, isAvailable, startCommand } from '@muster/testkit';

/** Returns whether nginx is installed. If not, `isAvailable` reports the reason. */
export const hasNginx = (): boolean =>
  isAvailable(spawnSync('nginx', ['-v']).error === undefined ? null : 'no nginx: install the package nginx-light');

/** Certificates for 127.0.0.1. */
export interface Certificates {
  /** The file with the certificate of a private CA. */
  ca: string;
  /** The nginx directives for a certificate of the private CA. */
  issued: string;
  /** The nginx directives for a self-signed certificate. */
  selfSigned: string;
}

/** Creates a private CA, a certificate that this CA issues, and a self-signed certificate. */
export function makeCertificates(directory: string): Certificates {
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...args], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  const options = ['-nodes', '-days', '30'];
  const server = [...options, '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(...options, '-subj', '/CN=a company', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  openssl(...server, '-keyout', 'self-signed-key.pem', '-out', 'self-signed.pem');
  openssl(
    ...[...server, '-addext', 'basicConstraints=critical,CA:false', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem'],
    ...['-keyout', 'key.pem', '-out', 'cert.pem'],
  );
  const directives = (certificate: string, key: string): string =>
    `ssl_certificate ${directory}/${certificate}; ssl_certificate_key ${directory}/${key};`;
  return {
    ca: join(directory, 'ca.pem'),
    issued: directives('cert.pem', 'key.pem'),
    selfSigned: directives('self-signed.pem', 'self-signed-key.pem'),
  };
}

/** Returns an nginx configuration with the directives `http`. nginx keeps its files in `directory`. */
export function nginxConfig(directory: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory}/nginx-${name};`,
  );
  return `daemon off; master_process off; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
    events {}
    http { access_log off; default_type text/html; ${temporary.join(' ')} ${http} }`;
}

/**
 * Starts nginx with the directives `http`, and waits until all `ports` accept connections. Its files, such as
 * `nginx.log`, are in `directory`. Returns a function that stops nginx.
 */
export async function startNginx(
  directory: string,
  http: string,
  ports: readonly number[],
): Promise<() => Promise<unknown>> {
  const [config, log] = [join(directory, 'nginx.conf'), join(directory, 'nginx.log')];
  await writeFile(config, nginxConfig(directory, http));
  const nginx = startCommand(['nginx', '-e', log, '-c', config]);
  await eventually(async () => {
    if (!nginx.isRunning()) throw new Error(`nginx ended: ${nginx.stderr()}`);
    for (const port of ports) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
    }
  }, 60_000);
  return () => nginx.stop();
}
