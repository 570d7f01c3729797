/** A JSON Schema (draft 2020-12), which OpenAPI 3.1 uses. */
export type JsonSchema = Record<string, unknown>;

/** An OpenAPI document. Only the sections that our code reads have precise types. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; [field: string]: unknown };
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, JsonSchema>; [section: string]: Record<string, object> };
  [section: string]: unknown;
}

/** An operation of an OpenAPI document. */
export interface OpenApiOperation {
  operationId: string;
  parameters: readonly object[];
  requestBody?: { required: boolean; content: Record<string, OpenApiMedia> };
  responses: Record<string, OpenApiResponse>;
  [section: string]: unknown;
}

/** A response of an operation, or a reference to a shared response. */
export interface OpenApiResponse {
  $ref?: string;
  description?: string;
  headers?: Record<string, { $ref: string }>;
  content?: Record<string, OpenApiMedia>;
}

export interface OpenApiMedia {
  schema: JsonSchema;
  example?: unknown;
}
