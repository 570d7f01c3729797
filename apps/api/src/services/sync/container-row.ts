import { hash } from 'node:crypto';
import { comparePorts, parseStatus, STATUS_PARSER_VERSION, type Container, type Health } from '@muster/contracts';

/** A container with what its status text says. */
export interface ContainerFacts extends Container {
  health: Health | null;
  exitCode: number | null;
}

/** A container as its row holds it: the ten fields, and what is derived from them. */
export interface ContainerRow extends ContainerFacts {
  /** SHA-256 of the fields, base64: equal digests are equal containers, in whatever order their labels stand. */
  digest: string;
}

export function toContainerFacts(container: Container): ContainerFacts {
  const { dockerId, name, image, imageId, command, state, status, ports, labels, startedAt, truncated } = container;
  const { health, exitCode } = parseStatus(status);
  // Written out: a spread of each of 5,000 containers takes three times as long.
  const facts = { dockerId, name, image, imageId, command, state, status, ports, labels, startedAt, health, exitCode };
  return truncated === undefined ? facts : { ...facts, truncated };
}

/** Makes the row of a container that a host sent. */
export function toContainerRow(
  container: Container,
  { parserVersion = STATUS_PARSER_VERSION }: { parserVersion?: number } = {},
): ContainerRow {
  const row = toContainerFacts(container) as ContainerRow;
  row.digest = digestOf(container, parserVersion);
  return row;
}

/**
 * Of the fields one after the other, each text behind its length, so that no two containers make the same string.
 * Cheaper than JSON in canonical order, whose objects would be made for this alone. What a container rarely has
 * (`count` of a port, `truncated`) is part of it only where present: the stored digests of all others stay valid. A later
 * version of `parseStatus` makes every digest another one, for a row also holds what was read out of its status.
 */
function digestOf(container: Container, parserVersion: number): string {
  const { dockerId, name, image, imageId, command, state, status, ports, labels, startedAt, truncated } = container;
  let text = measured(dockerId) + measured(name) + measured(image) + measured(imageId) + measured(command);
  text += measured(state) + measured(status) + measured(startedAt);
  for (const { ip, privatePort, publicPort, type, count } of ports.length > 1 ? ports.toSorted(comparePorts) : ports) {
    text += `${measured(ip ?? null)}${privatePort}>${publicPort ?? ''}/${type}${count === undefined ? '' : `*${count}`};`;
  }
  for (const key of Object.keys(labels).sort()) text += measured(key) + measured(labels[key]!);
  if (truncated !== undefined) text += `!${truncated.join()}`;
  if (parserVersion > 1) text += `#${parserVersion}`;
  return hash('sha256', text, 'base64');
}

const measured = (text: string | null): string => (text === null ? '-' : `${text.length}:${text}`);
