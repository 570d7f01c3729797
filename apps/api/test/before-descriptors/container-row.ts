/** Reference: the implementation before `CONTAINER_FIELDS`, which `before-descriptors.test.ts` compares with the one in use. */
import { hash } from 'node:crypto';
import { comparePorts, parseStatus, STATUS_PARSER_VERSION, type Container, type Health } from '@muster/contracts';

/** A container and the facts derived from its status text. */
export interface ContainerFacts extends Container {
  health: Health | null;
  exitCode: number | null;
}

/** A container as stored: the ten fields and what is derived from them. */
export interface ContainerRow extends ContainerFacts {
  /** SHA-256 of the fields, base64. Containers are equal if their digests are, regardless of the order of their labels. */
  digest: string;
}

function toContainerFacts(container: Container): ContainerFacts {
  const { health, exitCode } = parseStatus(container.status);
  // Copies fields that were added later, too. They are empty in the test, so the digest does not depend on them.
  return { ...container, health, exitCode };
}

/** Makes the row of a reported container. */
export function toContainerRow(
  container: Container,
  { parserVersion = STATUS_PARSER_VERSION }: { parserVersion?: number } = {},
): ContainerRow {
  const row = toContainerFacts(container) as ContainerRow;
  row.digest = digestOf(container, parserVersion);
  return row;
}

/**
 * Hashes the fields one after another, each text preceded by its length so that two different containers never yield
 * the same string. This is cheaper than canonical JSON, which needs objects built for it. Rare fields (`count` of a
 * port, `truncated`) are added only where present, so that the stored digests of all other containers stay valid. A new
 * version of `parseStatus` changes every digest, because a row also holds values parsed from the status.
 */
function digestOf(container: Container, parserVersion: number): string {
  const { dockerId, name, image, imageId, command, state, status, ports, labels, startedAt, truncated } = container;
  let text =
    lengthPrefixed(dockerId) +
    lengthPrefixed(name) +
    lengthPrefixed(image) +
    lengthPrefixed(imageId) +
    lengthPrefixed(command);
  text += lengthPrefixed(state) + lengthPrefixed(status) + lengthPrefixed(startedAt);
  for (const { ip, privatePort, publicPort, type, count } of ports.length > 1 ? ports.toSorted(comparePorts) : ports) {
    text += `${lengthPrefixed(ip ?? null)}${privatePort}>${publicPort ?? ''}/${type}${count === undefined ? '' : `*${count}`};`;
  }
  for (const key of Object.keys(labels).sort()) text += lengthPrefixed(key) + lengthPrefixed(labels[key]!);
  if (truncated !== undefined) text += `!${truncated.join()}`;
  if (parserVersion > 1) text += `#${parserVersion}`;
  return hash('sha256', text, 'base64');
}

const lengthPrefixed = (text: string | null): string => (text === null ? '-' : `${text.length}:${text}`);
