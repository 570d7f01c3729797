/** A JSON Schema of 2020-12, which is what OpenAPI 3.1 speaks. */
export type JsonSchema = Record<string, unknown>;

/** An OpenAPI document, as far as others look into it. */
export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; [field: string]: unknown };
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, JsonSchema>; [section: string]: Record<string, object> };
  [section: string]: unknown;
}

/** One call. */
export interface OpenApiOperation {
  operationId: string;
  parameters: readonly object[];
  requestBody?: { required: boolean; content: Record<string, OpenApiMedia> };
  responses: Record<string, OpenApiResponse>;
  [section: string]: unknown;
}

/** One answer, or a reference to one that many calls share. */
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
