// JPEG, each a picture of its own: what every browser can show.
import type { Decoder, Listener } from "./way";

export function throughStills({ show, fail }: Listener): Decoder {
  let isOver = false;
  let newestUs = 0; // a small picture may be ready before a large one that came earlier
  return {
    take(head, data) {
      createImageBitmap(new Blob([data as BlobPart], { type: "image/jpeg" })).then(
        (image) => {
          const { width, height } = image;
          const takenAtUs = head.taken_at_us;
          const close = () => image.close();
          if (isOver || takenAtUs < newestUs) {
            close();
            return;
          }
          newestUs = takenAtUs;
          show({ image, width, height, head, takenAtUs, isNow: false, close });
        },
        () => {
          if (!isOver) fail("a picture could not be decoded", false);
        },
      );
    },
    close() {
      isOver = true;
    },
  };
}
