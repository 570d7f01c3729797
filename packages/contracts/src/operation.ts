import type { z } from 'zod';
import type { ProblemType } from './problem.js';

/**
 * Who may call an operation:
 *
 * - `public`: anyone, without authentication.
 * - `enroll`: an agent with an enrollment token.
 * - `agent`: an agent with an agent token.
 * - `viewer`, `admin`, `owner`: an operator with an API key or a session, and with at least this role.
 * - `user`: a user with a session.
 * - `metrics`: a client with the metrics token.
 */
export type Access = 'public' | 'enroll' | 'agent' | 'viewer' | 'admin' | 'owner' | 'user' | 'metrics';

/** The parts of the API, by which the OpenAPI document groups the operations. */
export type Tag = 'Agents' | 'Inventory' | 'History' | 'Exports' | 'Enrollment' | 'Accounts' | 'Service';

/** An operation of the API. */
export interface Operation {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters are written as `:name`. A path that other code needs is in `Paths`. */
  path: `/${string}`;
  tag: Tag;
  access: Access;
  /** A short title, such as `List hosts`. */
  summary: string;
  /**
   * Describes what the operation does and returns, and when it fails. Does not state who may call it: the OpenAPI
   * document adds that, based on `access`.
   */
  description: string;
  /** The kind of object that the path identifies, such as `host`. The message of a 404 response contains it. */
  resource?: string;
  /** The path parameters. A call with invalid path parameters gets a 404 response. */
  params?: z.ZodType;
  query?: z.ZodType;
  /** The headers with metadata of the body, by lowercase name. */
  headers?: z.ZodType;
  body?: z.ZodType;
  /** Maximum bytes of the body, both as sent and decompressed. Default: `BODY_BYTES_MAX`. */
  bodyBytesMax?: number;
  /**
   * The rate limits of an agent's call. By default, the agent's limit for ordinary calls applies. With `snapshots`, the
   * limit for snapshots applies instead. With `rotations`, the limit for rotations also applies.
   */
  limits?: 'snapshots' | 'rotations';
  /**
   * Whether the operation signs a user in. Such an operation returns session cookies, so pages of other sites may not
   * call it.
   */
  opensSession?: true;
  /**
   * Forbids caches from storing the response, even for revalidation. Other JSON responses to operators may be stored.
   */
  noStore?: true;
  /**
   * The successful responses by status: the schema of a JSON body, null for no body, or the media type of another body.
   */
  answers: Readonly<Record<number, z.ZodType | null | string>>;
  /** The problems that the operation can return in addition to those implied by its access, path and body. */
  refusals?: readonly ProblemType[];
}
