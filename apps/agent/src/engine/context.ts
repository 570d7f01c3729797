import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineAddress, withTls } from './address.js';
import { EngineError } from './errors.js';

/** What docker writes about a context (cli/context/store): `contexts/meta/<SHA-256 of its name>/meta.json`. */
const ContextMeta = z.object({
  Endpoints: z.object({ docker: z.object({ Host: EngineAddress, SkipTLSVerify: z.boolean().default(false) }) }),
});

const DockerConfig = z.object({ currentContext: z.string().optional() });

/**
 * The engine of a docker context: that of the given name, otherwise the current one of `configDir`. Null where that is
 * docker's own `default`, which is no context. Throws `EngineError` for a context that there is not.
 */
export async function readDockerContext(configDir: string, name: string | null): Promise<EngineAddress | null> {
  const wanted = name ?? (await currentContext(configDir));
  if (wanted === null || wanted === 'default') return null;
  const id = createHash('sha256').update(wanted).digest('hex');
  const path = join(configDir, 'contexts', 'meta', id, 'meta.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EngineError('unreachable', `there is no docker context '${wanted}' (${(error as Error).message})`);
  });
  const meta = ContextMeta.safeParse(parseJson(text));
  if (!meta.success)
    throw new EngineError('malformed', `the docker context '${wanted}' cannot be used: ${path} names no engine`);
  const { Host: address, SkipTLSVerify } = meta.data.Endpoints.docker;
  const certPath = join(configDir, 'contexts', 'tls', id, 'docker');
  const hasCertificates = await stat(certPath).then(
    () => true,
    () => false,
  );
  return withTls(address, hasCertificates || SkipTLSVerify ? { certPath, isVerified: !SkipTLSVerify } : null);
}

/** Null where docker was never told of one. A file that docker could not read either names none. */
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
