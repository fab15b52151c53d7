import { describe, expect, it } from "vitest";
import { type Means, mp4Type, wayFor, type WayName } from "./way";

const all: Means = { hasVideoDecoder: true, mayAppend: () => true };
const noDecoder: Means = { ...all, hasVideoDecoder: false };
const nothing: Means = { hasVideoDecoder: false, mayAppend: () => false };
const H264 = "avc1.64001F";
const H265 = "hev1.1.6.L30.90";
const refused = (...ways: WayName[]) => new Set(ways);

describe("the way of a live picture", () => {
  it("is the shortest that the browser has", () => {
    expect(wayFor(H264, refused(), all)).toBe("WebCodecs");
    expect(wayFor(H264, refused(), noDecoder)).toBe("MSE");
    expect(wayFor(H264, refused(), nothing)).toBe("JPEG");
  });

  it("is the next one where one has refused", () => {
    expect(wayFor(H264, refused("WebCodecs"), all)).toBe("MSE");
    expect(wayFor(H264, refused("WebCodecs", "MSE"), all)).toBe("JPEG");
    expect(wayFor(H264, refused("WebCodecs"), { ...all, mayAppend: () => false })).toBe("JPEG");
  });

  it("plays H.265 through WebCodecs or not at all", () => {
    expect(wayFor(H265, refused(), all)).toBe("WebCodecs");
    expect(wayFor(H265, refused(), noDecoder)).toBe("JPEG");
  });

  it("of JPEG is JPEG, whatever the browser has", () => {
    expect(wayFor("jpeg", refused(), all)).toBe("JPEG");
  });

  it("asks the browser with the type that the muxer writes", () => {
    const asked: string[] = [];
    wayFor(H264, refused("WebCodecs"), { ...all, mayAppend: (type) => asked.push(type) > 0 });
    expect(asked).toEqual(['video/mp4; codecs="avc1.64001F"']);
    expect(mp4Type(H264)).toBe(asked[0]);
  });
});
