import * as contracts from '@muster/contracts';

const HOST_ID = 'f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293';
const USER_ID = '0199c3f0-6b22-7c4d-9e5f-2a3b4c5d6e7f';
const AT = '2026-03-01T12:00:00.000Z';
const EARLIER = '2026-02-27T08:15:30.000Z';
const LATER = '2026-03-08T12:00:00.000Z';
const CADENCE: contracts.Cadence = { heartbeatSeconds: 10, snapshotSeconds: 60 };
const ACCEPTS = [contracts.ACCEPTS_PORT_RANGES];

const ENGINE: contracts.EnrollRequest['engine'] = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };

const CONTAINER: contracts.Container = {
  dockerId: '4c01db0b339c',
  name: 'shop-web-1',
  image: 'nginx:1.29',
  imageId: 'sha256:60adc2e137e757418d4d771822fa3b3f5d3b4ad58ef2385d200c9ee78375b6d5',
  command: "nginx -g 'daemon off;'",
  state: 'running',
  status: 'Up 5 minutes (healthy)',
  ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8080, type: 'tcp' }],
  labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' },
  startedAt: '2026-03-01T11:55:00.000Z',
};

const HOST: contracts.Host = {
  id: HOST_ID,
  name: 'edge-1',
  nameSetByOperator: false,
  nameIsShared: false,
  engineId: '2f0b7c9e-1c1d-4d5e-8a1f-9b7c6d5e4f3a',
  engine: ENGINE,
  os: 'Debian GNU/Linux 12 (bookworm)',
  arch: 'x86_64',
  agentVersion: '0.1.0',
  addresses: ['192.0.2.17', '2001:db8::17'],
  kernel: '6.1.0-44-amd64',
  cpus: 8,
  memoryBytes: 33_554_432_000,
  engineFacts: { rootless: false, cgroupVersion: '2', storageDriver: 'overlay2', swarmRole: null, swarmNodeId: null },
  labels: { env: 'prod', site: 'fra' },
  labelsBySource: { operator: { env: 'prod' }, agent: { site: 'fra' }, enrollmentToken: { env: 'test' } },
  freshness: 'online',
  problems: [],
  containerCount: 1,
  containersByState: { running: 1 },
  containersByHealth: { healthy: 1 },
  infraCount: 0,
  containersByExitReason: {},
  revision: 7,
  lastSeenAt: AT,
  confirmedAt: AT,
  engineError: null,
  cloneSuspectedAt: null,
  clockSkewSeconds: 0,
  enrolledAt: EARLIER,
};

const ENROLLMENT_TOKEN: contracts.EnrollmentToken = {
  id: '0199c3f0-5a4e-7c11-8f2d-6b1a2c3d4e5f',
  name: 'rack 4',
  maxUses: 20,
  uses: 3,
  createdAt: AT,
  expiresAt: LATER,
  revokedAt: null,
  labels: { env: 'test' },
};

const API_KEY: contracts.ApiKey = {
  id: '0199c3f0-61b2-7d40-9a3b-7c2d3e4f5a6b',
  name: 'dashboards',
  role: 'viewer',
  createdAt: EARLIER,
  createdBy: 'user:0199c3f0-3e1d-7b5c-8c7e-2a3b4c5d6e7f',
  createdByName: 'Ada Lovelace',
  expiresAt: null,
  lastUsedAt: AT,
  revokedAt: null,
};

const INVITATION: contracts.Invitation = {
  id: '0199c3f0-6c33-7d5e-8f6a-3b4c5d6e7f80',
  email: 'ada@example.org',
  role: 'viewer',
  createdAt: AT,
  expiresAt: LATER,
};

const HOST_ATTENTION: contracts.HostAttention = {
  kind: 'offline',
  severity: 5,
  total: 1500,
  filter: { freshness: ['offline'] },
  since: AT,
  times: [{ since: AT, until: AT, total: 1500 }],
  latest: [{ id: HOST_ID, name: 'edge-1', since: AT }],
};

const CONTAINER_ATTENTION: contracts.ContainerAttention = {
  kind: 'failed',
  total: 1,
  totalIsExact: true,
  filter: { problem: ['failed'], hostFreshness: ['online'] },
  groups: [
    {
      image: 'nginx:1.29',
      total: 1,
      hosts: 1,
      filter: { problem: ['failed'], hostFreshness: ['online'], image: ['nginx:1.29'] },
      since: AT,
      latest: [
        {
          hostId: HOST_ID,
          hostName: 'edge-1',
          dockerId: '4c01db0b339c',
          name: 'shop-web-1',
          exitCode: 1,
          exit: null,
          workload: { kind: 'compose', project: 'shop', service: 'web', instance: '1' },
          exits: null,
          since: AT,
        },
      ],
    },
  ],
  isComplete: true,
};

