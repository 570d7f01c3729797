import { randomBytes } from 'node:crypto';
import { Paths } from '@muster/contracts';
import { eventually, mainOf, newToken, startProgram, withDisposables, type Program } from '@muster/testkit';
import { enrollRequest, snapshotRequest } from '@muster/fleet';
import { createHttp, type Call } from '@muster/testkit/http';
import { atLeast, never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { startApi } from '../parts/api.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { onDatabase, withServer, type Server } from '../parts/server.js';
import { count } from '../../../src/faults/format.js';

/** No log, error answer or failing start contains a secret. */
export const leaks: Guarantee = {
  title: 'Logs and errors contain no secrets',
  check: (context) => withServer((server) => searchForSecrets(context, server)),
};

/** Returns a unique word of letters and digits, because escaping could change other characters. */
const canary = (): string => `canary${randomBytes(12).toString('hex')}`;

/** Returns a secret as plain text, in base64 and in hexadecimal, because a log could contain any of these forms. */
const encodingsOf = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('hex'),
];

/** Creates all planted secrets, by place. */
function createSecrets() {
  return {
    label: canary(),
    command: canary(),
    query: canary(),
    header: canary(),
    cookie: canary(),
    brokenBody: canary(),
    badField: canary(),
    malformedToken: `muster_agent_${canary()}`,
    unknownAgentToken: newToken('agent'),
    unknownKey: newToken('key'),
    adminKey: newToken(),
    databasePassword: canary(),
    misspeltKey: canary(),
  };
}
type Secrets = ReturnType<typeof createSecrets>;

async function searchForSecrets({ progress }: CheckContext, { cluster, createDatabase }: Server): Promise<Finding[]> {
  const databaseUrl = await createDatabase('faults_leaks');
  const secrets = createSecrets();
  const role = 'canary_role';
  await onDatabase(databaseUrl, async (client) => {
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${secrets.databasePassword}' SUPERUSER`);
  });
  const url = new URL(databaseUrl);
  [url.username, url.password] = [role, secrets.databasePassword];

  return withDisposables(async (use) => {
    const errors: string[] = [];
    // With the most verbose level, the log level hides no leak.
    const env = { DATABASE_URL: url.href, LOG_LEVEL: 'trace', MUSTER_CANARY: secrets.header };
    const api = use(await startApi({ env, adminKey: secrets.adminKey }), (each) => each.stop());
    const client = use(createHttp(api.url), (each) => each.close());
    const { token } = await createEnrollment(createOperator(client, secrets.adminKey), 10);
    const agent = await enroll(client, token, 'leaky');
    const allSecrets: Secrets & { enrollmentToken: string; agentToken: string } = {
      ...secrets,
      ...{ enrollmentToken: token, agentToken: agent.token },
    };
    const body = JSON.stringify([
      { ...CONTAINER, command: secrets.command, labels: { secret: secrets.label, [secrets.label]: 'key' } },
    ]);

    const send = async (call: Call) => {
      const reply = await client.send(call).catch(() => null);
      if (reply !== null && reply.status >= 400) errors.push(JSON.stringify([reply.status, reply.headers, reply.text]));
      return reply;
    };
    // An operator may read the label, so this response is not a leak. It shows that the search finds secrets in
    // responses.
    await send(snapshotRequest(agent, body));
    const read = await send({ path: Paths.containers, token: secrets.adminKey });
    const readableSecrets = read?.text.includes(secrets.label) === true ? 1 : 0;

    const calls = [...badCalls(allSecrets, body), snapshotRequest(agent, body)];
    for (const call of calls) await send(call);
    await whileBroken(databaseUrl, async () => {
      await send(snapshotRequest(agent, body.replace('"c1"', '"c2"')));
      for (const call of calls) await send(call);
    });
    progress('leaks: bad requests and failing statements were sent');
    await cluster.crash();
    for (const call of calls) await send(call);
    await cluster.restart();
    await eventually(async () => {
      if ((await client.send({ path: Paths.ready })).status !== 200) throw new Error('not ready again');
    });
    await api.program.stop('SIGTERM');
    progress('leaks: requests were sent while the database was down');

    const failedStarts = await failStarts(url, allSecrets);
    const outputs = [api.program, ...failedStarts].flatMap((program) => [program.stdout(), program.stderr()]);
    const countSecretsIn = (texts: readonly string[]) => {
      const foundSecrets = Object.entries(allSecrets).filter(([, secret]) =>
        encodingsOf(secret).some((form) => texts.some((text) => text.includes(form))),
      );
      for (const [place] of foundSecrets) progress(`leaks: found the secret planted as ${place}`);
      return foundSecrets.length;
    };
    const lines = outputs.join('\n').split('\n').length;
    const kinds = new Set(errors.map((error) => error.slice(1, 4)));
    return [
      never(
        'secrets in the output of processes',
        countSecretsIn(outputs),
        Object.keys(allSecrets).length,
        `secrets, ${count(lines)} lines`,
      ),
      never(
        'secrets in error answers',
        countSecretsIn(errors),
        Object.keys(allSecrets).length,
        `secrets, ${errors.length} answers`,
      ),
      atLeast('planted secrets that an authorized operator can read', readableSecrets, 1, count, { timed: false }),
      atLeast(`kinds of errors provoked (${[...kinds].sort().join(', ')})`, kinds.size, 7, count, { timed: false }),
    ];
  });
}

