// A stream while its place is on the screen: scrolled away, or in a hidden tab, nothing is asked for.
import { type RefObject, useEffect, useState } from "react";
import { liveUrl, View, type ViewState } from "../view";

const TOLD_EACH_MS = 250; // each picture is drawn; the line under it needs less

/** Whether any of the element can be seen now. */
export function useIsOnScreen(place: RefObject<HTMLElement | null>): boolean {
  const [isInView, setInView] = useState(false);
  const [isTabShown, setTabShown] = useState(!document.hidden);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const observer = new IntersectionObserver((entries) => setInView(entries.at(-1)?.isIntersecting ?? false));
    observer.observe(element);
    const onTab = () => setTabShown(!document.hidden);
    document.addEventListener("visibilitychange", onTab);
    return () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", onTab);
    };
  }, [place]);
  return isInView && isTabShown;
}

/** What the stream of a camera tells, and when that was asked. */
export function useView(
  canvas: RefObject<HTMLCanvasElement | null>,
  camera: string,
  isRunning: boolean,
): { state: ViewState | null; nowMs: number } {
  const [told, setTold] = useState<{ state: ViewState | null; nowMs: number }>(() => ({ state: null, nowMs: Date.now() }));
  useEffect(() => {
    if (!canvas.current || !isRunning) return undefined;
    let latest: ViewState | null = null;
    const view = new View(liveUrl(camera), canvas.current, (state) => {
      latest = state;
    });
    view.start();
    const timer = setInterval(() => setTold({ state: latest, nowMs: Date.now() }), TOLD_EACH_MS);
    return () => {
      clearInterval(timer);
      view.stop();
      setTold({ state: null, nowMs: Date.now() });
    };
  }, [canvas, camera, isRunning]);
  return told;
}
