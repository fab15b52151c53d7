import { expect, test } from "vitest";
import type { Site } from "../../contract";
import { placesOf } from "./places";

const at = (lat_deg: number, lon_deg: number) => ({ lat_deg, lon_deg });
const SQUARE = [at(52, 13), at(52.002, 13), at(52.002, 13.004), at(52, 13.004)];
const POSE = { east_m: 0, north_m: 0, up_m: 4, heading_deg: 0, pitch_deg: -10 };

test("a zone is its middle, a camera what it watches or where it stands, and a carried camera is no place", () => {
  const site = {
    origin: { lat_deg: 52, lon_deg: 13, ground_amsl_m: 0 },
    zones: [{ id: "yard", name: "The yard", polygon: SQUARE, cameras: ["gate"] }, { id: "drawn", name: "In the picture", polygon: null, cameras: ["gate"] }],
    cameras: [{ id: "gate", pose: POSE, footprint: SQUARE }, { id: "mast", pose: POSE }, { id: "carried", vehicle: "kestrel" }],
  } as unknown as Site;
  const found = placesOf(site);
  expect(found.map(({ kind, id }) => `${kind} ${id}`)).toEqual(["zone yard", "camera gate", "camera mast"]);
  expect(found[0]?.point.lat_deg).toBeCloseTo(52.001, 9);
  expect(found[1]?.point.lon_deg).toBeCloseTo(13.002, 9);
  expect(found[2]?.point).toEqual(at(52, 13));
});
