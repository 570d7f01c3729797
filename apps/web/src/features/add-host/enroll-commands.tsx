import type { AgentRelease } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { Tabs } from 'radix-ui';
import { useState } from 'react';
import { Command } from '../../components/copyable';
import { ErrorNote } from '../../components/error-note';
import { Field } from '../../components/field';
import { Note } from '../../components/note';
import { agentReleaseQuery } from '../../lib/api/queries';
import { SERVER_URL } from '../../lib/base-path';
import { formatLabelLines, parseLabelLines } from '../../lib/host-labels';
import { installMethods, isLoopback, type ServerAddress } from './install-methods';

/** The interval at which the page asks whether the release is ready, in milliseconds. */
const POLL_INTERVAL_MS = 2_000;

/**
 * The commands that start an agent with this enrollment token, with one tab for each way to run the agent. The user can
 * add labels and, if the token is for one host, the host's name.
 */
export function EnrollCommands({ token, isForOneHost = true }: { token: string; isForOneHost?: boolean }) {
  const [name, setName] = useState('');
  const [labelText, setLabelText] = useState('');
  const parsed = parseLabelLines(labelText);
  const labels = 'labels' in parsed ? formatLabelLines(parsed.labels).replaceAll('\n', ',') : '';
  const { data: release, error } = useQuery({
    ...agentReleaseQuery,
    refetchInterval: ({ state }) => (state.data?.state === 'preparing' ? POLL_INTERVAL_MS : false),
  });
  if (release === undefined) return <ErrorNote error={error} />;
  const server = { url: release.publicUrl ?? SERVER_URL, isConfigured: release.publicUrl !== null };
  const { version, images } = release;
  const methods = installMethods(server, token, version === null ? null : { version, images }, {
    name: name.trim(),
    labels,
  });
  return (
    <>
      <ReleaseNote release={release} />
      <Tabs.Root key={methods[0]!.id} defaultValue={methods[0]!.id}>
        <Tabs.List className="tabs" aria-label="Ways to run the agent">
          {methods.map(({ id, title }) => (
            <Tabs.Trigger key={id} value={id} className="tab">
              {title}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {methods.map(({ id, title, description, command }) => (
          <Tabs.Content key={id} value={id} className="tab-content">
            <p className="soft">{description}</p>
            <Command text={command} label={`command for ${title}`} />
          </Tabs.Content>
        ))}
      </Tabs.Root>
      <details className="agent-settings">
        <summary>{isForOneHost ? 'Name and labels of the host' : 'Labels of the hosts'}</summary>
        <div className="stack">
          {isForOneHost && (
            <Field
              label="Host name (optional)"
              value={name}
              hint="The command sets MUSTER_HOST_NAME. Without it, the host has the name of its machine."
              onChange={(event) => setName(event.target.value)}
            />
          )}
          <Field
            label="Agent labels (optional)"
            placeholder="env=prod, site=fra"
            value={labelText}
            hint="The command sets MUSTER_HOST_LABELS. Labels of the agent replace those of the token with the same key."
            error={'error' in parsed ? parsed.error : undefined}
            onChange={(event) => setLabelText(event.target.value)}
          />
        </div>
      </details>
      <AddressNote server={server} />
    </>
  );
}

/** Explains why the installer is missing, or for which architectures it is missing. */
function ReleaseNote({ release: { state, executables } }: { release: AgentRelease }) {
  if (state === 'preparing') {
    return (
      <p className="waiting" role="status">
        <span className="loading-bar" aria-hidden="true" />
        The agent’s installer is being prepared. This takes about a minute.
      </p>
    );
  }
  if (state !== 'ready') {
    return (
      <div className="prose" role="status">
        <p>
          {state === 'failed'
            ? 'The agent’s installer could not be prepared. The server’s log contains the reason. To try again, run this on the server:'
            : 'This server has no installer for the agent. To build it, run this on the server:'}
        </p>
        <Command text={BUILD_COMMAND} label="command that builds the installer" />
      </div>
    );
  }
  const missing = (['x64', 'arm64'] as const).filter((arch) => !executables.includes(arch));
  if (missing.length === 0) return null;
  return (
    <p className="soft">
      This server has the agent for {executables.join(' and ')} only. To add {missing.join(' and ')}, run{' '}
      <code>{BUILD_COMMAND}</code> on the server.
    </p>
  );
}

const BUILD_COMMAND = 'npx -y pnpm@12.21.0 --filter @muster/agent package';

/** Says which address of the server the commands contain. */
function AddressNote({ server: { url, isConfigured } }: { server: ServerAddress }) {
  const change = isConfigured ? 'change' : 'set';
  return (
    <>
      <p className="soft add-note">
        The agent reports to <code>{url}</code> (
        {isConfigured ? 'from MUSTER_PUBLIC_URL' : 'the address in your browser'}).
      </p>
      {isLoopback(url) && (
        <Note kind="warning">
          Other machines cannot reach this address. To add another machine, {change} MUSTER_PUBLIC_URL on the server
          {isConfigured ? '.' : ', or open this page at an address that the machine can reach.'}
        </Note>
      )}
    </>
  );
}
