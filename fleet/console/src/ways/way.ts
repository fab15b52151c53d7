// The ways of a live picture onto a canvas: one file each, one shape, and the choice between them.

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

export type WayName = "WebCodecs" | "MSE" | "JPEG";

/** A picture to be drawn. isNow: its image holds it for this moment only. */
export interface Decoded {
  image: CanvasImageSource;
  width: number;
  height: number;
  head: PictureHead;
  takenAtUs: number;
  isNow: boolean;
  close: () => void;
}

/** What a decoder tells: a picture; that it failed, and whether it will ever be otherwise. */
export interface Listener {
  show: (picture: Decoded) => void;
  fail: (problem: string, isFinal: boolean) => void;
}

/** Of one reel and one codec; it begins with a key frame. */
export interface Decoder {
  take: (head: PictureHead, data: Uint8Array) => void;
  close: () => void;
}

/** What this browser has. */
export interface Means {
  hasVideoDecoder: boolean;
  mayAppend: (type: string) => boolean; // MediaSource.isTypeSupported
}

export function meansHere(): Means {
  return {
    hasVideoDecoder: "VideoDecoder" in window,
    mayAppend: (type) => "MediaSource" in window && MediaSource.isTypeSupported(type),
  };
}

export function mp4Type(codec: string): string {
  return `video/mp4; codecs="${codec}"`;
}

/** The first that this browser has and that has not refused the codec; JPEG every browser can. */
export function wayFor(codec: string, refused: ReadonlySet<WayName>, means: Means): WayName {
  if (codec === "jpeg") return "JPEG";
  if (means.hasVideoDecoder && !refused.has("WebCodecs")) return "WebCodecs";
  // Our muxer writes H.264 only.
  if (codec.startsWith("avc1.") && !refused.has("MSE") && means.mayAppend(mp4Type(codec))) return "MSE";
  return "JPEG";
}
