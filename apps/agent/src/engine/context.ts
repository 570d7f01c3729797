import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineAddress, withTls } from './address.js';
import { EngineError } from './errors.js';

/**
 * The metadata that Docker stores for a context in `contexts/meta/<SHA-256 of the context's name>/meta.json`
 * (docker/cli, package cli/context/store).
 */
const ContextMeta = z.object({
  Endpoints: z.object({ docker: z.object({ Host: EngineAddress, SkipTLSVerify: z.boolean().default(false) }) }),
});

const DockerConfig = z.object({ currentContext: z.string().optional() });

/**
 * Returns the engine's address from the docker context `name`, or from the current context if `name` is null. Returns
 * null for docker's own `default`, which has no stored context. Throws `EngineError` if the context does not exist or
 * cannot be used.
 */
export async function readDockerContext(configDir: string, name: string | null): Promise<EngineAddress | null> {
  const contextName = name ?? (await currentContext(configDir));
  if (contextName === null || contextName === 'default') return null;
  const id = createHash('sha256').update(contextName).digest('hex');
  const path = join(configDir, 'contexts', 'meta', id, 'meta.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EngineError('unreachable', `there is no docker context '${contextName}' (${(error as Error).message})`);
  });
  const meta = ContextMeta.safeParse(parseJson(text));
  if (!meta.success)
    throw new EngineError('malformed', `the docker context '${contextName}' cannot be used: ${path} names no engine`);
  const { Host: address, SkipTLSVerify } = meta.data.Endpoints.docker;
  const certPath = join(configDir, 'contexts', 'tls', id, 'docker');
  const hasCertificates = await stat(certPath).then(
    () => true,
    () => false,
  );
  return withTls(address, hasCertificates || SkipTLSVerify ? { certPath, isVerified: !SkipTLSVerify } : null);
}

/**
 * Returns the current context from docker's configuration file. Returns null if no context is selected, or if the file
 * is missing or invalid. Docker also ignores an invalid file.
 */
async function currentContext(configDir: string): Promise<string | null> {
  const text = await readFile(join(configDir, 'config.json'), 'utf8').catch(() => null);
  const config = text === null ? null : DockerConfig.safeParse(parseJson(text));
  return config?.success ? config.data.currentContext || null : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
