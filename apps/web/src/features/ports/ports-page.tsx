import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { portsQuery } from '../../lib/api/queries';
import { EmptyState } from '../../components/empty-state';
import { FilterInput } from '../../components/filter-input';
import { HostLabelFilter } from '../../components/host-label-filter';
import { HostLink } from '../../components/host-name';
import { ImageRef } from '../../components/image-ref';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { FreshnessBadge } from '../../components/state-badge';
import { useTitle } from '../../lib/title';
import { formatPortRange, formatProtocol } from '../../lib/format-port';
import { StateIcon } from '../../components/state-icons';
import { isCurrent, iconOfState } from '../../lib/container-status';

const route = getRouteApi('/signed-in/ports');

/** The page with the published ports of all containers. */
export function PortsPage(): ReactNode {
  useTitle('Ports');
  const { port, type, hostLabel } = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery(portsQuery({ port, type, hostLabel }));
  return (
    <>
      <header className="page-head">
        <h1>Ports</h1>
        <FilterInput
          label="Port number"
          inputMode="numeric"
          value={port ?? ''}
          onChange={(value) => {
            const digits = value.replaceAll(/\D/g, '');
            void navigate({
              to: '/ports',
              search: (previous) => ({ ...previous, port: digits === '' ? undefined : digits }),
              replace: true,
            });
          }}
        />
      </header>
      <div className="chips" role="group" aria-label="Filters">
        <HostLabelFilter
          labels={hostLabel}
          onChange={(labels) =>
            void navigate({ to: '/ports', search: (previous) => ({ ...previous, hostLabel: labels }), replace: true })
          }
        />
      </div>
      <ListStates
        list={list}
        what="ports"
        empty={
          <EmptyState
            title={
              hostLabel !== undefined
                ? 'No matching ports'
                : port === undefined
                  ? 'No container publishes a port'
                  : `No container publishes port ${port}`
            }
          />
        }
      >
        {(items) => (
          <div className="table" tabIndex={0} role="region" aria-label="Published ports">
            <table>
              <thead>
                <tr>
                  <th scope="col" className="is-number">
                    Port
                  </th>
                  <th scope="col">Listens on</th>
                  <th scope="col">Host</th>
                  <th scope="col">Container</th>
                  <th scope="col" className="is-number">
                    Container port
                  </th>
                  <th scope="col">Image</th>
                </tr>
              </thead>
              <tbody>
                {items.map((item) => {
                  const isDataCurrent = isCurrent(item.hostFreshness);
                  return (
                    <tr
                      key={`${item.hostId} ${item.dockerId} ${item.publicPort} ${item.type} ${item.ip} ${item.privatePort}`}
                      className={isDataCurrent ? '' : 'is-stale'}
                    >
                      <td className="is-number">
                        <strong>{formatPortRange(item.publicPort, item.count)}</strong>
                        <span className="soft">{formatProtocol(item.type)}</span>
                      </td>
                      <td>
                        <ListenAddress ip={item.ip} />
                      </td>
                      <td>
                        <HostLink id={item.hostId} name={item.hostName} />{' '}
                        {!isDataCurrent && <FreshnessBadge freshness={item.hostFreshness} />}
                      </td>
                      <td>
                        <span className="state">
                          <StateIcon icon={iconOfState(item.state)} />
                          <Link
                            to="/hosts/$hostId/containers/$dockerId"
                            params={{ hostId: item.hostId, dockerId: item.dockerId }}
                          >
                            <IsolatedText text={item.containerName} />
                          </Link>
                          {item.state !== 'running' && (
                            <span className="soft">
                              <IsolatedText text={item.state} />
                            </span>
                          )}
                        </span>
                      </td>
                      <td className="is-number soft">{formatPortRange(item.privatePort, item.count)}</td>
                      <td>
                        <ImageRef image={item.image} />
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

/** The address that a port listens on. A wildcard address is shown in words. */
function ListenAddress({ ip }: { ip: string | null }) {
  if (ip === null) return <span className="soft">All addresses</span>;
  if (ip === '0.0.0.0') return <span className="soft">All IPv4 addresses</span>;
  return ip === '::' ? (
    <span className="soft">All IPv6 addresses</span>
  ) : (
    <code>
      <IsolatedText text={ip} />
    </code>
  );
}
