import { describe, expect, test } from '@jest/globals';
import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import * as fs from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentEnv } from '../scripts/development-env.js';
import { EnvError, EnvVariables, parseEnv as parse, SECRET_VARIABLES } from '../src/env.js';

const parseEnv = (source: Record<string, string>) => parse(source, fs);

const problems = (source: Record<string, string>): readonly string[] => {
  try {
    parseEnv(source);
    return [];
  } catch (error) {
    if (error instanceof EnvError) return error.problems;
    throw error;
  }
};

describe('the environment', () => {
  test('needs no variable, and an empty variable counts as unset', () => {
    expect(parseEnv({})).toEqual(parseEnv({ PORT: '', DATABASE_URL: '', MUSTER_ADMIN_KEY: '' }));
    expect(parseEnv({})).toMatchObject({ HOST: '127.0.0.1', PORT: 3000, MUSTER_DATA_DIR: '.muster/data' });
  });

  test.each([
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['DATABASE_URL', 'mysql://user:hunter2@db/muster'],
    ['MUSTER_ADMIN_KEY', 'muster_key_hunter2'],
    ['MUSTER_PUBLIC_URL', 'hunter2'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2/../x'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/./hunter2'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2/%2e%2e'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com//hunter2'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2//'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/a\\\\hunter2'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2"x'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2#'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/hunter2?'],
    ['MUSTER_PUBLIC_URL', 'https://muster.example.com/?hunter2'],
    ['MUSTER_PUBLIC_URL', 'https://hunter2@muster.example.com'],
    ['MUSTER_OIDC_STRANGER_ROLE', 'hunter2'],
    ['MUSTER_OIDC_TRUST_EMAIL', 'hunter2'],
    ['MUSTER_HEARTBEAT_SECONDS', '0'],
    ['MUSTER_TRUST_PROXY', 'hunter2'],
    ['MUSTER_TRUST_PROXY', 'true'],
    ['MUSTER_TRUST_PROXY', '10.0.0.0/33'],
    ['MUSTER_TRUST_PROXY', '10.0.0.1,1'],
    ['MUSTER_METRICS_TOKEN', 'hunter2'],
    ['MUSTER_METRICS_HOST_LABELS', 'hunter2,'],
    ['MUSTER_METRICS_HOST_LABELS', 'a,b,c,d,e,f,g,h,hunter2'],
    ['LOG_LEVEL', 'hunter2'],
  ])('reports an invalid %s by name, and never its value', (name, value) => {
    const [problem, ...others] = problems({ [name]: value });
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^${name} must be `));
    expect(problem).not.toContain('hunter2');
  });

  test('reads keys of host labels, and refuses keys that would become the same metric label', () => {
    expect(parseEnv({ MUSTER_METRICS_HOST_LABELS: 'env, example.com/site' }).MUSTER_METRICS_HOST_LABELS).toEqual([
      'env',
      'example.com/site',
    ]);
    expect(parseEnv({}).MUSTER_METRICS_HOST_LABELS).toEqual([]);
    expect(problems({ MUSTER_METRICS_HOST_LABELS: 'a.b,a-b' })).toEqual([
      expect.stringContaining('MUSTER_METRICS_HOST_LABELS must not have keys that differ only in'),
    ]);
  });

  test.each([
    ['false', false],
    ['2', 2],
    ['loopback, 10.0.0.0/8,fd00::/8', ['loopback', '10.0.0.0/8', 'fd00::/8']],
  ])('reads MUSTER_TRUST_PROXY=%s as the value that Express expects', (value, expected) => {
    expect(parseEnv({ MUSTER_TRUST_PROXY: value }).MUSTER_TRUST_PROXY).toEqual(expected);
  });

  test.each([
    ['HTTPS://Muster.Example.COM', 'https://muster.example.com'],
    ['https://muster.example.com:443/', 'https://muster.example.com'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['HTTPS://Ops.example.com/Tools/muster-1.0_~/', 'https://ops.example.com/Tools/muster-1.0_~'],
    ['http://[::1]:3000/..muster', 'http://[::1]:3000/..muster'],
  ])('normalizes MUSTER_PUBLIC_URL=%s, which decides whether cookies are secure', (value, expected) => {
    expect(parseEnv({ MUSTER_PUBLIC_URL: value }).MUSTER_PUBLIC_URL).toBe(expected);
  });

  test.each(['/api', '/API/x', '/hosts/muster', '/assets', '/docs', '/install.sh', '/healthz', '/sign-in'])(
    'refuses the path %s in MUSTER_PUBLIC_URL, because Muster itself serves such a path',
    (path) => {
      expect(problems({ MUSTER_PUBLIC_URL: `https://ops.example.com${path}` })).toEqual([
        'MUSTER_PUBLIC_URL must not have a path that begins with one of Muster’s own, such as /api or /hosts',
      ]);
    },
  );

  test.each([
    ['a database server', { DATABASE_URL: 'postgresql://db.example.com/muster' }],
    ['an address that other machines reach', { HOST: '0.0.0.0' }],
    ['a public URL', { MUSTER_PUBLIC_URL: 'https://muster.example.com' }],
  ])('refuses the well-known admin key for development with %s', (_, others) => {
    const key = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES));
    expect(problems({ MUSTER_ADMIN_KEY: key })).toEqual([]);
    expect(problems({ MUSTER_ADMIN_KEY: key, HOST: '::1' })).toEqual([]);
    expect(problems({ MUSTER_ADMIN_KEY: key, MUSTER_PUBLIC_URL: 'http://127.0.0.1:3000' })).toEqual([]);
    expect(problems({ ...others, MUSTER_ADMIN_KEY: key })).toEqual([
      expect.stringMatching(/^MUSTER_ADMIN_KEY must be a key of your own/),
    ]);
  });

  test('for development has the well-known admin key only if the database is embedded', () => {
    const publicKey = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES));
    const server = { DATABASE_URL: 'postgresql://127.0.0.1/shared' };
    const embedded = developmentEnv({ HOST: '0.0.0.0' }, '/data');
    expect(embedded).toMatchObject({ MUSTER_ADMIN_KEY: publicKey, MUSTER_DATA_DIR: '/data', HOST: '127.0.0.1' });
    expect(problems(embedded as Record<string, string>)).toEqual([]);
    expect(developmentEnv(server, '/data')).not.toHaveProperty('MUSTER_ADMIN_KEY');
    // With a database server, the API rejects the well-known admin key even if a developer sets it.
    const withServer = developmentEnv({ ...server, MUSTER_ADMIN_KEY: publicKey }, '/data');
    expect(problems(withServer as Record<string, string>)).toEqual([
      expect.stringMatching(/^MUSTER_ADMIN_KEY must be a key of your own/),
    ]);
  });

  test('for development uses PORT for the dashboard and in the public URL, and the next port for the API', () => {
    const page = { MUSTER_PUBLIC_URL: 'http://127.0.0.1:3000', PORT: '3001' };
    expect(developmentEnv({}, '/data')).toMatchObject(page);
    expect(developmentEnv({ PORT: '' }, '/data')).toMatchObject(page);
    expect(developmentEnv({ PORT: '4100' }, '/data')).toMatchObject({
      MUSTER_PUBLIC_URL: 'http://127.0.0.1:4100',
      PORT: '4101',
    });
  });

  test('requires the issuer of an identity provider, as an https URL or an address of this machine', () => {
    const others = { MUSTER_OIDC_CLIENT_ID: 'muster', MUSTER_OIDC_CLIENT_SECRET: 'hunter2' };
    const missing = 'MUSTER_OIDC_ISSUER must be set to sign in with an identity provider';
    expect(problems(others)).toEqual([missing]);
    expect(problems({ ...others, PORT: 'x' })).toEqual([expect.stringMatching(/^PORT must be /), missing]);
    expect(problems({ ...others, MUSTER_OIDC_ISSUER: 'http://login.example.com' })).toEqual([
      'MUSTER_OIDC_ISSUER must be an https URL',
    ]);
    for (const issuer of ['https://login.example.com', 'http://127.0.0.1:8080']) {
      expect(problems({ ...others, MUSTER_OIDC_ISSUER: issuer })).toEqual([]);
    }
  });

  const provider = {
    MUSTER_OIDC_ISSUER: 'https://login.example.com',
    MUSTER_OIDC_CLIENT_ID: 'muster',
    MUSTER_OIDC_CLIENT_SECRET: 'secret',
  };

  test.each([
    'https://login.microsoftonline.com/common/v2.0',
    'https://login.microsoftonline.com/organizations/v2.0',
    'https://login.microsoftonline.com/consumers',
    'https://LOGIN.microsoftonline.com/Common/v2.0',
    'https://login.microsoftonline.us/common/v2.0',
    'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
  ])('refuses to trust email addresses from the issuer %s, because anyone can have an account there', (issuer) => {
    const values = { ...provider, MUSTER_OIDC_ISSUER: issuer };
    expect(problems({ ...values, MUSTER_OIDC_TRUST_EMAIL: 'true' })).toEqual([
      expect.stringMatching(/^MUSTER_OIDC_ISSUER must name one tenant .* if MUSTER_OIDC_TRUST_EMAIL is true/),
    ]);
    expect(problems({ ...values, MUSTER_OIDC_TRUST_EMAIL: 'false' })).toEqual([]);
    const tenant = 'https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0';
    expect(problems({ ...provider, MUSTER_OIDC_ISSUER: tenant, MUSTER_OIDC_TRUST_EMAIL: 'true' })).toEqual([]);
  });

  test('maps groups to roles; a group name may contain colons, spaces, backslashes and escaped commas', () => {
    const rolesOf = (value: string) => [
      ...parseEnv({ ...provider, MUSTER_OIDC_ROLE_CLAIM: 'groups', MUSTER_OIDC_ROLES: value }).MUSTER_OIDC_ROLES!,
    ];
    expect(rolesOf('ops-admins:admin,everyone:viewer')).toEqual([
      ['ops-admins', 'admin'],
      ['everyone', 'viewer'],
    ]);
    expect(rolesOf(' urn:corp:owners : owner ,Domain Admins:admin')).toEqual([
      ['urn:corp:owners', 'owner'],
      ['Domain Admins', 'admin'],
    ]);
    expect(rolesOf(String.raw`cn=ops\,dc=example\,dc=com:admin,CORP\everyone:viewer`)).toEqual([
      ['cn=ops,dc=example,dc=com', 'admin'],
      [String.raw`CORP\everyone`, 'viewer'],
    ]);
    expect(rolesOf('__proto__:viewer,a:viewer,A:admin').length).toBe(3);
  });

  test.each([
    ['hunter2', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:boss', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:Admin', /^MUSTER_OIDC_ROLES must be a list of groups/],
    [':admin', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:admin,', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:constructor', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['cn=hunter2,dc=example:admin', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:boss,everyone:viewer', /^MUSTER_OIDC_ROLES must be a list of groups/],
    ['hunter2:admin,hunter2:admin', /^MUSTER_OIDC_ROLES must not have the same group twice$/],
    ['hunter2:admin,hunter2:viewer', /^MUSTER_OIDC_ROLES must not have the same group twice$/],
  ])('refuses the roles %s with a message that contains the variable but not the value', (value, problem) => {
    const found = problems({ ...provider, MUSTER_OIDC_ROLE_CLAIM: 'groups', MUSTER_OIDC_ROLES: value });
    expect(found).toEqual([expect.stringMatching(problem)]);
    expect(found[0]).not.toContain('hunter2');
  });

  test('accepts roles of groups only if a claim is set and uninvited people get no role', () => {
    const both = { MUSTER_OIDC_ROLE_CLAIM: 'groups', MUSTER_OIDC_ROLES: 'everyone:viewer' };
    const purpose = "must be set to take roles from the identity provider's groups";
    for (const [name, value] of Object.entries(both)) {
      const other = Object.keys(both).find((key) => key !== name)!;
      expect(problems({ ...provider, [name]: value })).toEqual([`${other} ${purpose}`]);
    }
    expect(problems({ ...provider, ...both, MUSTER_OIDC_STRANGER_ROLE: 'none' })).toEqual([]);
    expect(problems({ ...provider, ...both, MUSTER_OIDC_STRANGER_ROLE: 'viewer' })).toEqual([
      expect.stringMatching(/^MUSTER_OIDC_STRANGER_ROLE must be none if MUSTER_OIDC_ROLES is set/),
    ]);
    expect(problems({ ...provider, ...both, MUSTER_OIDC_ROLE_CLAIM: 'my groups' })).toEqual([
      'MUSTER_OIDC_ROLE_CLAIM must be the name of a claim such as groups',
    ]);
  });

  test('converts email domains to lower case, and refuses values that are not domains', () => {
    const { MUSTER_OIDC_DOMAINS: domains } = parseEnv({
      ...provider,
      MUSTER_OIDC_DOMAINS: 'Example.COM, b.example.org',
    });
    expect([...domains!]).toEqual(['example.com', 'b.example.org']);
    // The third value has a Kelvin sign, whose lower-case form is the letter k.
    for (const value of [
      '@example.com',
      '*.example.com',
      '\u212aube.example.com',
      'a.example,',
      'example',
      'a@b.example',
      'a b.example',
    ]) {
      expect(problems({ ...provider, MUSTER_OIDC_DOMAINS: value })).toEqual([
        'MUSTER_OIDC_DOMAINS must be a list of domains such as example.com,example.org, without @ or *',
      ]);
    }
  });

  test.each(['MUSTER_OIDC_DOMAINS', 'MUSTER_OIDC_ROLES'])('refuses %s without an identity provider', (name) => {
    const values = { MUSTER_OIDC_DOMAINS: 'example.com', MUSTER_OIDC_ROLES: 'everyone:viewer' };
    expect(problems({ [name]: values[name as keyof typeof values] })).toEqual(
      expect.arrayContaining(['MUSTER_OIDC_ISSUER must be set to sign in with an identity provider']),
    );
  });

  test('reads each secret from the file whose path is in NAME_FILE', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'muster-env-'));
    try {
      const values = {
        DATABASE_URL: 'postgresql://muster:hunter2@db.example.com/muster',
        MUSTER_ADMIN_KEY: formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES).fill(7)),
        MUSTER_SECRET: 'x'.repeat(32),
        MUSTER_OIDC_CLIENT_SECRET: 'hunter2',
        MUSTER_METRICS_TOKEN: 'metrics-token-123',
      };
      expect(Object.keys(values)).toEqual(SECRET_VARIABLES);
      const others = { MUSTER_OIDC_ISSUER: 'https://login.example.com', MUSTER_OIDC_CLIENT_ID: 'muster' };
      for (const [name, value] of Object.entries(values)) await writeFile(join(directory, name), `${value}\n`);
      const files = Object.fromEntries(SECRET_VARIABLES.map((name) => [`${name}_FILE`, join(directory, name)]));
      expect(parseEnv({ ...others, ...files })).toEqual(parseEnv({ ...others, ...values }));

      // The content of a file is checked like any other value, and is not printed.
      await writeFile(join(directory, 'DATABASE_URL'), 'hunter2');
      expect(problems({ ...others, ...files })).toEqual(['DATABASE_URL must be a postgresql:// URL']);
      // A secret that cannot be read is not also reported as missing.
      await rm(join(directory, 'MUSTER_OIDC_CLIENT_SECRET'));
      expect(problems({ ...others, ...files, DATABASE_URL_FILE: '' })).toEqual([
        'MUSTER_OIDC_CLIENT_SECRET_FILE must be the path of a readable file that contains the secret: ' +
          'no such file or directory',
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('reports all of its problems together', () => {
    expect(problems({ PORT: 'x', LOG_LEVEL: 'y' })).toHaveLength(2);
  });

  test('has the variables that .env.example lists, and accepts the values of that file', async () => {
    const example = await readFile(new URL('../../../.env.example', import.meta.url), 'utf8');
    const api = example.split('# --- agent')[0]!;
    const variables = [...api.matchAll(/^#? ?([A-Z][A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    const files = SECRET_VARIABLES.map((name) => `${name}_FILE`);
    expect(variables.map(([name]) => name).filter((name) => !files.includes(name!))).toEqual(
      Object.keys(EnvVariables.shape),
    );
    expect(variables.map(([name]) => name).filter((name) => files.includes(name!))).toEqual(files);
    const values = variables.filter(([name]) => !files.includes(name!));
    expect(problems(Object.fromEntries(values) as Record<string, string>)).toEqual([]);
  });

  test('is excluded from container builds, like all other files that git ignores', async () => {
    const patternsOf = async (file: string) =>
      (await readFile(new URL(`../../../${file}`, import.meta.url), 'utf8'))
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.replace(/^\*\*\//, '').replace(/\/$/, ''));
    const dockerIgnorePatterns = await patternsOf('.dockerignore');
    for (const pattern of [...(await patternsOf('.gitignore')), '.git', '.muster', '.env', 'node_modules']) {
      // One pattern covers all hidden files.
      expect(dockerIgnorePatterns).toContain(pattern.startsWith('.') ? '.*' : pattern);
    }
  });
});
