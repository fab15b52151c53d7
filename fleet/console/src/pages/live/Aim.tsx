// A click in the picture of a fixed camera is a point on the ground: an order that somebody thinks of. It is looked at
// and given on the Vehicles page, with the gate's answer.
import { type MouseEvent, useState } from "react";
import type { Camera } from "../../contract";
import { useWords } from "../../language";
import { answered } from "../../reading";
import { go } from "../../route";
import { orderAt, pixelOf } from "./wall";
import { LIVE } from "./words";

export function Aim({ camera }: { camera: Camera }) {
  const t = useWords(LIVE);
  const [isAiming, aim] = useState(false);
  const [problem, setProblem] = useState("");
  const point = async (event: MouseEvent<HTMLButtonElement>) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    const isKey = event.detail === 0; // Enter: the middle
    const at = isKey ? { x: width / 2, y: height / 2 } : { x: event.clientX - left, y: event.clientY - top };
    const pixel = pixelOf(at, { width, height }, camera.lens);
    if (!pixel) return;
    try {
      const query = `x_px=${pixel.x.toFixed(1)}&y_px=${pixel.y.toFixed(1)}`;
      const seen = await answered<{ point: { lat_deg: number; lon_deg: number } }>(
        await fetch(`/api/v1/cameras/${camera.id}/ground?${query}`),
      );
      go(orderAt(seen.point));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : t.noGround);
    }
  };
  return (
    <>
      {isAiming && <button type="button" className="wall-aim" aria-label={t.aimHere(camera.id)} onClick={(event) => void point(event)} />}
      <p className="wall-point">
        <button type="button" aria-pressed={isAiming} onClick={() => aim(!isAiming)}>
          {t.aim}
        </button>
        {isAiming && <span>{problem || t.aimHint}</span>}
      </p>
    </>
  );
}
