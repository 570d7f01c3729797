import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine(
  { name: 'Podman', version: '4.3', releases: ['bookworm'] },
  // Podman 4 does not report why a start failed, and reports that memory ran out only with cgroup v2.
  { ...PODMAN_EXITS, memory: '137 unknown or 137 oom', 'missing-command': 'created', 'port-conflict': 'created' },
);
