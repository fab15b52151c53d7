// What the cameras kept of the moment shown: clips that cover it, sought to it, and pictures taken close to it.
import { useEffect, useRef } from "react";
import type { EvidenceView } from "../../contract";
import type { PlayerState } from "./player";
import type { Words } from "./words";

const APART_S = 0.4; // further from the player's clock, and the clip is sought anew
const PLAYS_UP_TO = 4; // faster, and it is shown picture by picture
const MOST = 4;

interface Props {
  files: readonly EvidenceView[];
  shown: PlayerState;
  t: Words;
}

export function Pictures({ files, shown, t }: Props) {
  if (files.length === 0) return <p className="quiet">{t.noPictures}</p>;
  return (
    <div className="pictures">
      {files.slice(0, MOST).map((file) => (
        <Picture key={`${file.kind}/${file.sha256}`} {...{ file, shown, t }} />
      ))}
    </div>
  );
}

function Picture({ file, shown, t }: { file: EvidenceView; shown: PlayerState; t: Words }) {
  const away = (shown.atUs - file.start_us) / 1e6;
  const why =
    file.place === "gone" ? t.gone : file.url === null ? t.atNode(file.node) : file.plays_in_browser ? null : t.noBrowser(file.codec);
  return (
    <figure>
      {why === null && file.kind === "clip" && <Clip url={file.url ?? ""} atS={away} shown={shown} name={`${t.clip}: ${file.camera}`} />}
      {why === null && file.kind === "snapshot" && <img src={file.url ?? ""} alt={`${t.picture}: ${file.camera}`} />}
      <figcaption className="quiet">
        {file.kind === "clip" ? t.clip : t.picture} · {file.camera}
        {file.kind === "snapshot" && Math.abs(away) >= 1 && ` · ${t.taken(`${Math.abs(away).toFixed(0)} s`, away > 0)}`}
        {file.is_masked && ` · ${t.masked}`}
        {why !== null && ` · ${why}`}
      </figcaption>
    </figure>
  );
}

function Clip({ url, atS, shown, name }: { url: string; atS: number; shown: PlayerState; name: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const { isPlaying, speed } = shown;
  const plays = isPlaying && speed <= PLAYS_UP_TO && shown.kind === "frame";
  useEffect(() => {
    const clip = video.current;
    if (!clip) return;
    clip.playbackRate = speed <= PLAYS_UP_TO ? speed : 1;
    if (plays) void clip.play().catch(() => undefined);
    else clip.pause();
  }, [plays, speed]);
  useEffect(() => {
    const clip = video.current;
    if (clip && !clip.seeking && Math.abs(clip.currentTime - atS) > (plays ? APART_S : 0.02)) clip.currentTime = Math.max(0, atS);
  }, [atS, plays]);
  return <video ref={video} src={url} muted playsInline preload="auto" aria-label={name} />;
}
