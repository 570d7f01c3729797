import { z } from 'zod';

/** Where an engine listens: a unix socket or plain TCP. `label` is how to name it in a message. */
export type EngineAddress =
  { kind: 'unix'; socketPath: string; label: string } | { kind: 'tcp'; origin: string; label: string };

/** Where Docker, and Podman's Docker-compatible service, listen by default. */
export const DOCKER_HOST_DEFAULT = 'unix:///var/run/docker.sock';

/** Reads a value of `DOCKER_HOST`. */
export const EngineAddress = z.string().transform((value, context): EngineAddress => {
  const unix = /^unix:\/\/(\/.+)$/.exec(value);
  if (unix) return { kind: 'unix', socketPath: unix[1]!, label: value };
  const tcp = /^(?:tcp|http):\/\/([^/@?#]+)\/?$/.exec(value);
  if (tcp && URL.canParse(`http://${tcp[1]}`)) {
    const url = new URL(`http://${tcp[1]}`);
    // 2375 is what Docker's own tools assume for tcp:// without a port.
    if (url.port === '' && !/:80$/.test(tcp[1]!)) url.port = '2375';
    return { kind: 'tcp', origin: url.origin, label: `tcp://${url.host}` };
  }
  const message = /^(ssh|https|npipe):/.test(value)
    ? `begins with ${value.slice(0, value.indexOf(':'))}:, which this agent cannot speak yet; use unix:// or tcp://`
    : 'must be unix:///path/of.sock or tcp://host:port';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});
