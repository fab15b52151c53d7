// A camera's live picture with what it is worth: the same on every page. It never lets an old picture look alive.
import { type ReactNode, useEffect, useRef } from "react";
import type { Camera } from "../contract";
import { useWords } from "../language";
import { captionOf } from "./caption";
import "./tile.css";
import { useIsOnScreen, useView } from "./useView";
import { TILE } from "./words";

interface TileProps {
  camera: Camera;
  waitsFor?: string; // why it asks for nothing though it is on the screen
  onScreen?: (camera: string, isOnScreen: boolean) => void;
  onMost?: (cameras: number) => void; // how many the coordinator shows at once
  children?: ReactNode; // over the picture
}

export function Tile({ camera, waitsFor = "", onScreen, onMost, children }: TileProps) {
  const t = useWords(TILE);
  const place = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const isOnScreen = useIsOnScreen(place);
  const isRunning = isOnScreen && !waitsFor;
  const { state, nowMs } = useView(canvas, camera.id, isRunning);
  useEffect(() => onScreen?.(camera.id, isOnScreen), [camera.id, isOnScreen, onScreen]);
  const most = state?.mostCameras ?? null;
  useEffect(() => {
    if (most !== null) onMost?.(most);
  }, [most, onMost]);
  const caption = isRunning
    ? captionOf(state, camera.node, nowMs, t)
    : { worth: "lost", word: t.paused, line: waitsFor || t.paused };
  return (
    <figure ref={place} className={`tile ${caption.worth}`}>
      <div className="tile-picture">
        <canvas ref={canvas} role="img" aria-label={t.pictureOf(camera.id)} width={320} height={180} />
        {caption.word && <b className="tile-word">{caption.word}</b>}
        {children}
      </div>
      <figcaption title={t.behind}>
        <b>{camera.id}</b> <span role="status">{caption.line}</span>
      </figcaption>
    </figure>
  );
}
