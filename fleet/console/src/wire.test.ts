// The golden messages of the contract, as TypeScript reads them: against the committed schema, and by the generated types.
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import schema from "../../../contract/schema/envelope.json";
import type { components } from "./wire";

type Envelope = components["schemas"]["Envelope"];
type Body = Envelope["body"];

const GOLDEN = import.meta.glob("../../../tests/contract/golden/*.json", { eager: true, import: "default" });
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
const validate = ajv.compile<Envelope>(schema);

function envelope(name: string): Envelope {
  const message = GOLDEN[`../../../tests/contract/golden/${name}.json`];
  if (!validate(message)) throw new Error(`${name}: ${ajv.errorsText(validate.errors)}`);
  return message;
}

// One of each body, read by its own type: a body that is new, or that lost a field, does not compile here.
const READ: { [Type in Body["type"]]: (body: Extract<Body, { type: Type }>) => string | number } = {
  ack: (body) => body.contiguous,
  command: (body) => body.verb,
  desired: (body) => body.version,
  event: (body) => body.event_id,
  evidence: (body) => body.sha256,
  health: (body) => body.feeds.length,
  reply: (body) => body.command_id,
  reported: (body) => body.version ?? 0,
  sensor_alarm: (body) => body.alarm,
  sensor_track: (body) => body.targets.length,
  status: (body) => body.state,
  tracks: (body) => body.camera,
};

test.each(Object.keys(GOLDEN).map((path) => path.replace(/.*\/|\.json$/g, "")))("%s is what the schema says", (name) => {
  const { body, captured_at_us, sent_at_us } = envelope(name);
  expect(Number.isSafeInteger(captured_at_us) && sent_at_us >= captured_at_us).toBe(true);
  const read = READ[body.type] as (body: Body) => string | number;
  expect(read(body)).not.toBeUndefined();
});

test("there is a golden message of every body", () => {
  const types = Object.keys(GOLDEN).map((path) => envelope(path.replace(/.*\/|\.json$/g, "")).body.type);
  expect([...new Set(types)].sort()).toEqual(Object.keys(READ).sort());
});

test("a value is read as it was written, to the last digit", () => {
  const { body, captured_at_us } = envelope("event-start");
  expect(captured_at_us).toBe(1_767_225_600_000_000);
  expect(body.type === "event" && body.sighting?.ground?.point).toEqual({ lat_deg: 52.0001234, lon_deg: 13.0005678 });
});

test("a message of another version is refused", () => {
  expect(validate({ ...envelope("ack"), schema_version: 2 })).toBe(false);
});
