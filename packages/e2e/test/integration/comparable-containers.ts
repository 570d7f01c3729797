import type { ContainerView } from '@muster/contracts';
import type { DockerEngine } from '@muster/testkit';
import type { EngineInspect, EngineListEntry } from '@muster/testkit/engine-replay';

/*
 * Converts the containers of Muster and of the engine to a form in which tests can compare them. The conversion shares
 * no code with the agent, so that a test detects the agent's mistakes. Ages in a status ("Up 5 seconds") are masked,
 * because they depend on the time of the query.
 */
export interface Comparable {
  dockerId: string;
  name: string;
  image: string;
  imageId: string | null;
  command: string;
  state: string;
  status: string;
  ports: string[];
  labels: Record<string, string>;
  startedAt: string | null;
}

/** The interval between two comparisons. Each comparison inspects all containers of the engine. */
export const COMPARE_EVERY_MS = 300;

const maskAge = (status: string): string =>
  status.replace(/(Less than a second|About an? (minute|hour)|\d+ (second|minute|hour|day)s?)/, 'AGE');

const byId = (a: Comparable, b: Comparable): number => (a.dockerId < b.dockerId ? -1 : 1);

/** Returns all containers of the engine. */
export async function readFromEngine(engine: DockerEngine): Promise<Comparable[]> {
  const listed = await engine.get<EngineListEntry[]>('/containers/json?all=1');
  return (await Promise.all(listed.map((entry) => toComparable(engine, entry)))).sort(byId);
}

async function toComparable(engine: DockerEngine, entry: EngineListEntry): Promise<Comparable> {
  const { State, Config } = await engine.get<EngineInspect & { Config: { Image: string } }>(
    `/containers/${entry.Id}/json`,
  );
  return {
    dockerId: entry.Id,
    name: entry.Names[0]!.slice(1),
    image: Config.Image,
    imageId: entry.ImageID,
    command: entry.Command,
    state: entry.State,
    status: maskAge(entry.Status),
    ports: entry.Ports.map(({ IP, PrivatePort, PublicPort, Type }) =>
      PublicPort === undefined ? `${PrivatePort}/${Type}` : `${IP}:${PublicPort}->${PrivatePort}/${Type}`,
    ).sort(),
    labels: entry.Labels,
    startedAt: State.StartedAt.startsWith('0001')
      ? null
      : `${State.StartedAt.slice(0, 19)}${millisecondsOf(State.StartedAt)}Z`,
  };
}

const millisecondsOf = (instant: string): string => `.${(/\.(\d{1,3})/.exec(instant)?.[1] ?? '').padEnd(3, '0')}`;

/** Converts Muster's containers. */
export const fromMuster = (containers: readonly ContainerView[]): Comparable[] =>
  containers
    .map(({ dockerId, name, image, imageId, command, state, status, ports, labels, startedAt }) => ({
      ...{ dockerId, name, image, imageId, command, state, startedAt },
      status: maskAge(status),
      ports: ports
        .flatMap(({ ip, privatePort, publicPort, type, count = 1 }) =>
          Array.from({ length: count }, (_, offset) =>
            publicPort === undefined
              ? `${privatePort + offset}/${type}`
              : `${ip}:${publicPort + offset}->${privatePort + offset}/${type}`,
          ),
        )
        .sort(),
      labels: { ...labels },
    }))
    .sort(byId);
