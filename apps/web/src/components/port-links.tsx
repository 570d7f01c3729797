import type { ContainerView } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { toPlainText } from '../lib/plain-text';
import { formatPort, formatPortRange, formatProtocol, publishedPorts } from '../lib/format-port';

const PORTS_SHOWN_MAX = 3;

/** A container's published ports. Each port links to all containers that publish it. */
export function PortLinks({ container: { ports } }: { container: Pick<ContainerView, 'ports'> }) {
  const mergedPorts = publishedPorts(ports);
  const hiddenCount = mergedPorts.length - PORTS_SHOWN_MAX;
  return (
    <span className="ports clip">
      {mergedPorts.slice(0, PORTS_SHOWN_MAX).map((port) => (
        <Link
          key={`${port.publicPort}/${port.type}/${port.privatePort}/${port.count}`}
          to="/ports"
          search={{ port: String(port.publicPort) }}
          title={toPlainText(formatPort(port))}
          className="number"
        >
          {formatPortRange(port.publicPort, port.count)}
          {formatProtocol(port.type)}
        </Link>
      ))}
      {hiddenCount > 0 && <span className="soft number">+{hiddenCount}</span>}
    </span>
  );
}
