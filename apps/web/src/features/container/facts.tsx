import type { ContainerFieldName, ContainerView } from '@muster/contracts';
import { describeExit, knownExit } from '@muster/contracts/describe-exit';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { CopyButton } from '../../components/copyable';
import { ImageRef } from '../../components/image-ref';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { isCurrent } from '../../lib/container-status';
import { formatPort, formatPortRange, formatProtocol, publishedPorts } from '../../lib/format-port';
import { formatDuration } from '../../lib/format-time';
import { toPlainText } from '../../lib/plain-text';

type Fact = (container: ContainerView) => ReactNode;

/**
 * The components that show the fields in the details, in display order. Null means that the details do not show the
 * field.
 */
const FACTS: Readonly<Record<ContainerFieldName, Fact | null>> = {
  image: ({ image, imageId }) => (
    <>
      <dt>Image</dt>
      <dd>
        <Link to="/containers" search={{ image: [image] }} className="plain-link">
          <ImageRef image={image} imageId={imageId} />
        </Link>
      </dd>
    </>
  ),
  ports: ({ ports }) => {
    const mergedPorts = publishedPorts(ports);
    const unpublishedPorts = ports.filter(({ publicPort }) => publicPort === undefined);
    return (
      <>
        <dt>Ports</dt>
        <dd>
          {mergedPorts.length + unpublishedPorts.length === 0 && <span className="soft">–</span>}
          <ul className="port-list">
            {mergedPorts.map((port) => (
              <li key={formatPort(port)}>
                <Link to="/ports" search={{ port: String(port.publicPort) }} className="number">
                  <IsolatedText text={formatPort(port)} />
                </Link>
              </li>
            ))}
            {unpublishedPorts.length > 0 && (
              <li className="soft">
                {unpublishedPorts
                  .map(
                    ({ privatePort, type, count }) => `${formatPortRange(privatePort, count)}${formatProtocol(type)}`,
                  )
                  .join(', ')}{' '}
                (not published)
              </li>
            )}
          </ul>
        </dd>
      </>
    );
  },
  startedAt: ({ startedAt, uptimeSeconds, hostFreshness }) => (
    <>
      <dt>Started</dt>
      <dd>{startedAt === null ? <span className="soft">unknown</span> : <Age at={startedAt} />}</dd>
      {uptimeSeconds !== null && (
        <>
          <dt>{isCurrent(hostFreshness) ? 'Uptime' : 'Uptime (last known)'}</dt>
          <dd>{formatDuration(uptimeSeconds * 1_000)}</dd>
        </>
      )}
    </>
  ),
  status: ({ status }) => (
    <>
      <dt>Status</dt>
      <dd>{status === '' ? <span className="soft">–</span> : <IsolatedText text={status} />}</dd>
    </>
  ),
  exit: ({ exit, exitCode, engineName }) =>
    exit && (
      <>
        <dt>Exit reason</dt>
        <dd>
          <IsolatedText text={describeExit(knownExit({ exit, exitCode, engineName }))} />
        </dd>
        {exit.error !== '' && (
          <>
            <dt>Engine’s error</dt>
            <dd>
              <code>
                <IsolatedText text={exit.error} />
              </code>
            </dd>
          </>
        )}
        {exit.code !== null && (
          <>
            <dt>Exit code</dt>
            <dd className="number">{exit.code}</dd>
          </>
        )}
        {exit.finishedAt !== null && (
          <>
            <dt>Exited</dt>
            <dd>
              <Age at={exit.finishedAt} />
            </dd>
          </>
        )}
      </>
    ),
  oomKilled: ({ oomKilled, exit }) =>
    oomKilled === true &&
    exit?.reason !== 'oom' && (
      <>
        <dt>Memory</dt>
        <dd>A process was killed because memory ran out</dd>
      </>
    ),
  restartCount: ({ restartCount }) =>
    restartCount !== null && (
      <>
        <dt>Restarts by the engine</dt>
        <dd className="number">{restartCount}</dd>
      </>
    ),
  command: ({ command }) => (
    <>
      <dt>Command</dt>
      <dd>
        {command === '' ? (
          <span className="soft">–</span>
        ) : (
          <code>
            <IsolatedText text={command} />
          </code>
        )}
      </dd>
    </>
  ),
  dockerId: ({ dockerId }) => (
    <>
      <dt>ID</dt>
      <dd className="with-copy">
        <code title={dockerId}>{dockerId.slice(0, 12)}</code>
        <CopyButton text={dockerId} label="Copy full ID" />
      </dd>
    </>
  ),
  imageId: ({ imageId }) =>
    imageId !== null && (
      <>
        <dt>Image ID</dt>
        <dd className="with-copy">
          <code title={toPlainText(imageId)}>
            <IsolatedText text={imageId.replace(/^sha256:/, '').slice(0, 12)} />
          </code>
          <CopyButton text={imageId} label="Copy full image ID" />
        </dd>
      </>
    ),
  imageDigest: ({ imageDigest }) =>
    imageDigest !== null && (
      <>
        <dt>Image digest</dt>
        <dd className="with-copy">
          <Link to="/containers" search={{ imageDigest: [imageDigest] }} title={toPlainText(imageDigest)}>
            <code>
              <IsolatedText text={imageDigest.replace(/^sha256:([0-9a-f]{12})[0-9a-f]{52}/, '$1')} />
            </code>
          </Link>
          <CopyButton text={imageDigest} label="Copy full image digest" />
        </dd>
      </>
    ),
  name: null,
  state: null,
  labels: null,
  truncated: null,
};

/** The fields of a container as terms and descriptions. */
export const ContainerFacts = ({ container }: { container: ContainerView }): ReactNode =>
  Object.entries(FACTS).map(([name, Fact]) => Fact && <Fact key={name} {...container} />);
