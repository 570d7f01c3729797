/** What operators ask for, and how long the answers take. */
import { performance } from 'node:perf_hooks';
import { CONTAINER_SORT_KEYS, Paths } from '@muster/contracts';
import type pg from 'pg';
import { getRequest, openConnection } from '@muster/fleet';
import { latency, type Latency } from '@muster/testkit/report';
import { ProgramError } from '@muster/testkit';

/** One kind of question, asked in turn with each of its paths. */
export interface Read {
  name: string;
  route: string;
  paths: string[];
  /** Pages that are asked for, one after the other, from each path. */
  pages: number;
}

export interface ReadFigures {
  name: string;
  route: string;
  latencyMs: Latency;
  requests: number;
  /** Answers that were none, because the database took too long (503); their times count too. */
  failed: number;
  /** Items on a page, on average. */
  items: number;
}

const PAGE_MAX = 200;
const DEEP_PAGES = 3;

/** How deep into a list a page is taken from: a tenth, half, nine tenths, and the last page. */
const DEPTHS = [0.1, 0.5, 0.9, 0.9999];

const SORT_COLUMNS: Readonly<Record<(typeof CONTAINER_SORT_KEYS)[number], readonly string[]>> = {
  name: ['(left(name, 200) COLLATE "C")'],
  image: ['(left(image, 200) COLLATE "C")', '(left(name, 200) COLLATE "C")'],
  state: ['(state COLLATE "C")'],
  firstSeenAt: ['"firstSeenAt"'],
  changedAt: ['"changedAt"'],
};

interface Position {
  first: string | Date;
  /** The value of a second column, where the order has one. */
  second: string | null;
  hostId: string;
  dockerId: string;
}

/** Every read, with parameters that this database has answers to. */
export async function readsOf(pool: pg.Pool): Promise<Read[]> {
  const { rows: samples } = await pool.query<{ hostId: string; dockerId: string; image: string; hash: string }>(
    `SELECT "hostId", "dockerId", image, labels ->> 'com.docker.compose.config-hash' AS hash
     FROM containers WHERE "removedAt" IS NULL ORDER BY md5("dockerId") LIMIT 8`,
  );
  const hostIds = samples.map(({ hostId }) => `hostId=${hostId}`);
  const images = samples.map(({ image }) => `image=${encodeURIComponent(image)}`);
  const ids = samples.map(({ dockerId }) => `q=${dockerId.slice(0, 12)}`);
  const hashes = samples.map(({ hash }) => `label=com.docker.compose.config-hash%3D${hash}`);
  const events = (name: string, queries: string[], pages = 1) => read(Paths.events, name, queries, pages);

  return [
    ...CONTAINER_SORT_KEYS.flatMap((key) => [key, `-${key}`]).map((sort) =>
      read(Paths.containers, `first page, sort=${sort}`, [`sort=${sort}`]),
    ),
    ...(await deepReads(pool)),
    containers('q, common', ['q=web', 'q=proxy']),
    containers('q, an id by its first 12 digits', ids),
    containers('q, a rare command', ['q=--config%20%2Fetc%2Fwiki.yaml']),
    containers('q, absent', ['q=zzqqxx', 'q=no-such-thing']),
    containers('q, two characters', ['q=we', 'q=pd']),
    containers('q, two characters, absent', ['q=qz']),
    containers('label k, common', ['label=tier']),
    containers('label k, rare', ['label=acme.canary']),
    containers('label k, absent', ['label=no.such.key']),
    containers('label k=v, common', ['label=tier%3Dfrontend']),
    containers('label k=v, one container', hashes),
    containers('label k=v, absent', ['label=tier%3Dnone']),
    containers('state, common', ['state=running']),
    containers('state, an eighth', ['state=exited']),
    containers('state, rare', ['state=dead', 'state=created']),
    containers('state, absent', ['state=removing']),
    containers('health, common', ['health=healthy']),
    containers('health, rare', ['health=unhealthy']),
    containers('health, absent', ['health=starting']),
    containers('image', images),
    containers('image, absent', ['image=none%3A1']),
    containers('hostId', hostIds),
    containers('hostId, eight of them', [hostIds.join('&')]),
    containers('presence=removed', ['presence=removed']),
    containers('presence=all', ['presence=all']),
    containers('state and label', ['state=exited&label=tier%3Dbackend']),
    containers('q and state', ['q=web&state=exited']),
    containers('q, absent, and state', ['q=zzqqxx&state=running']),
    containers(
      'image and health',
      images.map((image) => `${image}&health=unhealthy`),
    ),
    containers(
      'hostId and q',
      hostIds.map((hostId) => `${hostId}&q=web`),
    ),
    containers('state, rare, newest change first', ['state=dead&sort=-changedAt']),
    containers('label k, rare, by image', ['label=acme.canary&sort=image']),
    containers('q, common, newest change first', ['q=web&sort=-changedAt']),
    containers('presence=removed and q', ['presence=removed&q=web']),
    read(Paths.hosts, 'first page', ['']),
    read(Paths.hosts, 'all pages at 200', [`limit=${PAGE_MAX}`], 100),
    events('newest', [''], 3),
    events('of one host', hostIds),
    events('one kind', ['kind=restarted']),
    events('one kind, rare', ['kind=removed', 'kind=renamed']),
    events('one name', ['name=web-7']),
    { name: 'all of it', route: '/api/summary', paths: ['/api/summary'], pages: 1 },
  ];
}