const REPLICA: contracts.Replica = {
  id: '0199c3f0-7a31-7b52-8c4d-1e2f3a4b5c6d',
  version: contracts.MUSTER_VERSION,
  startedAt: EARLIER,
  lastSeenAt: AT,
};

/** The window of the examples of availability. */
const WINDOW = { window: '24h', from: '2026-02-28T12:00:00.000Z', to: '2026-03-01T12:00:00.000Z' } as const;

/** Formats a placeholder for a token or key. It is not a valid token. */
const placeholderToken = (kind: string) => `muster_${kind}_${'0'.repeat(49)}`;

/**
 * One example per component schema that has no example in the contracts. Tests validate the examples against
 * the schemas.
 */
export const EXAMPLES: Readonly<Record<string, unknown>> = {
  Liveness: { status: 'ok', version: contracts.MUSTER_VERSION } satisfies contracts.Liveness,
  Replica: REPLICA,
  System: {
    version: contracts.MUSTER_VERSION,
    database: { kind: 'postgresql', version: '18.1' },
    replicas: [REPLICA],
  } satisfies contracts.System,
  EnrollRequest: {
    name: 'edge-1',
    engineId: HOST.engineId,
    engine: ENGINE,
    os: HOST.os,
    arch: HOST.arch,
    agentVersion: '0.1.0',
  } satisfies contracts.EnrollRequest,
  EnrollResponse: {
    hostId: HOST_ID,
    agentToken: placeholderToken('agent'),
    cadence: CADENCE,
    accepts: ACCEPTS,
  } satisfies contracts.EnrollResponse,
  TokenRotation: {
    agentToken: placeholderToken('agent'),
    cadence: CADENCE,
    accepts: ACCEPTS,
  } satisfies contracts.TokenRotation,
  TokenHolder: { hostId: HOST_ID, cadence: CADENCE, accepts: ACCEPTS } satisfies contracts.TokenHolder,
  Snapshot: [CONTAINER] satisfies contracts.Snapshot,
  SyncSummary: {
    hostId: HOST_ID,
    applied: true,
    received: 1,
    created: 0,
    updated: 1,
    unchanged: 0,
    removed: 0,
    revision: 7,
    digest: '3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    cadence: CADENCE,
    accepts: ACCEPTS,
  } satisfies contracts.SyncSummary,
  Heartbeat: { digest: '3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } satisfies contracts.Heartbeat,
  HeartbeatResponse: {
    snapshotRequired: false,
    cadence: CADENCE,
    accepts: ACCEPTS,
  } satisfies contracts.HeartbeatResponse,
  EnrollmentTokenRequest: { name: 'rack 4', maxUses: 20 },
  EnrollmentToken: ENROLLMENT_TOKEN,
  EnrollmentTokenCreated: {
    ...ENROLLMENT_TOKEN,
    token: placeholderToken('enroll'),
  } satisfies contracts.EnrollmentTokenCreated,
  Host: HOST,
  HostDeletionRequest: { hostIds: [HOST_ID] } satisfies contracts.HostDeletionRequest,
  HostDeletionResult: { deleted: [HOST_ID], notFound: [] } satisfies contracts.HostDeletionResult,
  HostLabelChange: { hostIds: [HOST_ID], set: { env: 'prod' }, remove: ['site'] } satisfies contracts.HostLabelChange,
  HostLabelChangeResult: { changed: [HOST_ID], unchanged: [], notFound: [] } satisfies contracts.HostLabelChangeResult,
  HostPatch: { name: 'edge-1' } satisfies contracts.HostPatch,
  ContainerView: {
    ...CONTAINER,
    hostId: HOST_ID,
    hostName: 'edge-1',
    hostFreshness: 'online',
    engineName: 'Docker',
    asOf: AT,
    health: 'healthy',
    exitCode: null,
    exit: null,
    oomKilled: false,
    restartCount: 0,
    imageDigest: 'sha256:0e9f0ba40fbd3e2a4b0d4ccf1bbd0a2f4a4b0d4ccf1bbd0a2f4a4b0d4ccf1bbd',
    workload: { kind: 'plain', project: null, service: CONTAINER.name, instance: null },
    isInfra: false,
    uptimeSeconds: 93_600,
    firstSeenAt: EARLIER,
    changedAt: AT,
    removedAt: null,
  } satisfies contracts.ContainerView,
  ContainerEvent: {
    id: '812-4',
    hostId: HOST_ID,
    hostName: 'edge-1',
    dockerId: CONTAINER.dockerId,
    name: CONTAINER.name,
    kind: 'exited',
    from: 'running',
    to: 'exited',
    exitCode: 137,
    exitReason: 'oom',
    workload: { kind: 'plain', project: null, service: CONTAINER.name, instance: null },
    image: null,
    exits: null,
    observedAt: AT,
    recordedAt: AT,
  } satisfies contracts.ContainerEvent,
  HostEvent: {
    id: '812-5',
    hostId: HOST_ID,
    hostName: 'edge-1',
    kind: 'host_back',
    from: { state: 'offline', since: EARLIER },
    to: { silentSeconds: 93_600 },
    at: AT,
    recordedAt: AT,
  } satisfies contracts.HostEvent,
  AuditEntry: {
    id: '0199c3f0-7000-7000-8000-000000000001',
    at: AT,
    actor: `api_key:${API_KEY.id}`,
    actorName: API_KEY.name,
    action: 'host.renamed',
    target: `host:${HOST_ID}`,
    details: { from: 'edge', to: 'edge-1' },
  } satisfies contracts.AuditEntry,
  Attention: {
    hosts: { total: 1500, problems: [HOST_ATTENTION] },
    containers: { total: 1, totalIsExact: true, problems: [CONTAINER_ATTENTION] },
  } satisfies contracts.Attention,
  HostAttention: HOST_ATTENTION,
  HostAttentionFilter: HOST_ATTENTION.filter,
  ContainerAttention: CONTAINER_ATTENTION,
  ContainerAttentionGroup: CONTAINER_ATTENTION.groups[0]!,
  ContainerAttentionFilter: CONTAINER_ATTENTION.filter,
  FleetMap: {
    total: 2,
    ids: [HOST_ID, '7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    names: ['edge-1', 'edge-2'],
    freshness: ['online', 'offline'],
    severity: [1, 5],
    unhealthy: [0, 1],
  } satisfies contracts.FleetMap,
  AgentRelease: {
    state: 'ready',
    version: '0.10.0',
    executables: ['x64', 'arm64'],
    images: ['x64'],
    publicUrl: 'https://muster.example.com',
  } satisfies contracts.AgentRelease,
  HostAvailability: {
    hostId: HOST_ID,
    ...WINDOW,
    ratio: 0.96875,
    seconds: { online: 83_700, engineDown: 0, stale: 0, offline: 2_700, unknown: 0 },
    segments: [
      { from: WINDOW.from, to: '2026-03-01T11:15:00.000Z', state: 'online', reason: null },
      { from: '2026-03-01T11:15:00.000Z', to: WINDOW.to, state: 'offline', reason: null },
    ],
    isExact: true,
  } satisfies contracts.HostAvailability,
  AvailabilityItemPage: {
    ...WINDOW,
    items: [
      {
        hostId: HOST_ID,
        hostName: 'edge-1',
        freshness: 'offline',
        ratio: 0.96875,
        seconds: { online: 83_700, engineDown: 0, stale: 0, offline: 2_700, unknown: 0 },
      },
    ],
    nextCursor: null,
  } satisfies contracts.AvailabilityItemPage,
  AvailabilityGroups: {
    ...WINDOW,
    total: {
      hosts: 1,
      ratio: 0.96875,
      seconds: { online: 83_700, engineDown: 0, stale: 0, offline: 2_700, unknown: 0 },
    },
    groups: [
      {
        value: 'prod',
        hosts: 1,
        ratio: 0.96875,
        seconds: { online: 83_700, engineDown: 0, stale: 0, offline: 2_700, unknown: 0 },
      },
    ],
    hasMore: false,
  } satisfies contracts.AvailabilityGroups,
  HostFacets: {
    engines: { values: [{ value: 'Docker', hosts: 2 }], hasMore: false },
    agentVersions: {
      values: [
        { value: '0.9.0', hosts: 1, isOutdated: true },
        { value: '0.10.0', hosts: 1, isOutdated: false },
      ],
      hasMore: false,
    },
    labels: {
      keys: [{ key: 'env', hosts: 2, values: [{ value: 'prod', hosts: 2 }], hasMore: false }],
      hasMore: false,
    },
  } satisfies contracts.HostFacets,
  HostGroups: {
    by: 'env',
    groups: [
      {
        value: 'prod',
        hosts: { total: 1, byFreshness: { online: 1, stale: 0, offline: 0, never: 0, engine_down: 0, left: 0 } },
        containers: {
          current: { total: 1, byState: { running: 1 }, byHealth: { healthy: 1 }, byExitReason: {}, infra: 0 },
          lastKnown: { total: 0, byState: {}, byHealth: {}, byExitReason: {}, infra: 0 },
        },
      },
    ],
    other: null,
  } satisfies contracts.HostGroups,
  ServiceDiscoveryTargets: [
    {
      targets: ['edge-1:9100'],
      labels: {
        __meta_muster_host_id: HOST_ID,
        __meta_muster_host_name: 'edge-1',
        __meta_muster_host_freshness: 'online',
        __meta_muster_host_address_source: 'name',
        __meta_muster_host_label_env: 'prod',
      },
    },
  ] satisfies contracts.ServiceDiscoveryTargets,
  SearchResult: {
    hosts: {
      items: [
        {
          id: HOST_ID,
          name: 'edge-1',
          freshness: 'online',
          nameIsShared: false,
          addresses: ['192.0.2.17'],
          kernel: '6.1.0-44-amd64',
          os: 'Debian GNU/Linux 12 (bookworm)',
          engineId: '2f0b7c9e-1c1d-4d5e-8a1f-9b7c6d5e4f3a',
        },
      ],
      hasMore: false,
    },
    containers: { items: [], hasMore: false },
    images: { items: [{ image: 'nginx:1.29', hosts: 3, containers: 5 }], hasMore: false },
    projects: { items: [{ project: 'shop' }], hasMore: false },
  } satisfies contracts.SearchResult,
  Summary: {
    at: AT,
    hosts: {
      total: 2,
      byFreshness: { online: 1, stale: 0, offline: 1, never: 0, engine_down: 0, left: 0 },
      byProblem: {
        engine_unreachable: 0,
        list_refused: 0,
        too_many_containers: 0,
        snapshot_refused: 0,
        truncated: 0,
        clone_suspected: 0,
        clock_skew: 0,
      },
      cloneSuspected: 0,
    },
    containers: {
      current: { total: 1, byState: { running: 1 }, byHealth: { healthy: 1 }, byExitReason: {}, infra: 0 },
      lastKnown: {
        total: 2,
        byState: { exited: 1, running: 1 },
        byHealth: {},
        byExitReason: { completed: 1 },
        infra: 1,
      },
    },
  } satisfies contracts.Summary,
  SignInOptions: { setupRequired: false, oidc: null } satisfies contracts.SignInOptions,
  SetupRequest: {
    token: placeholderToken('setup'),
    name: 'Ada',
    email: 'ada@example.org',
    password: 'a long phrase of yours',
  } satisfies contracts.SetupRequest,
  SignInRequest: {
    email: 'ada@example.org',
    password: 'a long phrase of yours',
  } satisfies contracts.SignInRequest,
  Session: {
    user: { id: USER_ID, name: 'Ada', email: 'ada@example.org' },
    apiKey: null,
    organization: { id: 'default', name: 'Default' },
    role: 'owner',
    expiresAt: LATER,
  } satisfies contracts.Session,
  SessionItem: {
    id: '0199c3f0-6a11-7b3c-8d4e-1f2a3b4c5d6e',
    current: true,
    createdAt: EARLIER,
    lastSeenAt: AT,
    expiresAt: LATER,
    address: '203.0.113.7',
    userAgent: 'Mozilla/5.0',
  } satisfies contracts.SessionItem,
  PasswordChange: {
    currentPassword: 'a long phrase of yours',
    newPassword: 'another long phrase',
  } satisfies contracts.PasswordChange,
  Member: {
    userId: USER_ID,
    name: 'Ada',
    email: 'ada@example.org',
    role: 'owner',
    joinedAt: EARLIER,
  } satisfies contracts.Member,
  MemberPatch: { role: 'admin' } satisfies contracts.MemberPatch,
  InvitationRequest: { email: 'ada@example.org', role: 'viewer' } satisfies contracts.InvitationRequest,
  Invitation: INVITATION,
  InvitationCreated: {
    ...INVITATION,
    url: 'https://muster.example.org/invitation#token=muster_invite_…',
  } satisfies contracts.InvitationCreated,
  InvitationOfferRequest: { token: placeholderToken('invite') } satisfies contracts.InvitationOfferRequest,
  InvitationOffer: {
    email: 'ada@example.org',
    organization: 'Default',
    role: 'viewer',
  } satisfies contracts.InvitationOffer,
  InvitationAcceptance: {
    token: placeholderToken('invite'),
    name: 'Ada',
    password: 'a long phrase of yours',
  } satisfies contracts.InvitationAcceptance,
  ApiKeyRequest: { name: 'dashboards', role: 'viewer' },
  ApiKey: API_KEY,
  ApiKeyCreated: { ...API_KEY, key: placeholderToken('key') } satisfies contracts.ApiKeyCreated,
};
