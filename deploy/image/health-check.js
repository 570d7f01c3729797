/** The image's health check: succeeds if the server in this container can serve requests. */
import { get } from 'node:http';

/** Prints the result, which `docker inspect` shows, and exits. */
function end(text, exitCode) {
  console.log(text);
  process.exit(exitCode);
}

const request = get({ host: '127.0.0.1', port: process.env.PORT, path: '/readyz', timeout: 4_000 }, ({ statusCode }) =>
  end(`/readyz: ${statusCode}`, statusCode === 200 ? 0 : 1),
);
request.on('timeout', () => end('/readyz: no response within 4 seconds', 1));
request.on('error', ({ message }) => end(`/readyz: ${message}`, 1));
