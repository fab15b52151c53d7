// A clip with what was detected drawn over it, from data. The scrubber, the map and the timeline share its moment.
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { Camera, EvidenceView } from "../../contract";
import { drawBoxes } from "./drawing";
import { boxesAt, type Moment } from "./moments";
import { Scrubber } from "./Scrubber";
import { keyMeans, learnt, SPEEDS, secondAt, stepTo, usAt } from "./stepping";
import { fill, type Words } from "./words";

export interface Seek {
  atUs: number;
  nth: number; // the same moment may be asked for again
}

interface Props {
  clip: EvidenceView;
  camera: Camera | undefined;
  moments: readonly Moment[];
  subjects: ReadonlySet<number>; // tracks that the incident is about
  beganUs: number | null;
  atUs: number;
  seek: Seek | null;
  onMoment: (atUs: number) => void;
  clock: (atUs: number) => string;
  tabs: ReactNode;
  t: Words;
}

const TOLD_MS = 100; // how often the rest of the page follows while it plays
const STUCK_TRIES = 8; // until a step has shown another frame

export function Player({ clip, camera, moments, subjects, beganUs, atUs, seek, onMoment, clock, tabs, t }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useRef<{ shownS: number; frameS: number | null; toldMs: number }>({ shownS: 0, frameS: null, toldMs: 0 });
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [withBoxes, setWithBoxes] = useState(true);
  const seen = boxesAt(moments, clip.camera, atUs);

  const draw = useCallback(() => {
    const element = video.current;
    const board = canvas.current;
    if (!element || !board) return;
    board.width = camera?.lens.width_px ?? (element.videoWidth || 1280);
    board.height = camera?.lens.height_px ?? (element.videoHeight || 720);
    const boxes = withBoxes ? boxesAt(moments, clip.camera, usAt(clip.start_us, frame.current.shownS)) : null;
    drawBoxes(board, boxes ?? [], subjects);
  }, [camera, clip, moments, subjects, withBoxes]);

  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    let handle = 0;
    const shown = (nowMs: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      const known = frame.current;
      known.frameS = learnt(known.frameS, known.shownS, mediaTime);
      known.shownS = mediaTime;
      draw();
      if (element.paused || nowMs - known.toldMs >= TOLD_MS) {
        known.toldMs = nowMs;
        onMoment(usAt(clip.start_us, mediaTime));
      }
      handle = element.requestVideoFrameCallback(shown);
    };
    handle = element.requestVideoFrameCallback(shown);
    return () => element.cancelVideoFrameCallback(handle);
  }, [clip, draw, onMoment]);

  useEffect(draw, [draw]);
  useEffect(() => {
    if (video.current) video.current.playbackRate = speed;
  }, [speed, clip]);

  const toSecond = useCallback((second: number) => {
    const element = video.current;
    if (element) element.currentTime = Math.min(Math.max(0, second), element.duration || second);
  }, []);
  useEffect(() => {
    if (seek) toSecond(secondAt(clip.start_us, seek.atUs));
  }, [seek, clip, toSecond]);

  const step = useCallback((frames: 1 | -1) => {
    const element = video.current;
    if (!element) return;
    element.pause();
    const known = frame.current;
    const from = known.shownS;
    const further = (tried: number) => {
      element.currentTime = stepTo(from, frames * tried, known.frameS, element.duration);
      if (tried >= STUCK_TRIES) return;
      element.addEventListener("seeked", () => setTimeout(() => known.shownS === from && further(tried + 1), 60), { once: true });
    };
    further(1);
  }, []);
  const toggle = useCallback(() => {
    const element = video.current;
    if (!element) return;
    if (element.paused) void element.play().catch(() => undefined);
    else element.pause();
  }, []);

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const meaning = keyMeans(event.key, event.target as HTMLElement);
      if (meaning === null) return;
      event.preventDefault();
      if (meaning === "play") toggle();
      else if (meaning === "boxes") setWithBoxes((is) => !is);
      else step(meaning === "forward" ? 1 : -1);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [step, toggle]);

  const count = seen === null ? t.boxesUnknown : seen.length === 0 ? t.boxesNone : fill(t.boxesSome, { n: seen.length });
  return (
    <section className="panel player" aria-label={t.footage}>
      <header>
        <h2>{fill(t.clipOf, { camera: clip.camera })}</h2>
        {clip.is_masked && <span className="chip">{t.masked}</span>}
        {tabs}
        <span className="grow" />
        <time>{clock(atUs)}</time>
      </header>
      <div className="screen">
        <video
          ref={video}
          src={clip.url ?? undefined}
          preload="auto"
          muted
          playsInline
          aria-label={fill(t.clipOf, { camera: clip.camera })}
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onClick={toggle}
        />
        <canvas ref={canvas} aria-hidden="true" />
      </div>
      <Scrubber
        fromUs={clip.start_us}
        untilUs={clip.end_us}
        atUs={atUs}
        beganUs={beganUs}
        onSeek={(moment) => toSecond(secondAt(clip.start_us, moment))}
        clock={clock}
        t={t}
      />
      <div className="transport">
        <button type="button" onClick={() => step(-1)} aria-label={t.stepBack} title={`${t.stepBack} ( , )`}>
          ◂▮
        </button>
        <button type="button" className="main" onClick={toggle}>
          {isPlaying ? `❚❚ ${t.pause}` : `▶ ${t.play}`}
        </button>
        <button type="button" onClick={() => step(1)} aria-label={t.stepForward} title={`${t.stepForward} ( . )`}>
          ▮▸
        </button>
        <label>
          {t.speed}
          <select value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
            {SPEEDS.map((each) => (
              <option key={each} value={each}>
                {each}×
              </option>
            ))}
          </select>
        </label>
        <label>
          <input type="checkbox" checked={withBoxes} onChange={(event) => setWithBoxes(event.target.checked)} />
          {t.boxes}
        </label>
        <span className="quiet">
          {count}, {t.boxesHint}
        </span>
      </div>
      <p className="quiet keys">{t.keys}</p>
    </section>
  );
}
