// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from "vitest";
import { ClockDifference, parsed, rateOf, View, type ViewState } from "./view";
import type { PictureHead } from "./ways/way";

const head: PictureHead = {
  camera: "mast",
  codec: "avc1.64001F",
  is_key: true,
  reel: 1,
  taken_at_us: 5,
  origin: "live",
  is_masked: false,
};

function message(text: string, data: number[]): ArrayBuffer {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array([bytes.length >> 8, bytes.length & 255, ...bytes, ...data]).buffer;
}

describe("a live picture's message", () => {
  it("is a head and bytes", () => {
    const picture = parsed(message(JSON.stringify(head), [0, 0, 1, 103]));
    expect(picture?.head).toEqual(head);
    expect([...(picture?.data ?? [])]).toEqual([0, 0, 1, 103]);
  });

  it("is let go when it makes no sense", () => {
    expect(parsed(new ArrayBuffer(1))).toBeNull();
    expect(parsed(message("{", [1]))).toBeNull();
    expect(parsed(new Uint8Array([255, 255, 1]).buffer)).toBeNull();
  });
});

describe("the rate of a live picture", () => {
  it("is counted between pictures, and unknown of one", () => {
    expect(rateOf([0, 100, 200, 300])).toBeCloseTo(10, 6);
    expect(rateOf([5])).toBeNull();
    expect(rateOf([])).toBeNull();
  });
});

describe("the coordinator's clock", () => {
  it("is as far off as its quickest answer says", () => {
    const clock = new ClockDifference();
    clock.hear(5_000_000, null, 4_000); // heard late
    expect(clock.aheadUs).toBe(1_000_000);
    clock.hear(10_000_000, 8_000, 8_400);
    expect(clock.aheadUs).toBe(1_800_000);
    clock.hear(20_000_000, 17_995, 18_005);
    expect(clock.aheadUs).toBe(2_000_000);
    clock.hear(30_000_000, 28_000, 29_000); // a slow answer
    clock.hear(40_000_000, null, 39_000);
    clock.hear(50_000_000, 60_000, 48_000); // our clock was set back
    expect(clock.aheadUs).toBe(2_000_000);
  });
});

describe("a browser that plays no video", () => {
  class Socket {
    static all: Socket[] = [];
    binaryType = "";
    onmessage: (event: { data: unknown }) => void = () => {};
    onclose: (event: { reason: string }) => void = () => {};
    isClosed = false;
    constructor(readonly url: string) {
      Socket.all.push(this);
    }
    close() {
      this.isClosed = true;
    }
  }
  afterEach(() => {
    vi.unstubAllGlobals();
    Socket.all = [];
  });

  it("asks for JPEG once, and says so when it gets none", () => {
    vi.stubGlobal("WebSocket", Socket); // jsdom has neither VideoDecoder nor MediaSource
    const told: ViewState[] = [];
    const view = new View("ws://here/live", document.createElement("canvas"), (state) => told.push(state));
    view.start();
    const video = message(JSON.stringify(head), [0, 0, 1, 103]);
    Socket.all[0]?.onmessage({ data: video });
    expect(Socket.all.map(({ url }) => url)).toEqual(["ws://here/live", "ws://here/live?as=jpeg"]);
    expect(Socket.all.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    Socket.all[1]?.onmessage({ data: video });
    expect(Socket.all).toHaveLength(2);
    expect(told.at(-1)?.problem).toBe("this browser does not play avc1.64001F, and the node sends nothing else");
    view.stop();
  });

  it("hears no more of the connection that it left", () => {
    vi.stubGlobal("WebSocket", Socket);
    const told: ViewState[] = [];
    const view = new View("ws://here/live", document.createElement("canvas"), (state) => told.push(state));
    view.start();
    Socket.all[0]?.onmessage({ data: message(JSON.stringify(head), [0, 0, 1, 103]) });
    Socket.all[0]?.onclose({ reason: "gone" });
    expect(told).toEqual([]);
    Socket.all[1]?.onmessage({ data: JSON.stringify({ is_node_here: true, now_us: 0, most_cameras: 16 }) });
    expect(told.at(-1)).toMatchObject({ isConnected: true, isNodeHere: true, mostCameras: 16 });
    view.stop();
  });
});
