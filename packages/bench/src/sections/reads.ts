/** The reads of operators, and their latencies. */
import { performance } from 'node:perf_hooks';
import { CONTAINER_SORT_KEYS, HOST_ONLY_SORT_KEYS, Paths } from '@muster/contracts';
import type pg from 'pg';
import { createLatencies, latencyOf, openConnection, recordLatency, type Latency } from '@muster/fleet';
import { ProgramError, type Api } from '@muster/testkit';
import type { Plan } from '../plan.js';

export interface ReadFigures {
  name: string;
  route: string;
  latencyMs: Latency;
  requests: number;
  /** Number of responses with status 503, which means that the database took too long. `latencyMs` includes them. */
  failed: number;
  /** Items per page, on average. */
  items: number;
}

const PAGE_MAX = 200;
const DEEP_PAGES = 3;

/** The positions in a list at which reads begin, as fractions of the list. */
const DEPTHS = [0.1, 0.5, 0.9, 0.9999];

/** The name of the read of one container by its primary key, with which the other reads are compared. */
export const ONE_CONTAINER = 'by primary key';

/** The SQL columns of each order in which the API lists the containers of all hosts. */
const FLEET_SORT_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  name: ['(left(name, 200) COLLATE "C")'],
  image: ['(left(image, 200) COLLATE "C")', '(left(name, 200) COLLATE "C")'],
  firstSeenAt: ['"firstSeenAt"'],
};
const FLEET_SORT_KEYS = CONTAINER_SORT_KEYS.filter((key) => !HOST_ONLY_SORT_KEYS.includes(key));

const inBothDirections = (keys: readonly string[]) => keys.flatMap((key) => [key, `-${key}`]);

/** Returns every read. The parameters are values from rows in the database. */
export async function readsOf(pool: pg.Pool) {
  const { rows: samples } = await pool.query<{ hostId: string; dockerId: string; image: string; hash: string }>(
    `SELECT "hostId", "dockerId", image, labels ->> 'com.docker.compose.config-hash' AS hash
     FROM containers WHERE "removedAt" IS NULL ORDER BY md5("dockerId") LIMIT 8`,
  );
  const hostIds = samples.map(({ hostId }) => `hostId=${hostId}`);
  const images = samples.map(({ image }) => `image=${encodeURIComponent(image)}`);
  const ids = samples.map(({ dockerId }) => `q=${dockerId.slice(0, 12)}`);
  const hashes = samples.map(({ hash }) => `label=com.docker.compose.config-hash%3D${hash}`);

  const firstPages = inBothDirections(FLEET_SORT_KEYS).map((sort) =>
    read(Paths.containers, `first page, sort=${sort}`, [`sort=${sort}`]),
  );
  const hostPages = inBothDirections(HOST_ONLY_SORT_KEYS).map((sort) => {
    const queries = hostIds.map((hostId) => `${hostId}&sort=${sort}`);
    return read(Paths.containers, `hostId, sort=${sort}`, queries);
  });
  const one = samples.map(({ hostId, dockerId }) =>
    Paths.hostContainer.replace(':hostId', hostId).replace(':dockerId', dockerId),
  );
  const filters: Readonly<Record<string, string[]>> = {
    'q, common': ['q=web', 'q=proxy'],
    'q, an id by its first 12 digits': ids,
    'q, a rare command': ['q=--config%20%2Fetc%2Fwiki.yaml'],
    'q, absent': ['q=zzqqxx', 'q=no-such-thing'],
    'q, two characters': ['q=we', 'q=pd'],
    'q, two characters, absent': ['q=qz'],
    'label k, common': ['label=tier'],
    'label k, rare': ['label=acme.canary'],
    'label k, absent': ['label=no.such.key'],
    'label k=v, common': ['label=tier%3Dfrontend'],
    'label k=v, one container': hashes,
    'label k=v, absent': ['label=tier%3Dnone'],
    'state, common': ['state=running'],
    'state, an eighth': ['state=exited'],
    'state, rare': ['state=dead', 'state=created'],
    'state, absent': ['state=removing'],
    'health, common': ['health=healthy'],
    'health, rare': ['health=unhealthy'],
    'health, absent': ['health=starting'],
    image: images,
    'image, absent': ['image=none%3A1'],
    hostId: hostIds,
    'hostId, eight of them': [hostIds.join('&')],
    'presence=removed': ['presence=removed'],
    'presence=all': ['presence=all'],
    'state and label': ['state=exited&label=tier%3Dbackend'],
    'q and state': ['q=web&state=exited'],
    'q, absent, and state': ['q=zzqqxx&state=running'],
    'image and health': images.map((image) => `${image}&health=unhealthy`),
    'hostId and q': hostIds.map((hostId) => `${hostId}&q=web`),
    'label k, rare, by image': ['label=acme.canary&sort=image'],
    'presence=removed and q': ['presence=removed&q=web'],
  };
  return [
    { name: ONE_CONTAINER, route: Paths.hostContainer, pages: 1, paths: one },
    ...firstPages,
    ...hostPages,
    ...(await deepReads(pool)),
    ...Object.entries(filters).map(([name, queries]) => read(Paths.containers, name, queries)),
    read(Paths.hosts, 'first page', ['']),
    read(Paths.hosts, 'all pages at 200', [`limit=${PAGE_MAX}`], 100),
    read(Paths.events, 'newest', [''], 3),
    read(Paths.events, 'of one host', hostIds),
    read(Paths.events, 'one kind', ['kind=restarted']),
    read(Paths.events, 'one kind, rare', ['kind=removed', 'kind=renamed']),
    read(Paths.events, 'one name', ['name=web-7']),
    read(Paths.summary, 'all of it', ['']),
    read(Paths.attention, 'all of it', ['']),
    read(Paths.fleetMap, 'all of it', ['']),
  ];
}

