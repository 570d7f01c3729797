import { randomUUID } from 'node:crypto';
import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Problem } from '@muster/contracts';
import type { Request, Response } from 'express';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { endAfterRequest } from './end-after-request.js';
import { securityHeaders } from './security-headers.js';
import { waitForResponse, type Connections } from './connections.js';
import { SMALL_CHUNKS_ERROR_CODE } from './limit-small-chunks.js';

/**
 * Maximum milliseconds until the server closes the connection of a refused client. Data that arrives until then is read
 * and dropped, because closing the connection earlier would reset it and lose the response.
 */
const LINGER_MS_MAX = 10_000;

/**
 * The server closes the connection before `LINGER_MS_MAX` if the refused client sends no data for this many
 * milliseconds.
 */
const LINGER_SILENT_MS_MAX = 1_000;

type ProblemFacts = Pick<Problem, 'type' | 'title' | 'status' | 'detail'>;

const PROBLEM_BY_ERROR_CODE: Readonly<Record<string, ProblemFacts>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    type: ProblemTypes.requestTimeout,
    title: 'Request timeout',
    status: 408,
    detail: 'The request did not arrive in time.',
  },
  HPE_HEADER_OVERFLOW: {
    type: ProblemTypes.invalidRequest,
    title: 'Request header fields too large',
    status: 431,
    detail: 'The headers are too large.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    type: ProblemTypes.bodyTooLarge,
    title: 'Body too large',
    status: 413,
    detail: 'The chunk extensions are too large.',
  },
  [SMALL_CHUNKS_ERROR_CODE]: {
    type: ProblemTypes.invalidRequest,
    title: 'Bad request',
    status: 400,
    detail: 'The body arrived in too many small chunks. Send it with a Content-Length, or in larger chunks.',
  },
};

const MALFORMED_REQUEST: ProblemFacts = {
  type: ProblemTypes.invalidRequest,
  title: 'Bad request',
  status: 400,
  detail: 'The request is not valid HTTP.',
};

const TARGET_WITHOUT_PATH: ProblemFacts = { ...MALFORMED_REQUEST, detail: 'The target of the request is not a path.' };

const CONNECT_UNSUPPORTED: ProblemFacts = {
  ...MALFORMED_REQUEST,
  detail: 'This server is not a proxy: CONNECT is not supported.',
};

export interface BrokenRequestHandler {
  /** Responds to input that is too malformed, too large or too slow to become a request, and closes the connection. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void;

  /** Responds to a request whose target has no path. */
  refuseTarget(res: ServerResponse): void;

  /** Responds to a CONNECT request, to which Node would not respond, and closes the connection. */
  refuseConnect(socket: Duplex): void;
}

/**
 * Creates the handler for input from which Node cannot create a request. Responses are sent in order: earlier requests
 * on the same connection are answered first, and no request is answered twice.
 */
export function createBrokenRequestHandler(connections: Connections, logger: Logger): BrokenRequestHandler {
  const refused = new WeakSet<Duplex>();

  async function refuseInOrder(socket: Duplex, problem: ProblemFacts, code: string): Promise<void> {
    const exchanges = connections.exchanges(socket);
    // If a request is incomplete, it is the broken request. If all requests are complete, the broken input never became
    // a request.
    const broken = exchanges.find(({ req }) => !req.complete);
    await Promise.all(exchanges.filter((exchange) => exchange !== broken).map(waitForResponse));
    if (!socket.writable) return;
    if (broken?.res.headersSent) {
      // A second response would corrupt the response that has begun.
      socket.end();
    } else {
      const requestId = randomUUID();
      logger.info({ requestId, code, statusCode: problem.status }, 'refused a malformed request');
      socket.end(rawResponse(problem, requestId));
    }
    lingerAndClose(socket);
  }

  const refuseOnce = (socket: Duplex, problem: ProblemFacts, code: string) => {
    // Further errors on the same connection are consequences of the first error.
    if (refused.has(socket)) return;
    refused.add(socket);
    void refuseInOrder(socket, problem, code);
  };

  return {
    refuse(error, socket) {
      const code = error.code ?? '';
      if (code === 'ECONNRESET' || !socket.writable) socket.destroy();
      else refuseOnce(socket, PROBLEM_BY_ERROR_CODE[code] ?? MALFORMED_REQUEST, code);
    },

    refuseTarget(res) {
      const requestId = randomUUID();
      logger.info({ requestId, code: 'TARGET', statusCode: TARGET_WITHOUT_PATH.status }, 'refused a malformed request');
      securityHeaders({ isHttps: false })(res.req as Request, res as Response, () => undefined);
      res.writeHead(TARGET_WITHOUT_PATH.status, headOf(TARGET_WITHOUT_PATH, requestId));
      endAfterRequest(res, bodyOf(TARGET_WITHOUT_PATH, requestId), true);
    },

    refuseConnect(socket) {
      // After a CONNECT request, Node no longer handles the socket's errors.
      socket.on('error', () => socket.destroy());
      socket.resume();
      refuseOnce(socket, CONNECT_UNSUPPORTED, 'CONNECT');
    },
  };
}

/** Reads and drops further input, and closes the connection once no more input arrives. */
function lingerAndClose(socket: Duplex): void {
  const close = () => socket.destroy();
  const limit = setTimeout(close, LINGER_MS_MAX);
  let turn: NodeJS.Immediate | undefined;
  // If this process was paused, the event loop first reads what has arrived in the meantime.
  const closeIfSilent = () => void (turn = setImmediate(close));
  let silence = setTimeout(closeIfSilent, LINGER_SILENT_MS_MAX);
  // Node's own listener would parse the input and report it as malformed again.
  socket.removeAllListeners('data');
  socket.on('data', () => {
    clearTimeout(silence);
    clearImmediate(turn);
    silence = setTimeout(closeIfSilent, LINGER_SILENT_MS_MAX);
  });
  socket.once('end', close);
  socket.once('close', () => {
    clearTimeout(limit);
    clearTimeout(silence);
  });
  socket.resume();
}

const bodyOf = ({ type, title, status, detail }: ProblemFacts, requestId: string): string =>
  JSON.stringify({ type, title, status, detail, requestId } satisfies Problem);

const headOf = (problem: ProblemFacts, requestId: string): Record<string, string> => ({
  'Content-Type': PROBLEM_MEDIA_TYPE,
  'Content-Length': String(Buffer.byteLength(bodyOf(problem, requestId))),
  'Cache-Control': 'no-store',
  'X-Request-Id': requestId,
  Connection: 'close',
});

function rawResponse(problem: ProblemFacts, requestId: string): string {
  const { status, title } = problem;
  const head = Object.entries(headOf(problem, requestId)).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${title}`, ...head, '', bodyOf(problem, requestId)].join('\r\n');
}
