/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 uses. */
export type JsonSchema = Record<string, unknown>;

/** An OpenAPI document. Only the sections that are read elsewhere have precise types. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; [field: string]: unknown };
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, JsonSchema>; [section: string]: Record<string, object> };
  [section: string]: unknown;
}

/** One operation. */
export interface OpenApiOperation {
  operationId: string;
  parameters: readonly object[];
  requestBody?: { required: boolean; content: Record<string, OpenApiMedia> };
  responses: Record<string, OpenApiResponse>;
  [section: string]: unknown;
}

/** One response, or a reference to a shared one. */
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
