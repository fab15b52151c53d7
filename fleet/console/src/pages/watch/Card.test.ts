// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { saysTheSame } from "./Card";

const send = async () => ({ ok: true, text: "" });
const may = () => true;
const select = () => undefined;
const incident = { incident_id: "i", alarm_ids: ["a"] };
const picture = { site: {}, tasks: new Map(), procedures: new Map(), alarms: new Map([["a", { state: "open" }]]) };
const props = (changes: object = {}) =>
  ({ incident, picture, nowMs: 1, send, may, select, isSelected: false, hasPicture: true, ...changes }) as never;

describe("a card in a storm", () => {
  it("stays as it is when another incident has news", () => {
    const alarms = new Map([...picture.alarms, ["b", { state: "open" }]]);
    expect(saysTheSame(props(), props({ picture: { ...picture, alarms } }))).toBe(true);
  });

  it("changes with its incident, its alarms, its procedure, its tasks, the hand on it and the clock", () => {
    const changes = [
      { incident: { ...incident } },
      { picture: { ...picture, alarms: new Map([["a", { state: "acknowledged" }]]) } },
      { picture: { ...picture, procedures: new Map([["i", { phase: "asking" }]]) } },
      { picture: { ...picture, tasks: new Map() } },
      { isSelected: true },
      { nowMs: 2 },
    ];
    expect(changes.map((change) => saysTheSame(props(), props(change)))).toEqual(changes.map(() => false));
  });
});
