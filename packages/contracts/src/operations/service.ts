import { z } from 'zod';
import { AgentRelease } from '../agent-release.js';
import { Liveness, Readiness } from '../health-checks.js';
import type { Operation } from '../operation.js';
import { Paths } from '../paths.js';
import { ProblemTypes } from '../problem.js';
import { System } from '../system.js';

/** Health checks, the state of the service, metrics, the agent release and the OpenAPI document. */
export const ServiceOperations = {
  isAlive: {
    method: 'GET',
    path: Paths.health,
    tag: 'Service',
    access: 'public',
    summary: 'Liveness check',
    description: 'Returns 200 and the version while the process is running. Does not check the database.',
    answers: { 200: Liveness },
  },
  isReady: {
    method: 'GET',
    path: Paths.ready,
    tag: 'Service',
    access: 'public',
    summary: 'Readiness check',
    description:
      'Returns 200 if the process can serve requests: the database is reachable and writable, and the process is not ' +
      'shutting down. Otherwise 503.',
    answers: { 200: Readiness },
    refusals: [ProblemTypes.unavailable],
  },
  getSystem: {
    method: 'GET',
    path: Paths.system,
    tag: 'Service',
    access: 'viewer',
    summary: 'Get the version, the database and the replicas',
    description:
      'Returns the version of the process that responds, and the kind and version of its database. Also returns the ' +
      'server processes that recorded themselves in the database within the last minute. A process that is stopped ' +
      'normally is removed at once. Processes before version 0.3.0 do not record themselves.',
    answers: { 200: System },
  },
  getMetrics: {
    method: 'GET',
    path: Paths.metrics,
    tag: 'Service',
    access: 'metrics',
    summary: 'Get metrics for Prometheus',
    description:
      'Returns the metrics of this process, and counts of the hosts and containers of all organizations, in ' +
      'Prometheus text format.',
    answers: { 200: 'text/plain' },
  },
  getInstallScript: {
    method: 'GET',
    path: Paths.installScript,
    tag: 'Service',
    access: 'public',
    summary: 'Get the agent’s install script',
    description:
      'Returns a shell script that installs the agent from this server. Fails with 404 if the server has no agent ' +
      'release, and with 503 if the release is damaged.',
    answers: { 200: 'text/x-shellscript' },
    refusals: [ProblemTypes.notFound],
  },
  getAgentRelease: {
    method: 'GET',
    path: Paths.agentRelease,
    tag: 'Service',
    access: 'public',
    summary: 'Download a file of the agent release',
    description:
      'Returns an executable or an image for one architecture, a service file, the checksums or the software bill of ' +
      'materials. Fails with 404 if the release has no such file, and with 429 if too many downloads from one address are in progress.',
    resource: 'agent release file',
    params: z.object({ file: z.string() }),
    answers: { 200: 'application/octet-stream' },
  },
  describeAgentRelease: {
    method: 'GET',
    path: '/api/agent-release',
    tag: 'Service',
    access: 'viewer',
    summary: 'Describe the agent release',
    description:
      'Returns whether this server has an agent release, the version and the architectures of the release, and the ' +
      'server’s configured address. If the release could not be built, or is damaged, the state is `failed` and the ' +
      'server’s log contains the reason.',
    answers: { 200: AgentRelease },
  },
  getOpenApi: {
    method: 'GET',
    path: Paths.openApi,
    tag: 'Service',
    access: 'public',
    summary: 'Get this OpenAPI document',
    description: 'Returns this document as JSON.',
    answers: { 200: 'application/json' },
  },
} as const satisfies Record<string, Operation>;
