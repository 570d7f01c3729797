import { describe, expect, test } from '@jest/globals';
import { HostFacets, Paths, type HostPage } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createApp } from '../src/app.js';
import { createAgentReleaseService } from '../src/services/agent-release/index.js';
import { getHostFacets } from '../src/services/inventory/host-facets.sql.js';
import { clocksOf, TestApi, useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('the facets of hosts on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const engineOf = (name: string) => ({ name, version: '1', apiVersion: '1' });
  const facetsOf = async (organization: TestOrganization) =>
    HostFacets.parse((await organization.get(Paths.hostFacets).expect(200)).body);

  test('are the values that hosts have, with the number of hosts that a filter by each value finds', async () => {
    const organization = await context.api.organization();
    for (const agentVersion of ['0.9.0', '0.10.0', '0.10.0']) await organization.enroll({ agentVersion });
    const host = await organization.enroll({ engine: engineOf('Podman'), agentVersion: '0.10.0-rc.1' });
    const gone = await organization.enroll({ engine: engineOf('containerd') });
    const path = `${Paths.hosts}/${gone.id}`;
    await context.api.http.delete(path).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    await (await context.api.organization()).enroll({ agentVersion: '9.9.9' });

    const { engines, agentVersions } = await facetsOf(organization);
    expect(engines.values).toEqual([
      { value: 'Docker', hosts: 3 },
      { value: 'Podman', hosts: 1 },
    ]);
    expect(agentVersions.values.map(({ value }) => value)).toEqual(['0.9.0', '0.10.0-rc.1', '0.10.0']);
    for (const [filter, { values }] of Object.entries({ engine: engines, agentVersion: agentVersions })) {
      for (const { value, hosts } of values) {
        const answer = await organization
          .get(Paths.hosts)
          .query({ [filter]: value, count: 'true' })
          .expect(200);
        expect((answer.body as HostPage).total).toBe(hosts);
      }
    }
    const podman = await organization.get(`${Paths.hosts}?engine=Podman`).expect(200);
    expect((podman.body as HostPage).items.map(({ id }) => id)).toEqual([host.id]);
  });

  test('are empty without hosts, and can be read by viewers', async () => {
    const organization = await context.api.organization();
    const viewer = await context.api.apiKey(organization.id, 'viewer');
    const { body } = await context.api.http.get(Paths.hostFacets).auth(viewer, { type: 'bearer' }).expect(200);
    const empty = { values: [], hasMore: false };
    expect(body).toEqual({ engines: empty, agentVersions: empty, labels: { keys: [], hasMore: false } });
  });

  test('contain only the most frequent values if there are more than the limit', async () => {
    const organization = await context.api.organization();
    for (const agentVersion of ['1', '2', '2', '3', '3']) await organization.enroll({ agentVersion });
    const { agentVersions, engines } = await getHostFacets(context.api.db, organization.id, { valuesMax: 2 });
    expect(agentVersions).toEqual({
      values: [
        { value: '2', hosts: 2, isOutdated: false },
        { value: '3', hosts: 2, isOutdated: false },
      ],
      hasMore: true,
    });
    expect(engines.hasMore).toBe(false);
  });

  test('mark agent versions that are older than the server’s release, but not versions that cannot be compared', async () => {
    const organization = await context.api.organization();
    for (const agentVersion of ['0.9.0', '0.10.0-rc.1', '0.10.0', '0.11.0', 'curl']) {
      await organization.enroll({ agentVersion });
    }
    const outdated = async (releaseVersion: string | null) => {
      const { agentVersions } = await getHostFacets(context.api.db, organization.id, { releaseVersion });
      return agentVersions.values.filter(({ isOutdated }) => isOutdated).map(({ value }) => value);
    };
    expect(await outdated('0.10.0')).toEqual(['0.9.0', '0.10.0-rc.1']);
    expect(await outdated(null)).toEqual([]);
  });

  test('are returned even if the agent release cannot be read, and a damaged release is logged once', async () => {
    const organization = await context.api.organization();
    await organization.enroll({ agentVersion: '0.9.0' });
    const { db, clock } = context.api;
    const directory = await mkdtemp(join(tmpdir(), 'muster-facets-'));
    const file = (name: string) => join(directory, name);
    /** Reads the facets twice. Returns whether the host's agent is outdated, and the number of logged errors. */
    const read = async (release: string) => {
      const lines: string[] = [];
      const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
      const urls = { publicUrl: null, localUrl: 'http://127.0.0.1:3000' };
      const agentRelease = createAgentReleaseService(release, { ...urls, logger });
      const { http } = new TestApi(db, createApp({ db, ...clocksOf(clock), agentRelease, logger }), clock);
      const get = async () =>
        HostFacets.parse(
          (await http.get(Paths.hostFacets).auth(organization.adminKey, { type: 'bearer' }).expect(200)).body,
        );
      await get();
      return [(await get()).agentVersions.values[0]!.isOutdated, lines.length];
    };
    try {
      expect(await read(directory)).toEqual([false, 0]);
      await writeFile(file('SHA256SUMS'), '00ff  muster-agent-linux-x64\n');
      await writeFile(file('install.sh'), '#!/bin/sh\n');
      for (const damaged of ['', '{"metadata":', '{"metadata":{"component":{}}}', 'null']) {
        await writeFile(file('sbom.cdx.json'), damaged);
        expect(await read(directory)).toEqual([false, 1]);
      }
      expect(await read(file('sbom.cdx.json'))).toEqual([false, 1]);
      await writeFile(file('sbom.cdx.json'), '{"metadata":{"component":{"version":"0.10.0"}}}');
      expect(await read(directory)).toEqual([true, 0]);
      await rm(file('SHA256SUMS'));
      await mkdir(file('SHA256SUMS'));
      expect(await read(directory)).toEqual([false, 1]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
