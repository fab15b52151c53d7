// Keys of the console: single letters, never while somebody writes or a dialog asks.
import { useEffect, useRef } from "react";

/** The person writes into a field, or a dialog is open: letters mean letters. */
export function isTyping(event: KeyboardEvent): boolean {
  const at = event.target instanceof HTMLElement ? event.target : null;
  return Boolean(at?.closest("input, textarea, select, [contenteditable], dialog")) || document.querySelector("dialog[open]") !== null;
}

/** What each key does on this page; Ctrl, Alt and the system's key are left to the browser. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || isTyping(event)) return;
      const act = latest.current[event.key];
      if (!act) return;
      // Enter and the arrows belong to a control that has the focus
      if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.closest("button, a, summary")) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
