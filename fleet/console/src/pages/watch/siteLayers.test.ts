import { describe, expect, it, vi } from "vitest";
import { layPhoto } from "./siteLayers";

const corner = (lat_deg: number, lon_deg: number) => ({ lat_deg, lon_deg });
const PHOTO = { url: "/api/v1/surroundings/orthophoto", corners: [corner(52.1, 13), corner(52.1, 13.2), corner(52, 13.2), corner(52, 13)] };

function fakeMap(has: boolean) {
  return { getSource: () => (has ? {} : undefined), addSource: vi.fn(), addLayer: vi.fn(), setPaintProperty: vi.fn() };
}

describe("the photograph of the ground", () => {
  it("lies under what the cameras see, its top left first, and is dimmed at night", () => {
    const map = fakeMap(false);
    layPhoto(map as never, PHOTO, "dark");
    expect(map.addSource).toHaveBeenCalledWith("photo", { type: "image", url: PHOTO.url, coordinates: [[13, 52.1], [13.2, 52.1], [13.2, 52], [13, 52]] });
    expect(map.addLayer.mock.calls[0]?.[1]).toBe("views");
    expect(map.setPaintProperty).toHaveBeenCalledWith("photo", "raster-brightness-max", 0.55);
  });

  it("is laid once, and is bright by day", () => {
    const map = fakeMap(true);
    layPhoto(map as never, PHOTO, "light");
    expect(map.addSource).not.toHaveBeenCalled();
    expect(map.setPaintProperty.mock.calls).toEqual([["photo", "raster-brightness-max", 1]]);
  });

  it("is nothing where there is none", () => {
    const map = fakeMap(false);
    layPhoto(map as never, null, "dark");
    expect([map.addSource.mock.calls.length, map.setPaintProperty.mock.calls.length]).toEqual([0, 0]);
  });
});