const CONTAINER = { dockerId: 'c1', name: 'web', image: 'nginx:1', state: 'running', status: 'Up 5 minutes' };

/** Requests that the API refuses. Each contains a secret that an error message might repeat. */
function badCalls(secrets: Secrets & { enrollmentToken: string; agentToken: string }, body: string): Call[] {
  const { adminKey, agentToken, enrollmentToken } = secrets;
  const post = (path: string, token: string, text: string, headers: Record<string, string> = {}): Call => ({
    ...{ method: 'POST', path, token, body: text, headers },
  });
  const machine = JSON.parse(String(enrollRequest(enrollmentToken, 'leaky').body)) as object;
  const secretHeaders = { 'x-secret': secrets.header, cookie: `session=${secrets.cookie}` };
  return [
    { path: `${Paths.containers}?q=${secrets.query}`, token: adminKey, headers: secretHeaders },
    { path: `${Paths.containers}?limit=${secrets.query}`, token: adminKey },
    { path: `${Paths.containers}?cursor=${secrets.query}`, token: adminKey },
    { path: `/nowhere?token=${secrets.query}`, token: adminKey },
    { path: Paths.hosts, token: secrets.unknownKey, headers: secretHeaders },
    { path: Paths.hosts, token: secrets.malformedToken },
    { path: Paths.hosts, headers: { authorization: `Basic ${secrets.header}` } },
    post(Paths.agentContainers, secrets.unknownAgentToken, body),
    post(Paths.agentContainers, adminKey, body),
    post(Paths.agentContainers, agentToken, `[{"secret":"${secrets.brokenBody}"`),
    post(
      Paths.agentContainers,
      agentToken,
      JSON.stringify([{ ...CONTAINER, state: secrets.badField.toUpperCase() + secrets.badField }]),
    ),
    post(Paths.agentContainers, agentToken, JSON.stringify([{ ...CONTAINER, labels: { secret: [secrets.badField] } }])),
    post(Paths.agentContainers, agentToken, body, { 'content-type': 'text/plain' }),
    post(Paths.agentContainers, agentToken, body, { 'content-encoding': 'gzip' }),
    post(Paths.agentContainers, agentToken, body, { 'snapshot-stream': secrets.header }),
    post(Paths.agentContainers, agentToken, ' '.repeat(11 * 1_024 * 1_024)),
    post(Paths.agentHeartbeat, agentToken, JSON.stringify({ digest: secrets.badField, engineError: 7 })),
    post(Paths.agentEnroll, enrollmentToken, JSON.stringify({ ...machine, os: { secret: secrets.badField } })),
    post(Paths.enrollmentTokens, adminKey, JSON.stringify({ name: secrets.badField, maxUses: secrets.badField })),
    { method: 'DELETE', path: Paths.hosts, token: adminKey, headers: secretHeaders },
  ];
}

/**
 * Runs `action` twice while the database rejects valid statements. The first time, rows violate a constraint, and
 * PostgreSQL quotes such a row in its error. The second time, a column is also missing.
 */
async function whileBroken(databaseUrl: string, action: () => Promise<void>): Promise<void> {
  await onDatabase(databaseUrl, async (client) => {
    await client.query(`ALTER TABLE containers ADD CONSTRAINT canary CHECK ("dockerId" <> 'c2')`);
    await action();
    await client.query('ALTER TABLE hosts RENAME COLUMN revision TO renamed');
    await action();
    await client.query('ALTER TABLE hosts RENAME COLUMN renamed TO revision');
    await client.query('ALTER TABLE containers DROP CONSTRAINT canary');
  });
}

/** Starts the API several times with wrong settings. Each start must fail and print the reason. */
async function failStarts(url: URL, secrets: Secrets): Promise<Program[]> {
  const wrongPassword = new URL(url);
  wrongPassword.password = `${secrets.databasePassword}wrong`;
  const closedPort = new URL(url);
  closedPort.port = '1';
  const noSuchDatabase = new URL(url);
  noSuchDatabase.pathname = '/nowhere';
  const environments: Record<string, string>[] = [
    { DATABASE_URL: wrongPassword.href },
    { DATABASE_URL: closedPort.href },
    { DATABASE_URL: noSuchDatabase.href },
    { DATABASE_URL: `mysql://root:${secrets.databasePassword}@localhost/x` },
    { DATABASE_URL: `postgresql://root:${secrets.databasePassword}@localhost:port/x` },
    { DATABASE_URL: url.href, MUSTER_ADMIN_KEY: secrets.misspeltKey },
    { DATABASE_URL: url.href, MUSTER_ADMIN_KEY: secrets.adminKey, PORT: 'none' },
  ];
  const programs: Program[] = [];
  for (const env of environments) {
    const program = startProgram(mainOf('api'), { env: { PORT: '0', LOG_LEVEL: 'trace', ...env } });
    if ((await program.ended) === 0) throw new Error('the API started with settings that it must refuse');
    programs.push(program);
  }
  return programs;
}
