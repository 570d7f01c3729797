/** ajv and its formats, as what they are: their types say that they are CommonJS's `exports`. */
import ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export const { Ajv2020 } = ajv;
export const addFormats = formats.default;
