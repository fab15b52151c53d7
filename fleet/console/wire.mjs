// Types of the wire contract, from contract/schema: node wire.mjs writes src/wire.ts, node wire.mjs --check compares it.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const NAMES = ["envelope", "task"]; // the site comes with the API's own types
const OUT = new URL("src/wire.ts", import.meta.url);
const HEAD = "// Generated from contract/schema by `npm run types`; do not edit.\n\n";

const schemas = {};
for (const name of NAMES) {
  const text = readFileSync(new URL(`../../contract/schema/${name}.json`, import.meta.url), "utf8");
  const { $defs = {}, ...root } = JSON.parse(text.replaceAll("#/$defs/", "#/components/schemas/"));
  for (const [key, schema] of Object.entries({ ...$defs, [root.title]: root })) {
    if (key in schemas && JSON.stringify(schemas[key]) !== JSON.stringify(schema)) {
      throw new Error(`contract/schema/${name}.json: '${key}' is described differently in another schema`);
    }
    schemas[key] = schema;
  }
}
const document = { openapi: "3.1.0", info: { title: "wire", version: "1" }, paths: {}, components: { schemas } };
const text = HEAD + astToString(await openapiTS(document));
if (process.argv.includes("--check")) {
  if (readFileSync(OUT, "utf8") !== text) throw new Error("src/wire.ts is not what contract/schema says: npm run types");
} else {
  writeFileSync(OUT, text);
}