/** One kind of read. Its paths are requested in turn. */
type Read = ReturnType<typeof read>;

const read = (route: string, name: string, queries: readonly string[], pages = 1) => ({
  name,
  route,
  /** The number of pages that are read one after the other, starting at each path. */
  pages,
  paths: queries.map((query) => (query === '' ? route : `${route}?${query}`)),
});

/**
 * Returns reads of pages that are deep in a list, in each order. Paging to these positions would take thousands of
 * requests. This function therefore creates the cursors itself, in the API's own format. If that format changes, the
 * section fails.
 */
async function deepReads(pool: pg.Pool): Promise<Read[]> {
  const reads: Read[] = [];
  for (const key of FLEET_SORT_KEYS) {
    const columns = [...FLEET_SORT_COLUMNS[key]!, '"hostId"', '"dockerId"'].join(', ');
    const text = `
      WITH ordered AS (
        SELECT row_number() OVER (ORDER BY ${columns}) AS place, count(*) OVER () AS total, ${columns} FROM containers)
      SELECT * FROM ordered
      WHERE place IN (SELECT GREATEST(1, floor(total * depth)) FROM unnest($1::float8[]) AS depth) ORDER BY place`;
    const { rows } = await pool.query<unknown[]>({ rowMode: 'array', text, values: [DEPTHS] });
    for (const sort of inBothDirections([key])) {
      const cursors = rows.map(
        ([_place, _total, ...position]) => `sort=${sort}&limit=${PAGE_MAX}&cursor=${cursorOf(sort, position)}`,
      );
      reads.push(read(Paths.containers, `deep pages of 200, sort=${sort}`, cursors, DEEP_PAGES));
      if (sort !== 'name') continue;
      const filtered = cursors.map((cursor) => `${cursor}&state=running`);
      reads.push(read(Paths.containers, 'deep pages of 200, state=running', filtered, DEEP_PAGES));
    }
  }
  return reads;
}

const cursorOf = (sort: string, position: readonly unknown[]): string =>
  Buffer.from(JSON.stringify([sort, ...position])).toString('base64url');

/**
 * Sends the requests of each read one after the other. The first request does not count. A read ends after
 * `readRequests` requests or after `readMs`, whichever comes first.
 * @throws ProgramError if a status is neither 200 nor 503, for example because a route is missing.
 */
export async function measureReads({ port, adminKey: token }: Api, reads: readonly Read[], plan: Plan['growth']) {
  const { readRequests, readMs } = plan;
  const connection = await openConnection(port);
  const figures: ReadFigures[] = [];
  const readPage = async (path: string) => {
    const startedAt = performance.now();
    const { status, body } = await connection.send({ method: 'GET', path, token });
    const ms = performance.now() - startedAt;
    if (![200, 503].includes(status)) throw new ProgramError(`${path}: ${status} ${body.toString()}`);
    const page = status === 200 ? (JSON.parse(body.toString()) as { items?: unknown[]; nextCursor?: string }) : null;
    return { ms, status, items: page?.items?.length ?? 0, next: page?.nextCursor ?? null };
  };
  try {
    for (const { name, route, paths, pages } of reads) {
      await readPage(paths[0]!);
      const latencies = createLatencies();
      let failed = 0;
      let items = 0;
      const deadline = performance.now() + readMs;
      for (let turn = 0; latencies.count < readRequests && (turn === 0 || performance.now() < deadline); turn++) {
        let path: string | null = paths[turn % paths.length]!;
        for (let page = 0; page < pages && path !== null; page++) {
          const answer = await readPage(path);
          recordLatency(latencies, answer.ms);
          items += answer.items;
          if (answer.status !== 200) failed += 1;
          path = answer.next === null ? null : withCursor(path, answer.next);
        }
      }
      const requests = latencies.count;
      figures.push({ name, route, latencyMs: latencyOf(latencies), requests, failed, items: items / requests });
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