function read(route: string, name: string, queries: readonly string[], pages = 1): Read {
  return { name, route, pages, paths: queries.map((query) => (query === '' ? route : `${route}?${query}`)) };
}

const containers = (name: string, queries: readonly string[]) => read(Paths.containers, name, queries);

/**
 * Pages from the middle of each order. Walking there would take thousands of requests for each, so the cursors are made
 * here, in the API's own form, of what the database has at that place. Should that form change, this section fails.
 */
async function deepReads(pool: pg.Pool): Promise<Read[]> {
  const reads: Read[] = [];
  for (const key of CONTAINER_SORT_KEYS) {
    const [first, second = 'NULL'] = SORT_COLUMNS[key];
    const order = [...SORT_COLUMNS[key], '"hostId"', '"dockerId"'].join(', ');
    const { rows } = await pool.query<Position>(
      `WITH ordered AS (
         SELECT ${first} AS first, ${second} AS second, "hostId", "dockerId",
           row_number() OVER (ORDER BY ${order}) AS place, count(*) OVER () AS total
         FROM containers)
       SELECT first, second, "hostId", "dockerId" FROM ordered
       WHERE place IN (SELECT GREATEST(1, floor(total * depth)) FROM unnest($1::float8[]) AS depth) ORDER BY place`,
      [DEPTHS],
    );
    for (const sort of [key, `-${key}`]) {
      const cursors = rows.map((position) => `sort=${sort}&limit=${PAGE_MAX}&cursor=${cursorOf(sort, position)}`);
      reads.push(read(Paths.containers, `deep pages of 200, sort=${sort}`, cursors, DEEP_PAGES));
      if (sort !== 'name') continue;
      const filtered = cursors.map((cursor) => `${cursor}&state=running`);
      reads.push(read(Paths.containers, 'deep pages of 200, state=running', filtered, DEEP_PAGES));
    }
  }
  return reads;
}

const cursorOf = (sort: string, { first, second, hostId, dockerId }: Position) =>
  Buffer.from(JSON.stringify([sort, first, ...(second === null ? [] : [second]), hostId, dockerId])).toString(
    'base64url',
  );

/**
 * Asks, one request at a time, each read so often or so long; the first answer to each does not count. A route that
 * the API does not have is left out.
 * @throws ProgramError if a question is refused.
 */
export async function measureReads(
  port: number,
  key: string,
  reads: readonly Read[],
  { readRequests, readMs }: { readRequests: number; readMs: number },
  signal: AbortSignal,
): Promise<ReadFigures[]> {
  const connection = await openConnection(port);
  const figures: ReadFigures[] = [];
  const ask = async (path: string) => {
    const startedAt = performance.now();
    const { status, body } = await connection.send(getRequest(path, key));
    const ms = performance.now() - startedAt;
    if (![200, 404, 503].includes(status)) throw new ProgramError(`${path}: ${status} ${body.toString()}`);
    const page = status === 200 ? (JSON.parse(body.toString()) as { items?: unknown[]; nextCursor?: string }) : null;
    return { ms, status, items: page?.items?.length ?? 0, next: page?.nextCursor ?? null };
  };
  try {
    for (const { name, route, paths, pages } of reads) {
      const warm = await ask(paths[0]!);
      if (warm.status === 404) continue;
      const latencies: number[] = [];
      let failed = 0;
      let items = 0;
      const deadline = performance.now() + readMs;
      for (let turn = 0; latencies.length < readRequests && (turn === 0 || performance.now() < deadline); turn++) {
        let path: string | null = paths[turn % paths.length]!;
        for (let page = 0; page < pages && path !== null; page++) {
          signal.throwIfAborted();
          const answer = await ask(path);
          latencies.push(answer.ms);
          items += answer.items;
          if (answer.status !== 200) failed += 1;
          path = answer.next === null ? null : withCursor(path, answer.next);
        }
      }
      const requests = latencies.length;
      figures.push({ name, route, latencyMs: latency(latencies), requests, failed, items: items / requests });
    }
  } finally {
    connection.close();
  }
  return figures;
}

function withCursor(path: string, cursor: string): string {
  const [route, query] = path.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set('cursor', cursor);
  return `${route}?${parameters.toString()}`;
}
