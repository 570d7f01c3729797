import { PODMAN_EXITS, describeEngine } from '../support/engines/stories.js';

await describeEngine(
  { name: 'Podman', version: '4.3', releases: ['bookworm'] },
  // Podman 4 reports neither why a start failed nor that memory ran out.
  { ...PODMAN_EXITS, memory: '137 unknown', 'missing-command': 'created', 'port-conflict': 'created' },
);
