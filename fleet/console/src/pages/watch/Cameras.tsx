// A camera's live picture beside the map, one at a time.
import { useEffect, useState } from "react";
import type { Camera } from "../../contract";
import { useWords } from "../../language";
import { Tile } from "../../tile/Tile";
import { WATCH } from "./words";

/** `follows`: the camera of the incident that is selected; it is opened with it, and stays open. */
export function Cameras({ cameras, follows }: { cameras: readonly Camera[]; follows: string | null }) {
  const t = useWords(WATCH);
  const [shown, setShown] = useState<string | null>(null);
  useEffect(() => {
    if (follows !== null) setShown(follows);
  }, [follows]);
  const camera = cameras.find((each) => each.id === shown);
  return (
    <section className="cameras" aria-label={t.livePictures}>
      <p>
        {cameras.map(({ id }) => (
          <button
            key={id}
            type="button"
            aria-pressed={id === shown}
            onClick={() => setShown(id === shown ? null : id)}
          >
            {id}
          </button>
        ))}
      </p>
      {camera && <Tile key={camera.id} camera={camera} />}
    </section>
  );
}
