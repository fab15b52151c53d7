// Sounds made here, no file needed: three rising tones for an alarm, one low for trouble. Muted per machine.
import { useSyncExternalStore } from "react";

const KEY = "vedette.muted";
const listeners = new Set<() => void>();
let isMuted = localStorage.getItem(KEY) === "yes";
let context: AudioContext | null = null;

export function mute(next: boolean): void {
  isMuted = next;
  localStorage.setItem(KEY, next ? "yes" : "no");
  for (const listener of listeners) listener();
}

export function useMuted(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => isMuted,
  );
}

export const TONES_HZ = { alarm: [660, 880, 1100], trouble: [330] } as const;
const TONE_S = 0.16;

/** Nothing where sounds are off, or where the browser wants a click first. */
export function sound(what: keyof typeof TONES_HZ): void {
  if (isMuted || typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  void context.resume().catch(() => undefined);
  const { currentTime, destination } = context;
  for (const [n, hz] of TONES_HZ[what].entries()) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const begin = currentTime + n * TONE_S;
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0.18, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + TONE_S);
    tone.connect(volume).connect(destination);
    tone.start(begin);
    tone.stop(begin + TONE_S);
  }
}
