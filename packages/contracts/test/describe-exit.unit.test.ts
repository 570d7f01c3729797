import { describe, expect, test } from '@jest/globals';
import { describeExit, describeLoop, ExitReason, shortenEngineError, type LoopCode } from '../src/index.js';

describe('the description of an exit', () => {
  test.each([
    ['stopped', 143, 'stopped'],
    ['stopped', 137, 'stopped'],
    ['oom', 137, 'out of memory'],
    ['completed', 0, 'completed'],
    ['crashed', 1, 'crashed (1)'],
    ['crashed', 143, 'crashed (143)'],
    ['failed_to_start', 128, 'could not start'],
    ['unknown', 137, 'exited (137), cause unknown'],
    ['unknown', null, 'exited, cause unknown'],
    [null, 1, 'crashed (1)'],
    [null, 143, 'exited (143)'],
    [null, 0, 'exited (0)'],
    [null, null, 'exited'],
  ] as const)('with the reason %s and the code %s is "%s"', (reason, code, words) => {
    expect(describeExit({ reason, code })).toBe(words);
  });

  test('mentions Podman if only Podman could know the cause', () => {
    const exit = { reason: 'unknown', code: 5 } as const;
    expect(describeExit({ ...exit, engineName: 'Podman' })).toBe('exited (5), cause not reported by Podman');
    expect(describeExit({ ...exit, engineName: 'Docker' })).toBe('exited (5), cause unknown');
  });

  test('exists for each reason', () => {
    for (const reason of ExitReason.options) expect(describeExit({ reason, code: 1 })).toMatch(/^[a-z]/);
  });

  test('includes the essential sentence of the error', () => {
    const error = 'cannot listen on the TCP port: listen tcp4 :8080: bind: address already in use';
    expect(describeExit({ reason: 'failed_to_start', code: 0, error })).toBe(
      'could not start: port 8080 is already in use',
    );
  });
});

describe('the essential sentence of an engine’s message', () => {
  const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed:';
  const EXEC = 'runc create failed: unable to start container process:';
  const ENDPOINT = 'driver failed programming external connectivity on endpoint h5-portclash (3da976221)';

  test.each([
    ['Docker 26.1', `${ENDPOINT}: Bind for 0.0.0.0:18443 failed: port is already allocated`, 18443],
    [
      'Docker 29.7',
      `failed to set up container networking: ${ENDPOINT}: Bind for 0.0.0.0:18443 failed: port is already allocated`,
      18443,
    ],
    [
      'Docker 28.5, if a program of the host uses the port',
      `failed to set up container networking: ${ENDPOINT}: failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use`,
      8080,
    ],
    [
      'Docker 29.7, if a program of the host uses the port',
      `failed to set up container networking: ${ENDPOINT}: failed to bind host port [::]:8080/tcp: address already in use`,
      8080,
    ],
    ['Podman 5.4', 'cannot listen on the TCP port: listen tcp4 :18443: bind: address already in use', 18443],
    ['rootless Podman', 'rootlessport listen tcp 0.0.0.0:8080: bind: address already in use', 8080],
  ])('of %s says which port is in use', (_engine, message, port) => {
    expect(shortenEngineError(message)).toBe(`port ${port} is already in use`);
  });

  test.each([
    ['Docker 26.1', `${CREATE} ${EXEC} exec: "/no/such/cmd": stat /no/such/cmd: no such file or directory: unknown`],
    [
      'Docker 29.7',
      `${CREATE} ${EXEC} error during container init: exec: "/no/such/cmd": stat /no/such/cmd: no such file or directory`,
    ],
    [
      'Podman 5.4',
      `runc: ${EXEC} exec: "/no/such/cmd": stat /no/such/cmd: no such file or directory: OCI runtime attempted to invoke a command that was not found`,
    ],
    ['a command without a path', `${CREATE} ${EXEC} exec: "/no/such/cmd": executable file not found in $PATH: unknown`],
  ])('of %s says which command is missing', (_engine, message) => {
    expect(shortenEngineError(message)).toBe('command not found: /no/such/cmd');
  });

  test('says which command may not run or is for another machine', () => {
    expect(shortenEngineError(`${CREATE} ${EXEC} exec: "/data": permission denied: unknown`)).toBe(
      'no permission to run /data',
    );
    expect(shortenEngineError(`${CREATE} ${EXEC} exec /bin/tool: exec format error: unknown`)).toBe(
      '/bin/tool is not a program for this machine',
    );
  });

  test('of an unknown form is the message without generic prefixes and suffixes', () => {
    expect(shortenEngineError('network of-yesterday not found')).toBe('network of-yesterday not found');
    expect(
      shortenEngineError(
        `${CREATE} ${EXEC} error during container init: error mounting "/a" to rootfs at "/b": not a directory: unknown`,
      ),
    ).toBe('error mounting "/a" to rootfs at "/b": not a directory');
  });
});

describe('the description of the exits of a loop', () => {
  const FIRST = '2026-03-01T12:00:00.000Z';
  const coded = (...codes: (number | null)[]): LoopCode[] =>
    codes.map((code) => ({ code, reason: 'crashed', count: 1 }));

  test.each([
    [57, 3_600, coded(1, 137), 'exited 57 times in 1 h, codes 1 and 137'],
    [57, 3_540, coded(1, 1), 'exited 57 times in 1 h, code 1'],
    [25, 1_800, coded(0), 'exited 25 times in 30 min, code 0'],
    [9, 40, [], 'exited 9 times in 40 s'],
    [9, 28_800, coded(null), 'exited 9 times in 8 h'],
    [1, 0, coded(3), 'exited once, code 3'],
    [60, 3_600, coded(1, 2, 3, 4, 5), 'exited 60 times in 1 h, codes 1, 2, 3 and 2 others'],
    // The host's clock was set back.
    [5, -60, coded(1), 'exited 5 times in 1 s, code 1'],
  ])('for %d exits within %d s with the codes %j is "%s"', (count, seconds, codes, words) => {
    const last = new Date(Date.parse(FIRST) + seconds * 1_000).toISOString();
    expect(describeLoop({ count, first: FIRST, last, codes })).toBe(words);
  });
});
