// Ajv itself: for each line of JSON `{schema, value, options}` a line of `{value, errors}`, or of `{refused}`.

import { createInterface } from "node:readline";
import ajv from "ajv";
import ajv2019 from "ajv/dist/2019.js";
import ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const instances = new Map();

function instanceFor(schema, options) {
  const dialect = String(schema.$schema ?? "2020-12");
  const Ajv = dialect.includes("2020-12") ? ajv2020.default : dialect.includes("2019-09") ? ajv2019.default : ajv.default;
  const key = JSON.stringify([Ajv.name, dialect, options]);
  if (!instances.has(key)) {
    const instance = new Ajv({ allErrors: true, strict: false, logger: false, ...options });
    instances.set(key, addFormats.default(instance));
  }
  return instances.get(key);
}

function check({ schema, value, options }) {
  const holder = { value }; // where a change of the value itself goes
  const instance = instanceFor(schema, options);
  try {
    const validate = instance.compile(schema);
    const fits = validate(value, { instancePath: "", parentData: holder, parentDataProperty: "value", rootData: value });
    return { value: holder.value, errors: fits ? [] : validate.errors };
  } catch (error) {
    return { refused: error.message };
  } finally {
    if (typeof schema === "object") instance.removeSchema(schema);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(check(JSON.parse(line))));
}
