// A camera's live picture, one at a time; it says how far behind it is, and never lets an old picture look alive.
import { useEffect, useRef, useState } from "react";
import type { Camera } from "../../contract";
import { View, type ViewState } from "../../view";
import { isOld, viewLine } from "../../words";

const TOLD_EACH_MS = 250; // each picture is drawn; the line under it needs less

function Live({ camera }: { camera: Camera }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<ViewState | null>(null);
  const [nowMs, setNowMs] = useState(Date.now());

  useEffect(() => {
    if (!canvas.current) return undefined;
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const url = `${scheme}://${window.location.host}/api/v1/cameras/${camera.id}/live`;
    let latest: ViewState | null = null;
    const view = new View(url, canvas.current, (told) => {
      latest = told;
    });
    view.start();
    const timer = setInterval(() => {
      setState(latest);
      setNowMs(Date.now());
    }, TOLD_EACH_MS);
    return () => {
      clearInterval(timer);
      view.stop();
    };
  }, [camera.id]);

  return (
    <figure className={isOld(state, nowMs) ? "live old" : "live"}>
      <canvas ref={canvas} aria-label={`Live picture of ${camera.id}`} width={320} height={180} />
      <figcaption role="status">{viewLine(state, camera.node, nowMs)}</figcaption>
    </figure>
  );
}

export function Cameras({ cameras }: { cameras: readonly Camera[] }) {
  const [shown, setShown] = useState<string | null>(null);
  const camera = cameras.find((each) => each.id === shown);
  return (
    <section className="cameras" aria-label="Live pictures">
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
      {camera && <Live key={camera.id} camera={camera} />}
    </section>
  );
}
