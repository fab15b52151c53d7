// H.264 and H.265 as they came, through the browser's own decoder: the shortest way. Only on pages that came with https
// or from this machine.
import type { Decoder, Listener, PictureHead } from "./way";

const MOST_WAITING = 60; // chunks in the decoder: a page that was asleep goes on at the next key frame

export function throughWebCodecs(head: PictureHead, { show, fail }: Listener): Decoder {
  let isOver = false;
  const failed = (error: unknown) => {
    if (isOver) return;
    const isFinal = error instanceof DOMException && error.name === "NotSupportedError";
    fail(error instanceof Error ? error.message : "the picture could not be decoded", isFinal);
  };
  const decoder = new VideoDecoder({
    output: (image) => {
      const { displayWidth: width, displayHeight: height, timestamp: takenAtUs } = image;
      const close = () => image.close();
      if (isOver) close();
      else show({ image, width, height, head, takenAtUs, isNow: false, close });
    },
    error: failed,
  });
  try {
    decoder.configure({ codec: head.codec, optimizeForLatency: true });
  } catch (error) {
    queueMicrotask(() => failed(error)); // not before its maker holds it
  }
  return {
    take(of, data) {
      if (decoder.state !== "configured") return;
      if (decoder.decodeQueueSize > MOST_WAITING) {
        failed(new Error("this computer decodes too slowly"));
        return;
      }
      const type = of.is_key ? "key" : "delta";
      try {
        decoder.decode(new EncodedVideoChunk({ type, timestamp: of.taken_at_us, data: data as BufferSource }));
      } catch (error) {
        failed(error);
      }
    },
    close() {
      isOver = true;
      if (decoder.state !== "closed") decoder.close();
    },
  };
}
