/** Where each call of the API lives. Express's and OpenAPI's parameters are derived from `:name`. */
export const Paths = {
  agentEnroll: '/api/agent/enroll',
  agentContainers: '/api/agent/containers',
  agentHeartbeat: '/api/agent/heartbeat',
  agentToken: '/api/agent/token',
  enrollmentTokens: '/api/enrollment-tokens',
  enrollmentToken: '/api/enrollment-tokens/:enrollmentTokenId',
  hosts: '/api/hosts',
  host: '/api/hosts/:hostId',
  hostContainer: '/api/hosts/:hostId/containers/:dockerId',
  containers: '/api/containers',
  events: '/api/events',
  audit: '/api/audit',
  health: '/healthz',
  ready: '/readyz',
} as const;
