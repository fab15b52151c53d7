// One camera, live: the coordinator's messages in, pictures on a canvas out. H.264 and H.265 go through WebCodecs as
// they came; JPEG through the browser's own decoder. It says when the picture is old, and why there is none.
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const DRAW_MS = 20; // a burst of pictures is one repaint; a timer, because a hidden page has no frames
const MOST_WAITING = 60; // chunks in the decoder: a page that was asleep goes on at the next key frame
const MOST_ERRORS = 3; // in a row, without a picture between them

/** What a message says of its picture; contract/live.py has the words. */
export interface PictureHead {
  camera: string;
  codec: string;
  is_key: boolean;
  reel: number;
  taken_at_us: number;
  origin: "live" | "replayed" | "simulated";
  is_masked: boolean;
}

export interface ViewState {
  isConnected: boolean;
  isNodeHere: boolean;
  takenAtUs: number | null; // of the picture on the canvas, by the node's clock
  delayMs: number | null; // when it was drawn
  drawnAtMs: number;
  head: PictureHead | null;
  problem: string;
}

interface Waiting {
  image: VideoFrame | ImageBitmap;
  width: number;
  height: number;
  head: PictureHead;
  takenAtUs: number;
}

interface Showing {
  is_node_here: boolean;
  now_us: number;
}

/** A binary message taken apart; null for one that makes no sense. */
export function parsed(message: ArrayBuffer): { head: PictureHead; data: Uint8Array } | null {
  if (message.byteLength < 2) return null;
  const end = 2 + new DataView(message).getUint16(0);
  if (end >= message.byteLength) return null;
  try {
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 2, end - 2))) as PictureHead;
    return { head, data: new Uint8Array(message, end) };
  } catch {
    return null;
  }
}

export class View {
  private state: ViewState = {
    isConnected: false,
    isNodeHere: false,
    takenAtUs: null,
    delayMs: null,
    drawnAtMs: 0,
    head: null,
    problem: "",
  };
  private socket: WebSocket | null = null;
  private decoder: VideoDecoder | null = null;
  private decodes = ""; // reel and codec
  private errors = 0;
  private attempt = 0;
  private retry = 0;
  private newest: Waiting | null = null; // decoded, for the next repaint: what a busy page cannot draw is left out
  private repaint = 0;
  private aheadUs = 0; // of the coordinator's clock before ours
  private isOver = false;

  constructor(
    private readonly url: string,
    private readonly canvas: HTMLCanvasElement,
    private readonly tell: (state: ViewState) => void,
  ) {}

  start(): void {
    const socket = new WebSocket(this.url, ["vedette"]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (typeof event.data === "string") this.hear(JSON.parse(event.data) as Showing);
      else this.take(event.data);
    };
    socket.onclose = (event) => this.lost(event.reason);
    this.socket = socket;
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.retry);
    this.socket?.close();
    this.forget();
    clearTimeout(this.repaint);
    this.leave();
  }

  private hear(showing: Showing): void {
    this.attempt = 0;
    this.aheadUs = showing.now_us - Date.now() * 1000;
    this.update({ isConnected: true, isNodeHere: showing.is_node_here, problem: "" });
  }

  private lost(reason: string): void {
    this.forget();
    if (this.isOver) return;
    this.update({ isConnected: false, problem: reason });
    this.retry = window.setTimeout(() => this.start(), RETRY_MS[Math.min(this.attempt++, RETRY_MS.length - 1)]);
  }

  private take(message: ArrayBuffer): void {
    const picture = parsed(message);
    if (!picture || this.isOver) return;
    const { head, data } = picture;
    if (head.codec === "jpeg") this.show(head, data);
    else this.decode(head, data);
  }

  private show(head: PictureHead, data: Uint8Array): void {
    createImageBitmap(new Blob([data as BlobPart], { type: "image/jpeg" })).then(
      (image) =>
        this.draw({ image, width: image.width, height: image.height, head, takenAtUs: head.taken_at_us }),
      () => this.update({ problem: "a picture could not be decoded" }),
    );
  }

  private decode(head: PictureHead, data: Uint8Array): void {
    const decodes = `${head.reel}/${head.codec}`;
    if (head.is_key && (decodes !== this.decodes || !this.decoder)) this.open(head, decodes);
    if (!this.decoder || decodes !== this.decodes) return; // until the next key frame
    if (this.decoder.decodeQueueSize > MOST_WAITING) {
      this.forget();
      return;
    }
    const type = head.is_key ? "key" : "delta";
    try {
      this.decoder.decode(new EncodedVideoChunk({ type, timestamp: head.taken_at_us, data: data as BufferSource }));
    } catch (error) {
      this.fail(error);
    }
  }

  private open(head: PictureHead, decodes: string): void {
    this.forget();
    if (!("VideoDecoder" in window)) {
      this.update({ problem: "this browser shows no live video, or the page came without https" });
      return;
    }
    if (this.errors >= MOST_ERRORS) {
      this.update({ problem: `this browser does not play ${head.codec}` });
      return;
    }
    const decoder = new VideoDecoder({
      output: (image) => {
        this.errors = 0;
        const { displayWidth: width, displayHeight: height, timestamp: takenAtUs } = image;
        this.draw({ image, width, height, head, takenAtUs });
      },
      error: (error) => {
        if (decoder === this.decoder) this.fail(error);
      },
    });
    try {
      decoder.configure({ codec: head.codec, optimizeForLatency: true });
      this.decoder = decoder;
      this.decodes = decodes;
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.errors += 1;
    this.forget();
    this.update({ problem: error instanceof Error ? error.message : "the picture could not be decoded" });
  }

  private forget(): void {
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.decoder = null;
    this.decodes = "";
  }

  private draw(waiting: Waiting): void {
    this.newest?.image.close();
    this.newest = waiting;
    if (this.isOver) this.leave();
    else if (!this.repaint) this.repaint = window.setTimeout(() => this.paint(), DRAW_MS);
  }

  private paint(): void {
    this.repaint = 0;
    if (!this.newest) return;
    const { image, width, height, head, takenAtUs } = this.newest;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.canvas.getContext("2d")?.drawImage(image, 0, 0, width, height);
    this.leave();
    const nowMs = Date.now();
    const delayMs = nowMs + (this.aheadUs - takenAtUs) / 1000;
    this.update({ takenAtUs, delayMs, drawnAtMs: nowMs, head, problem: "" });
  }

  private leave(): void {
    this.newest?.image.close();
    this.newest = null;
  }

  private update(change: Partial<ViewState>): void {
    this.state = { ...this.state, ...change };
    if (!this.isOver) this.tell(this.state);
  }
}
